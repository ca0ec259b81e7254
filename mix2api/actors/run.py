"""One run from its acceptance to its `end`: calls the upstream, passes on what it says, and has every step logged.

Order is everything here (ADR 0002): `request` is durable before the upstream is called, `end` before the finish
leaves. The first cause wins: frames are taken in the order of the wire, and `stop` counts at the moment it is called.
"""

from contextlib import suppress
from functools import partial

import trio
from msgspec.structs import replace

from mix2api.actors import refusals
from mix2api.actors.acceptance import Acceptance, accept
from mix2api.actors.answer_usage import usage_of_run
from mix2api.actors.budgets import TurnBudget
from mix2api.actors.conclusion import completed_run, end_of_lost, last_reply, site_lost_it, waiting_place
from mix2api.actors.environment import (
    END_BUSY_LIMIT_S,
    END_LIMIT_S,
    SNAPSHOT_EVERY,
    Environment,
)
from mix2api.actors.phase import Phase
from mix2api.actors.request_facts import accepted_reply, request_event, unseen_of
from mix2api.actors.run_record import RunPhase, RunRecord, wait_durable
from mix2api.actors.run_tools import translation_of
from mix2api.actors.turns import PendingTurn
from mix2api.actors.upstream_turn import fault_chunk, upstream_call
from mix2api.budget.usage import SettledUsage
from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.events.audit_entry import end_summary
from mix2api.events.codec import UnreadableEvent
from mix2api.events.kinds import UNNUMBERED, End, UpstreamChunk
from mix2api.events.log import DURABLE, Closing, Outcome, Ticket
from mix2api.sessions.commands import Command, ConcludeRun, RecordChunk, RetireSession, StopRun
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import fold
from mix2api.sessions.snapshot import encode_snapshot
from mix2api.sessions.state import SessionState
from mix2api.sessions.worker_port import Ended
from mix2api.stepping import in_turn
from mix2api.upstreams.port import UpstreamCall, UpstreamFault, UpstreamStream
from mix2api.vocabulary import ChunkKind, Detail, Digest, EndReason, SessionId


class Unowned(Exception):
    """The run was not accepted: this process does not hold the session's shard. Nothing of it is in the log."""


class Run:
    """The processing of one turn. Made by the session's actor, used once.

    Args:
        environment: ports and limits.
        session_id: whose turn it is.
        state: the session before it.
        turn: the turn.
        unlogged: where the run stands while it holds deltas that the log has not got, or has not heard what became of
            those it sent; the worker's pulse flushes them.
        budget: what the turn may take, and what of it is sent. None: turns are not counted.
    """

    def __init__(
        self,
        environment: Environment,
        session_id: SessionId,
        state: SessionState,
        turn: PendingTurn,
        unlogged: "dict[Run, None]",
        budget: TurnBudget | None = None,
    ) -> None:
        self._env = environment
        self._session_id = session_id
        self._turn = turn
        self._submission = turn.submission
        self._at_ms = partial(_ms_since, environment.clock, environment.clock.monotonic_ms())
        self._unlogged = unlogged
        self._interrupt = trio.CancelScope()
        self._phase = RunPhase.ACCEPTING
        self._cause: StopRun | UpstreamFault | None = None
        """What ends the run, if not the upstream's own words. The first cause stays."""
        self._told_bytes = self._told_pieces = 0
        """Of the answer's content, as far as it has been passed on."""
        self._site_lost_it = False
        """Known with the `end`."""
        self.untold: Ended | None = None
        """Its ending, where the site had lost the session before the client saw anything: the turn is to run again, once."""
        self._budget = budget
        self._unseen = (
            unseen_of(self._submission, state, environment.options) if budget is None else budget.unseen
        )
        self._request = request_event(environment, turn, state, self._unseen, budget)
        self._translation = translation_of(self._submission, state, environment, self._at_ms)
        self._record = RunRecord(environment.log, session_id, self._submission.run_id, state)

    async def perform(self) -> SessionState | None:
        """Runs the turn to its end.

        Returns:
            The session's state after it; the state before it if the run was never accepted; None where another
            process has written to the session, so that its log alone knows.

        Raises:
            Unowned: nothing was written, and the client was told nothing.
        """
        before = self._record.state
        self._turn.run = self
        try:
            if not await self._accept():
                return None if self._phase is RunPhase.FENCED else before
            if self._budget is not None and self._budget.refused is not None:
                self.stop(EndReason.BUDGET_REJECTED, None)
            if self._cause is None:
                await self._call()
            if self._phase is RunPhase.RUNNING:
                await self._conclude()
        finally:
            self._turn.run = None  # run and turn refer to each other only for as long as the run lasts
        return self._record.state if self._phase is RunPhase.ENDED else None

    def stop(self, end_reason: EndReason, detail: str | None) -> None:
        """Ends the run with that cause, now, unless a cause stands already."""
        if self._cause is None and self._translation.phase is Phase.OPEN:
            self._cause = self._stopped(end_reason, detail)
            self._interrupt.cancel()

    def flush(self) -> None:
        """Logs the deltas that were held back, and hears of those before. Never raises: the worker's pulse calls."""
        try:
            self._translation.tally.flush()
            self._log(self._translated())
        except Exception as fault:  # noqa: BLE001 - part of the supervision of a run: its fault stays its own
            self._blame(fault)

    def _stopped(self, end_reason: EndReason, detail: str | None) -> StopRun:
        return StopRun(
            run_id=self._submission.run_id, at_ms=self._at_ms(), end_reason=end_reason, detail=detail
        )

    def _blame(self, fault: Exception) -> None:
        self._env.on_fault(self._session_id, fault)
        self.stop(EndReason.ADAPTER_ERROR, type(fault).__name__)

    async def _accept(self) -> bool:
        """Makes the run durable. False: it is not in the log, and its client has been told.

        Raises:
            Unowned: it is not in the log, and its client waits.
        """
        acceptance = await accept(self._env, self._turn, self._request, self._record, self._too_late)
        if acceptance is Acceptance.FENCED:
            self._phase = RunPhase.FENCED
            if self._cause is None:
                self._turn.run = None
                raise Unowned
            self._turn.end(refusals.not_owner())
        if acceptance is not Acceptance.ACCEPTED:
            return False
        self._phase = RunPhase.RUNNING
        if not self._turn.over:  # else it came too late, and its client knows
            request = self._request
            self._turn.session_id = self._session_id
            limit = None if self._budget is None else self._budget.limit
            self._turn.tell_accepted(accepted_reply(self._session_id, request, limit))
        return True

    def _too_late(self, told: Ended) -> None:
        self._turn.perhaps_in = self._session_id
        self.stop(told.end_reason, told.detail)

    # --- calling

    async def _call(self) -> None:
        """Calls the upstream and concludes inside the call if it finished well, so that the connection is kept."""
        run_id = self._submission.run_id
        try:
            opened = UpstreamChunk(run_id=run_id, seq=UNNUMBERED, kind=ChunkKind.OPEN, at_ms=self._at_ms())
            self._log([RecordChunk(opened)])
            with self._interrupt:
                async with self._env.upstream.open(self._upstream_call()) as stream:
                    await self._listen(stream)
                    if self._translation.phase is Phase.FINISHED:
                        await self._conclude()
        except UpstreamFault as fault:
            if self._cause is None and self._translation.phase is Phase.OPEN:
                self._cause = fault.again()
        except Exception as fault:
            if self._phase is not RunPhase.RUNNING:
                raise  # the end is written: what is left is the client, and that is the worker's to tell
            self._blame(fault)

    def _upstream_call(self) -> UpstreamCall:
        limit = None if self._budget is None else self._budget.limit
        call = upstream_call(self._env, self._submission, self._record.state, self._unseen, limit)
        self._translation.expected_session = call.session
        return call

    async def _listen(self, stream: UpstreamStream) -> None:
        translation, replies, limit = self._translation, self._turn.replies, self._env.options.backlog_bytes
        async for batch in stream:
            if self._cause is not None:
                return  # it came in the same turn of the loop as the cause that stands, and after it
            is_left = translation.take(batch)
            self._pass_on()
            if is_left:
                await self._go_on()
            if translation.phase is not Phase.OPEN:
                return
            if replies.held_bytes > limit:
                await self._wait_for_client(stream)
        raise UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, "the answer broke off")

    async def _go_on(self) -> None:
        """Translates what is left of a large batch, in portions: other tasks run between them."""
        try:
            is_left = True
            while is_left:
                await trio.lowlevel.checkpoint()
                if self._cause is not None:
                    return
                is_left = self._translation.go_on()
                self._pass_on()
        finally:
            self._translation.let_go()

    def _pass_on(self) -> None:
        """Gives what has been translated to the client and to the log; after a cause `_conclude` writes the log's part."""
        answer, tally = self._translation.answer, self._translation.tally
        if tally.account is not None and self._env.options.expose_account:
            self._turn.tell_account(tally.account)
        if answer.replies:
            told_bytes, self._told_bytes = self._told_bytes, tally.content_bytes
            told, self._told_pieces = self._told_pieces, self._translation.deltas
            self._turn.replies.put(
                answer.replies,
                tally.content_bytes - told_bytes,
                self._env.clock.monotonic_ms(),
                pieces=self._told_pieces - told,
            )
            answer.replies = []
        if self._translation.phase is not Phase.OPEN:
            return
        if tally.is_due:
            self._log(self._translated())
        if tally.kind is not None or tally.commands:
            self._unlogged[self] = None

    async def _wait_for_client(self, stream: UpstreamStream) -> None:
        """Waits until the client has taken half of what may wait for it, as long as it takes anything."""
        replies, options = self._turn.replies, self._env.options
        stream.pause()
        while replies.held_bytes > options.backlog_bytes // 2:
            with trio.move_on_after(options.stall_s) as stalled:
                await replies.wait_taken()
            if stalled.cancelled_caught:
                self.stop(EndReason.CLIENT_ABORT, Detail.STALLED)
                await trio.lowlevel.checkpoint()

    # --- concluding

    async def _conclude(self) -> None:
        """Writes the cause and the `end`, then lets the ending leave. Nothing interrupts it; it has its own limit."""
        used = await self._usage()
        seal, translation = self._env.seal, self._translation
        waits_at = await in_turn(
            waiting_place(self._submission, self._request, self._session_id, translation, seal), shield=True
        )
        try:
            translation.tally.flush()
            end, ticket = self._write_end([*self._translated(), *self._causes()], used, waits_at)
        except Exception as fault:  # noqa: BLE001 - what was said cannot be recorded; that it ended can
            self._env.on_fault(self._session_id, fault)
            stop = self._cause
            if not isinstance(stop, StopRun):
                stop = self._stopped(EndReason.ADAPTER_ERROR, type(fault).__name__)
            end, ticket = self._write_end([stop], used, waits_at)
        self._phase = RunPhase.ENDED
        refused = None if self._budget is None else self._budget.refused
        ended = last_reply(end, self._submission, self._translation, self._cause, refused)
        if not self._site_lost_it:
            ticket.on_durable(partial(self._turn.end, ended))
        outcome = await wait_durable(ticket, END_BUSY_LIMIT_S, shield=True)
        if outcome is Outcome.FENCED:
            await self._lose(end)
        else:
            self._finish(end, ended, outcome)
            if outcome is not Outcome.DROPPED:
                self._env.on_audited(self._record.asked, self._record.ended)

    async def _lose(self, end: End) -> None:
        """The log is another's or was emptied: the client must not see a finish. Who took the run over reports it."""
        self._phase = RunPhase.FENCED
        self._turn.end(refusals.taken_over())
        if not await self._is_taken_over():
            self._report(end_of_lost(end, headers_sent=self._headers_sent))

    async def _is_taken_over(self) -> bool:
        """Whether the log shows the run: another process has it then, and reports it. A store that says nothing shows nothing."""
        with trio.move_on_after(END_LIMIT_S, shield=True), suppress(StoreUnavailable, UnreadableEvent):
            return not await self._record.is_forgotten()
        return False

    @property
    def _headers_sent(self) -> bool:
        streamed = self._submission.turn.stream and self._translation.deltas > 0
        return self._turn.replies.committed or streamed

    async def _usage(self) -> SettledUsage | None:
        """The usage of an answer that the client has seen something of; None where turns are not counted."""
        if self._budget is None or not (self._headers_sent or self._translation.phase is Phase.FINISHED):
            return None
        return await usage_of_run(
            self._env, self._session_id, self._budget, self._submission.prepared, self._translation
        )

    def _write_end(
        self, commands: list[Command], used: SettledUsage | None, waits_at: tuple[Digest, ...]
    ) -> tuple[End, Ticket]:
        conclude = ConcludeRun(
            run_id=self._submission.run_id,
            at_ms=self._at_ms(),
            headers_sent=self._headers_sent,
            waits_at=waits_at,
            faithful=self._translation.answer.faithful,
            usage=None if used is None else used.usage,
            usage_source=None if used is None else used.source.value,
            runtime_tools=self._translation.tally.runtime_tools,
        )
        events, state = self._record.decided([*commands, conclude])
        end = next(event for event in events if isinstance(event, End))
        snapshot = encode_snapshot(state) if state.turns % SNAPSHOT_EVERY == 0 else None
        self._site_lost_it = site_lost_it(self._cause, self._translation)
        closing = Closing(
            summary=end_summary(
                end,
                self._translation.answer.called,
                self._turn.replies.longest_gap_ms,
                self._translation.account,
            ),
            snapshot=snapshot,
            # A turn that runs again is done when its second run is.
            inbox_entry=None if self._site_lost_it else self._turn.inbox_entry,
            waits_at=end.waits_at,
        )
        return end, self._record.submit(events, state, closing=closing)

    def _causes(self) -> list[Command]:
        """What ends the run, if the upstream's own frames do not."""
        if self._translation.phase is not Phase.OPEN:
            return []
        cause = self._cause
        if isinstance(cause, UpstreamFault):
            account = self._translation.tally.account
            return [RecordChunk(fault_chunk(self._submission.run_id, cause, self._at_ms(), account))]
        return [cause or self._stopped(EndReason.ADAPTER_ERROR, "NoCause")]

    def _finish(self, end: End, ended: Ended, outcome: Outcome | None) -> None:
        if outcome not in DURABLE:
            # The client saw an ending that the log may never know: nothing may be built on it.
            state = self._record.state
            self._record.state = fold(decide(state, RetireSession(why="end_unacked")), state)
            ended = replace(ended, acked=False)
        if self._site_lost_it and not self._turn.over:
            self.untold = ended
        else:
            self._turn.end(ended)
        self._report(end)

    def _report(self, end: End) -> None:
        if self._turn.perhaps_in is not None or self._turn.told_by_edge:
            return  # the edge told its client that it was not accepted, and has reported that
        if self._env.budgets is not None:
            self._env.budgets.learn(self._request, end)
        self._env.on_completed(
            completed_run(end, self._session_id, self._request, self._submission, self._translation)
        )

    # --- logging

    def _translated(self) -> list[Command]:
        tally = self._translation.tally
        commands: list[Command] = [*tally.commands]
        tally.commands.clear()
        tally.is_due = False
        self._unlogged.pop(self, None)
        return commands

    def _log(self, commands: list[Command]) -> None:
        if self._record.fenced:
            self.stop(EndReason.WORKER_LOST, Detail.FENCED)
        if self._record.note(commands):
            self._unlogged[self] = None


def _ms_since(clock: Clock, began_ms: float) -> int:
    """A function of the clock alone: a method of the run, which the translation holds, would be a cycle with it."""
    return int(clock.monotonic_ms() - began_ms)

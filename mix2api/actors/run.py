"""One run from its acceptance to its `end`: calls the upstream, passes on what it says, and has every step logged.

Order is everything here (ADR 0002): `request` is durable before the upstream is called, `end` before the finish
leaves. The first cause wins: frames are taken in the order of the wire, and `stop` counts at the moment it is called.
"""

from typing import Final

import trio

from mix2api.actors.environment import ACCEPT_LIMIT_S, END_LIMIT_S, SNAPSHOT_EVERY, Completed, Environment
from mix2api.actors.request_facts import offered_tools, request_event, tool_results, unseen_messages
from mix2api.actors.translation import Translation
from mix2api.actors.turns import PendingTurn
from mix2api.events.kinds import End, Event, Request, SessionNote, UpstreamChunk
from mix2api.events.log import Append, Closing, Opening, Outcome, Ticket
from mix2api.projections.summary import end_summary, request_summary
from mix2api.sessions.client_words import ended_reply
from mix2api.sessions.commands import AcceptTurn, Command, ConcludeRun, RecordChunk, StopRun
from mix2api.sessions.decide import decide
from mix2api.sessions.dispatch import Accepted, Ended
from mix2api.sessions.evolve import evolve
from mix2api.sessions.snapshot import encode_snapshot
from mix2api.sessions.state import SessionState
from mix2api.upstreams.port import UpstreamCall, UpstreamFault, UpstreamStream
from mix2api.vocabulary import ChunkKind, Detail, EndReason, SessionId

_BACKLOG: Final = 2000
"""Replies that may wait for a slow client before the upstream is read no further: ten times a usual answer's burst."""


class Run:
    """The processing of one turn. Made by the session's actor, used once.

    Args:
        environment: ports and limits.
        session_id: whose turn it is.
        state: the session before it.
        turn: the turn.
        unlogged: where the run stands while it holds deltas that the log has not got; the worker's pulse flushes them.
    """

    def __init__(
        self,
        environment: Environment,
        session_id: SessionId,
        state: SessionState,
        turn: PendingTurn,
        unlogged: "set[Run]",
    ) -> None:
        self._env = environment
        self._session_id = session_id
        self._turn = turn
        self._submission = turn.submission
        self._began_ms = environment.clock.monotonic_ms()
        self._unlogged = unlogged
        self._interrupt = trio.CancelScope()
        self._stop: StopRun | None = None
        self._fault: UpstreamFault | None = None
        self._request: Request | None = None
        self._concluded = False
        self._last_ticket: Ticket | None = None
        self._translation = Translation(
            self._submission.run_id, offered_tools(self._submission.turn), environment.seal
        )
        self.state = state

    async def perform(self) -> SessionState:
        """Runs the turn to its end.

        Returns:
            The session's state after it; the state before it if the run was never accepted.
        """
        self._turn.run = self
        before = self.state
        if not await self._accept():
            if self._request is None:
                return before
        else:
            await self._call()
        if not self._concluded:
            await self._conclude()
        return self.state

    def stop(self, end_reason: EndReason, detail: str | None) -> None:
        """Ends the run with that cause, now, unless a cause stands already."""
        if self._stop is None and self._fault is None and not self._translation.caused:
            self._stop = StopRun(
                run_id=self._submission.run_id, at_ms=self._at_ms(), end_reason=end_reason, detail=detail
            )
            self._interrupt.cancel()

    def flush(self) -> None:
        """Logs the deltas that were held back."""
        self._translation.flush()
        self._log_translated()

    def _at_ms(self) -> int:
        return int(self._env.clock.monotonic_ms() - self._began_ms)

    # --- accepting

    async def _accept(self) -> bool:
        """Makes the run durable. False: it is not to be called; `_request` tells whether it exists."""
        request = request_event(self._env, self._turn, self.state)
        results = tool_results(self._env, self._submission)
        opening = Opening(
            edge=self._submission.edge,
            request_digest=self._env.seal.digest(request.request_id, "request_id"),
            summary=request_summary(request),
        )
        ticket = self._submit(self._decided(AcceptTurn(request=request, results=results)), opening=opening)
        self._request = request
        outcome = None
        with trio.move_on_after(ACCEPT_LIMIT_S):
            outcome = await ticket.wait()
        if outcome is None:
            return await self._accept_late(ticket)
        if outcome in {Outcome.APPENDED, Outcome.ALREADY}:
            self._turn.session_id = self._session_id
            resolution = Accepted(self._session_id, request.resolution, request.resolution_reason)
            self._turn.replies.put([resolution])
            return True
        self._refuse(EndReason.OVERLOADED if outcome is Outcome.FENCED else EndReason.UNAVAILABLE)
        return False

    async def _accept_late(self, ticket: Ticket) -> bool:
        """The store did not answer in time: the client is told so now; what the store did shows later."""
        ticket.withdraw()
        self._answer_unavailable()
        if await ticket.wait() in {Outcome.APPENDED, Outcome.ALREADY}:
            self.stop(EndReason.UNAVAILABLE, None)
        else:
            self._request = None
            self._env.log.refused(1)
        return False

    def _refuse(self, end_reason: EndReason) -> None:
        self._request = None
        if end_reason is EndReason.UNAVAILABLE:
            self._env.log.refused(1)
            self._answer_unavailable()
            return
        self._turn.refuse(
            Ended(
                end_reason=end_reason,
                detail=Detail.NO_OWNER.value,
                http_status=503,
                message="this process no longer owns the session's shard; try again",
                error_type="overloaded_error",
                error_code="overloaded",
                retry_after_s=1,
            )
        )

    def _answer_unavailable(self) -> None:
        self._turn.refuse(
            Ended(
                end_reason=EndReason.UNAVAILABLE,
                http_status=503,
                message="the event log cannot be reached; nothing was accepted",
                error_type="service_unavailable_error",
                error_code="store_unavailable",
                retry_after_s=1,
            )
        )

    # --- calling

    async def _call(self) -> None:
        """Calls the upstream and concludes inside the call if it finished well, so that the connection is kept."""
        run_id = self._submission.run_id
        self._log(RecordChunk(UpstreamChunk(run_id=run_id, seq=0, kind=ChunkKind.OPEN, at_ms=self._at_ms())))
        try:
            with self._interrupt:
                async with self._env.upstream.open(self._upstream_call()) as stream:
                    await self._listen(stream)
                    if self._translation.finished:
                        await self._conclude()
        except UpstreamFault as fault:
            if self._stop is None and not self._translation.caused:
                self._fault = fault
        except Exception as fault:  # noqa: BLE001 - the supervisor of a run: any fault of ours is its ending
            self._env.on_fault(self._session_id, fault)
            self.stop(EndReason.ADAPTER_ERROR, type(fault).__name__)

    def _upstream_call(self) -> UpstreamCall:
        seal = self._env.seal
        state = self.state
        session, exchange = state.upstream_session, state.upstream_exchange
        return UpstreamCall(
            run_id=self._submission.run_id,
            request_id=self._submission.request_id,
            turn=self._submission.turn,
            messages=unseen_messages(self._submission.turn, state),
            session=None if session is None else seal.unseal(session, "upstream_session"),
            exchange=None if exchange is None else seal.unseal(exchange, "upstream_exchange"),
            authorization=self._submission.authorization,
        )

    async def _listen(self, stream: UpstreamStream) -> None:
        translation = self._translation
        async for batch in stream:
            translation.take(batch, self._at_ms())
            if translation.replies:
                self._turn.replies.put(translation.replies)
                translation.replies = []
            if translation.caused:
                return
            if translation.commands:
                self._log_translated()
            if translation.has_unlogged:
                self._unlogged.add(self)
            if self._turn.replies.backlog > _BACKLOG:
                await self._wait_for_client()
        raise UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, "the answer broke off")

    async def _wait_for_client(self) -> None:
        with trio.move_on_after(self._env.options.stall_s):
            await self._turn.replies.wait_taken()
            return
        self.stop(EndReason.CLIENT_ABORT, Detail.STALLED)
        await trio.lowlevel.checkpoint()

    # --- concluding

    async def _conclude(self) -> None:
        """Writes the cause and the `end`, then lets the ending leave. Nothing interrupts it; it has its own limit."""
        self._concluded = True
        with trio.CancelScope(shield=True):
            self._translation.flush()
            commands: list[Command] = [*self._translated(), *self._causes()]
            conclude = ConcludeRun(
                run_id=self._submission.run_id,
                at_ms=self._at_ms(),
                headers_sent=self._turn.replies.committed
                or (self._submission.turn.stream and self._had_output()),
            )
            events = self._decided(*commands, conclude)
            end = next(event for event in events if isinstance(event, End))
            snapshot = encode_snapshot(self.state) if self.state.turns % SNAPSHOT_EVERY == 0 else None
            closing = Closing(summary=end_summary(end), snapshot=snapshot, inbox_entry=self._turn.inbox_entry)
            ticket = self._submit(events, closing=closing)
            outcome = None
            with trio.move_on_after(END_LIMIT_S):
                outcome = await ticket.wait()
        self._finish(end, outcome)

    def _had_output(self) -> bool:
        return self._translation.deltas > 0

    def _causes(self) -> list[Command]:
        """What ends the run, if the upstream's own frames do not."""
        if self._translation.caused:
            return []
        if self._fault is not None:
            return [RecordChunk(self._fault_chunk(self._fault))]
        stop = self._stop or StopRun(
            run_id=self._submission.run_id,
            at_ms=self._at_ms(),
            end_reason=EndReason.ADAPTER_ERROR,
            detail="NoCause",
        )
        return [stop]

    def _fault_chunk(self, fault: UpstreamFault) -> UpstreamChunk:
        return UpstreamChunk(
            run_id=self._submission.run_id,
            seq=0,
            kind=ChunkKind.ERROR,
            at_ms=self._at_ms(),
            upstream_status=fault.status,
            cause=fault.end_reason,
            detail=fault.detail.value,
        )

    def _finish(self, end: End, outcome: Outcome | None) -> None:
        request = self._request
        if outcome is Outcome.FENCED:
            # Somebody else has ended this run in the log: what the client sees must not be a finish.
            lost = Ended(
                end_reason=EndReason.WORKER_LOST,
                detail=Detail.FENCED.value,
                http_status=503,
                message="another process took this request over",
                error_code="worker_lost",
                retry_after_s=1,
            )
            self._answer(lost)
            return
        fault = self._fault
        ended = ended_reply(
            end,
            upstream_says=self._translation.upstream_says or (fault.message if fault is not None else ""),
            retry_after_s=None if fault is None else fault.retry_after_s,
            acked=outcome is not None,
        )
        self._answer(ended)
        if request is not None:
            self._env.on_completed(
                Completed(
                    session_id=self._session_id, request=request, end=end, chunks=self._translation.deltas
                )
            )

    def _answer(self, ended: Ended) -> None:
        if not self._turn.gone:  # else it has been told already that nothing was accepted
            self._turn.replies.put([ended])

    # --- logging

    def _translated(self) -> list[Command]:
        commands: list[Command] = list(self._translation.commands)
        self._translation.commands.clear()
        self._unlogged.discard(self)
        return commands

    def _log_translated(self) -> None:
        self._log(*self._translated())

    def _log(self, *commands: Command) -> None:
        events = self._decided(*commands)
        if not events:
            return
        ticket = self._submit(events, droppable=all(_is_delta(event) for event in events))
        if self._last_ticket is not None and self._last_ticket.outcome is Outcome.FENCED:
            self.stop(EndReason.WORKER_LOST, Detail.FENCED)
        self._last_ticket = ticket

    def _decided(self, *commands: Command) -> tuple[Event, ...]:
        """Decides and folds: the events that follow, in order."""
        decided: list[Event] = []
        for command in commands:
            for event in decide(self.state, command):
                self.state = evolve(self.state, event)
                decided.append(event)
        return tuple(decided)

    def _submit(
        self,
        events: tuple[Event, ...],
        *,
        opening: Opening | None = None,
        closing: Closing | None = None,
        droppable: bool = False,
    ) -> Ticket:
        first = next(event for event in events if not isinstance(event, SessionNote))
        return self._env.log.submit(
            Append(
                session_id=self._session_id,
                run_id=self._submission.run_id,
                first_seq=first.seq,
                events=events,
                opening=opening,
                closing=closing,
                droppable=droppable,
            )
        )


_DELTAS: Final = frozenset({ChunkKind.TEXT, ChunkKind.REASONING, ChunkKind.TOOL_INPUT})


def _is_delta(event: Event) -> bool:
    return isinstance(event, UpstreamChunk) and event.kind in _DELTAS

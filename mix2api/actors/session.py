"""The actor of one session: takes its turns one after the other, in the order in which they came.

It lives in memory while there is work and for a while after (`Worker` evicts it); its state comes back from snapshot
and log. It is the only writer of its session's log.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from mix2api.actors import refusals
from mix2api.actors.budgets import TurnBudget
from mix2api.actors.environment import QUEUE_LENGTH, Environment
from mix2api.actors.logged_calls import by_id
from mix2api.actors.model_summary import summed_up_by_model
from mix2api.actors.request_facts import unseen_of
from mix2api.actors.retirement import retire
from mix2api.actors.run import Run, Unowned
from mix2api.actors.turns import PendingTurn
from mix2api.actors.upstream_turn import check_sealed_ids
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.sealing import UnsealError
from mix2api.sessions.aborting import AbortAsked, AbortedRun, AbortOutcome, is_asked_for
from mix2api.sessions.evolve import IllegalEvent
from mix2api.sessions.resolution import Reason
from mix2api.sessions.snapshot import state_of
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import Detail, EndReason, Retirement, RunId, SessionId
from mix2api.wire.responses_answer import named_by
from mix2api.wire.turn import Turn


class SessionMiss(Exception):
    """The session's log cannot be continued; `why` is a word. The turn goes to a fresh session."""

    def __init__(self, why: Reason) -> None:
        super().__init__(why.value)
        self.why = why


_MISSES: Final = {
    Reason.SCHEMA_FALLBACK: Retirement.UNREADABLE,
    Reason.EXPIRED: Retirement.VACANT,
    Reason.MOVED_ON: Retirement.BUSY,
}
"""What the reasons for which a log cannot be gone on with mean to who wants it retired."""


class RefusedTurn(Exception):
    """The turn itself is refused, before it began.

    Args:
        ended: what its client is told.
    """

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.error_code)
        self.ended = ended


class SessionActor:
    """One live session.

    Args:
        environment: ports and limits.
        session_id: whose actor it is.
        state: known for a session that was just made; None to be read from the log.
        unlogged: runs with deltas that the log has not got (`Run`).
        on_left: told of every turn that leaves the mailbox without being run.
    """

    def __init__(
        self,
        environment: Environment,
        session_id: SessionId,
        state: SessionState | None,
        unlogged: dict[Run, None],
        on_left: Callable[[PendingTurn], None],
    ) -> None:
        self.session_id = session_id
        self.idle_since_ms: float | None = None
        """Set while it has nothing to do."""
        self._env = environment
        self._state = state
        self._stale = False
        self._unlogged = unlogged
        self._on_left = on_left
        self._mailbox: list[PendingTurn] = []
        """At most `QUEUE_LENGTH` turns: an empty deque would take ten times the memory, in every idle actor."""
        self._taken: PendingTurn | None = None
        self._taken_ms = 0
        """Since when, Unix milliseconds."""
        self._wake: trio.Event | None = None
        """While it waits for something to do."""
        self._closed = False
        self._retiring: list[Callable[[Retirement], None]] = []

    def offer(self, turn: PendingTurn) -> None:
        """Puts a turn in the mailbox.

        Raises:
            Overloaded: `QUEUE_LENGTH` turns wait already.
        """
        if turn.submission.bridged is not None:
            self._supersede()
        if len(self._mailbox) >= QUEUE_LENGTH:
            raise Overloaded(
                f"{QUEUE_LENGTH} requests wait for this session already", detail=Detail.QUEUE, retry_after_s=1
            )
        self._mailbox.append(turn)
        self.idle_since_ms = None
        self._stir()

    def _supersede(self) -> None:
        """Ends what waits and what runs: a newer turn has come."""
        for turn in list(self._mailbox):
            self._leave(turn, refusals.superseded())
        if self._taken is not None and self._taken.run is None:
            self._taken.end(refusals.superseded())
        elif self._taken is not None and self._taken.run is not None:
            self._taken.run.stop(EndReason.SUPERSEDED, None)

    def abort(self, asked: AbortAsked) -> AbortOutcome:
        """Ends the run under way, and what waits, if that is asked for and the caller's."""
        turns = [*([] if self._taken is None else [self._taken]), *self._mailbox]
        wanted = [turn for turn in turns if is_asked_for(asked, self.session_id, turn.submission.bridged)]
        ours = [turn for turn in wanted if turn.submission.caller == asked.caller]
        run = None
        for turn in ours:
            if turn.run is not None:
                bridged = turn.submission.bridged
                name = self.session_id if bridged is None else bridged.client_session
                run = AbortedRun(
                    client_session_id=name, session_id=self.session_id, started_ms=self._taken_ms
                )
            if not asked.is_superseded:
                turn.stop(EndReason.CLIENT_ABORT, Detail.ASKED)
        if asked.is_superseded and ours:
            self._supersede()
        return AbortOutcome(run=run, is_foreign=bool(wanted) and not ours)

    def close(self) -> list[PendingTurn]:
        """Lets the actor leave memory.

        Returns:
            The turns that still wait; none if it is idle.
        """
        self._tell(Retirement.ALREADY if self.retired else Retirement.NOT_OWNER)
        left, self._mailbox = self._mailbox, []
        self._closed = True
        self._stir()
        return left

    def retire(self, told: Callable[[Retirement], None]) -> None:
        """Retires the session after the turn under way, before those that wait; `told` hears what became of it."""
        self._retiring.append(told)
        self.idle_since_ms = None
        self._stir()

    def forget(self) -> None:
        """Another process may write to the session from now on: what is known of it has to be read again.

        Of a session that was not begun nobody else knows.
        """
        if self._state is not VACANT:
            self._state = None
        self._stale = True

    def drain(self) -> None:
        """Ends all that it has: what waits is refused, what runs is stopped."""
        for turn in list(self._mailbox):
            self._leave(turn, refusals.draining())
        if self._taken is not None and self._taken.run is None:
            self._taken.end(refusals.draining())
        elif self._taken is not None:
            self._taken.stop(EndReason.OVERLOADED, Detail.DRAIN)

    @property
    def running(self) -> RunId | None:
        """The run that it is at; None between two turns."""
        return None if self._taken is None else self._taken.submission.run_id

    @property
    def retired(self) -> bool:
        """Whether it will never be continued."""
        return self._state is not None and self._state.stage is Stage.RETIRED

    def expire(self, now_ms: float) -> None:
        """Refuses the turns that have waited too long, and lets those go that nobody waits for."""
        for turn in list(self._mailbox):
            if turn.over or turn.deadline_ms <= now_ms:
                self._leave(turn, refusals.queued_too_long())

    def _leave(self, turn: PendingTurn, ended: Ended) -> None:
        self._mailbox.remove(turn)
        turn.end(ended)
        self._on_left(turn)

    async def next_turn(self) -> PendingTurn | None:
        """The next turn that somebody still waits for; None when the actor was closed."""
        while not self._closed:
            if self._retiring:
                await self._retire()
                continue
            if self._mailbox:
                turn = self._mailbox.pop(0)
                if not turn.over:
                    return turn
                self._on_left(turn)
                del turn  # an idle actor refers to none
                continue
            self.idle_since_ms = self._env.clock.monotonic_ms()
            self._wake = trio.Event()
            await self._wake.wait()
        return None

    def _stir(self) -> None:
        """There is something to do."""
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    async def take(self, turn: PendingTurn) -> None:
        """Runs one turn to its end.

        Raises:
            SessionMiss: the session cannot be continued and the turn has not begun.
            StoreUnavailable: the session's log cannot be read now and the turn has not begun.
            Unowned: the session's shard is another process's and the turn has not begun.
        """
        self._taken, self._taken_ms = turn, self._env.clock.now_ms()
        try:
            await self._begin(turn)
        except Unowned:
            # The lease went unnoticed: it ran out while we slept, or the store was emptied.
            if not await self._env.reclaim(self.session_id) or await self._has_begun(turn):
                self._state = None
                raise
            await self._begin(turn)
        finally:
            self._taken = None

    async def _has_begun(self, turn: PendingTurn) -> bool:
        """Whether another process took the turn out of the inbox while it held the shard: the log has its run then.

        Raises:
            StoreUnavailable: the session's log cannot be read now.
        """
        if turn.inbox_entry is None:
            return False
        try:
            history = await self._env.log.history(self.session_id)
        except UnreadableEvent:
            return True
        return any(recorded.event.run_id == turn.submission.run_id for recorded in history.recorded)

    async def _begin(self, turn: PendingTurn) -> None:
        """Runs the turn.

        Raises:
            SessionMiss: see `take`; also where the site had lost the session before the client saw anything.
            Unowned: the shard is not ours; the turn has not begun.
        """
        self._stale = False
        state = self._state if self._state is not None else await self._read_for(turn)
        self._check(turn, state)
        budget = await self._budget(turn, state)
        if turn.over:
            return  # its client left, or the process is draining
        run = Run(self._env, self.session_id, state, turn, self._unlogged, budget)
        self._state = None  # should it break, the log alone knows
        try:
            after = await run.perform()
        except Unowned:
            self._state = state if state.stage is Stage.VACANT else None
            raise
        finally:
            self._unlogged.pop(run, None)
        if not self._stale:
            self._state = after
        if run.untold is not None:
            turn.run_again(self._env.mint.run_id(), run.untold)
            raise SessionMiss(Reason.UPSTREAM_LOST)

    async def _budget(self, turn: PendingTurn, state: SessionState) -> TurnBudget | None:
        """What the turn may take of its model; None where turns are not counted, or nobody waits for this one.

        Raises:
            SessionMiss: the session is too full for it, and is retired.
        """
        budgets = self._env.budgets
        if budgets is None or turn.over:
            return None
        submission, options = turn.submission, self._env.options
        unseen = unseen_of(submission, state, options)
        budget = await budgets.plan(
            submission, state, unseen, partial(unseen_of, submission, VACANT, options)
        )
        if budget.rolled_over and not turn.over:
            await retire(self._env.log, self.session_id, state, Reason.ROLLED_OVER.value)
            self._state = None  # the log alone knows whether it was written
            raise SessionMiss(Reason.ROLLED_OVER)
        if budget.asking is not None and not turn.over:
            return await summed_up_by_model(self._env, budgets, turn, budget)
        return budget

    def _check(self, turn: PendingTurn, state: SessionState) -> None:
        """Whether this turn may continue this session. What the index said is confirmed here.

        Raises:
            SessionMiss: it may not.
        """
        submission = turn.submission
        if state.stage is Stage.VACANT:
            return
        if state.stage is Stage.RETIRED:
            raise SessionMiss(Reason.RETIRED)
        if state.isolation != submission.isolation:
            raise SessionMiss(Reason.FOREIGN)
        if submission.taken is not None and submission.taken not in state.waits_at:
            raise SessionMiss(Reason.MOVED_ON)
        age_ms = self._env.clock.now_ms() - state.ended_ms
        if age_ms > self._env.options.session_ttl_s * 1000 and submission.bridged is None:
            raise SessionMiss(Reason.EXPIRED)
        if submission.turn.previous_response is not None:
            self._check_previous(submission.turn, state)

    def _check_previous(self, turn: Turn, state: SessionState) -> None:
        """Whether the response that the turn goes on from is the session's last, and its results are of that session's calls.

        Raises:
            SessionMiss: another turn came in between.
            RefusedTurn: a result of a call that the session did not make.
        """
        named = named_by(turn.previous_response or "")
        if named is None or named[1] != state.extended_by:
            raise SessionMiss(Reason.MOVED_ON)
        called = {call.tool_call_id for call in state.calls}
        for message in turn.messages:
            if message.role == "tool" and by_id(message.tool_call_id or "", self._env.seal) not in called:
                raise RefusedTurn(refusals.unknown_call())

    async def _retire(self) -> None:
        try:
            state = self._state if self._state is not None else await self._read()
            retirement = await retire(self._env.log, self.session_id, state)
        except SessionMiss as miss:
            retirement = _MISSES[miss.why]
        except StoreUnavailable:
            retirement = Retirement.UNAVAILABLE
        except Exception as fault:  # noqa: BLE001 - as in the supervisor of turns: it stays this session's own
            self._env.on_fault(self.session_id, fault)
            retirement = Retirement.UNAVAILABLE
        if retirement is not Retirement.VACANT:
            self._state = None  # the log alone knows: a note may stand there though nobody said so
        self._tell(retirement)

    def _tell(self, retirement: Retirement) -> None:
        asked, self._retiring = self._retiring, []
        for told in asked:
            told(retirement)

    async def _read_for(self, turn: PendingTurn) -> SessionState:
        """The session as the log has it. Of a bridged turn a run under way elsewhere is superseded: the shard was handed over.

        Raises:
            SessionMiss: see `_read`.
        """
        try:
            return await self._read()
        except SessionMiss as miss:
            caller = None if turn.submission.bridged is None else turn.submission.caller
            if miss.why is Reason.MOVED_ON and caller is not None:
                asked = AbortAsked(caller=caller, session_id=self.session_id, is_superseded=True)
                await self._env.supersede_elsewhere(asked)
            raise

    async def _read(self) -> SessionState:
        try:
            state = state_of(await self._env.log.history(self.session_id))
            check_sealed_ids(state, self._env.seal)
        except (UnreadableEvent, IllegalEvent, UnsealError) as fault:
            raise SessionMiss(Reason.SCHEMA_FALLBACK) from fault
        if state.stage is Stage.VACANT:
            raise SessionMiss(Reason.EXPIRED)
        if state.stage not in {Stage.WAITING, Stage.RETIRED}:
            raise SessionMiss(Reason.MOVED_ON)
        return state

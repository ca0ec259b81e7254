"""The actor of one session: takes its turns one after the other, in the order in which they came.

It lives in memory while there is work and for a while after (`Worker` evicts it); its state comes back from snapshot
and log. It is the only writer of its session's log.
"""

from collections import deque
from collections.abc import Callable

import trio

from mix2api.actors.environment import QUEUE_LENGTH, Environment
from mix2api.actors.run import Run
from mix2api.actors.turns import PendingTurn
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.sessions.dispatch import Ended
from mix2api.sessions.evolve import IllegalEvent, fold
from mix2api.sessions.snapshot import decode_snapshot
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.vocabulary import Detail, EndReason, SessionId


class SessionMiss(Exception):
    """The session's log cannot be continued; `why` is a word. The turn goes to a fresh session."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


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
        unlogged: set[Run],
        on_left: Callable[[], None],
    ) -> None:
        self.session_id = session_id
        self.idle_since_ms: float | None = None
        """Set while it has nothing to do."""
        self.run: Run | None = None
        self._env = environment
        self._state = state
        self._unlogged = unlogged
        self._on_left = on_left
        self._mailbox: deque[PendingTurn] = deque()
        self._wake = trio.Event()
        self._closed = False

    def offer(self, turn: PendingTurn) -> None:
        """Puts a turn in the mailbox.

        Raises:
            Overloaded: `QUEUE_LENGTH` turns wait already.
        """
        if len(self._mailbox) >= QUEUE_LENGTH:
            raise Overloaded(
                f"{QUEUE_LENGTH} requests wait for this session already", detail=Detail.QUEUE, retry_after_s=1
            )
        self._mailbox.append(turn)
        self.idle_since_ms = None
        self._wake.set()

    def close(self) -> None:
        """Lets the actor leave memory. Only an idle one is closed."""
        self._closed = True
        self._wake.set()

    @property
    def retired(self) -> bool:
        """Whether it will never be continued."""
        return self._state is not None and self._state.stage is Stage.RETIRED

    def expire(self, now_ms: float) -> None:
        """Refuses the turns that have waited too long."""
        for turn in list(self._mailbox):
            if turn.deadline_ms <= now_ms:
                self._mailbox.remove(turn)
                turn.refuse(_queued_too_long())
                self._on_left()

    async def next_turn(self) -> PendingTurn | None:
        """The next turn that somebody still waits for; None when the actor was closed."""
        while not self._closed or self._mailbox:
            if self._mailbox:
                turn = self._mailbox.popleft()
                if not turn.gone:
                    return turn
                self._on_left()
                continue
            self.idle_since_ms = self._env.clock.monotonic_ms()
            self._wake = trio.Event()
            await self._wake.wait()
        return None

    async def take(self, turn: PendingTurn) -> None:
        """Runs one turn to its end.

        Raises:
            SessionMiss: the session cannot be continued and the turn has not begun.
            StoreUnavailable: the session's log cannot be read now and the turn has not begun.
        """
        state = self._state if self._state is not None else await self._read()
        if state.stage is Stage.RETIRED:
            raise SessionMiss("retired")
        self.run = Run(self._env, self.session_id, state, turn, self._unlogged)
        try:
            self._state = await self.run.perform()
        finally:
            self._unlogged.discard(self.run)
            self.run = None

    async def _read(self) -> SessionState:
        try:
            history = await self._env.log.history(self.session_id)
            start = VACANT if history.snapshot is None else decode_snapshot(history.snapshot)
            state = fold((recorded.event for recorded in history.recorded), start)
        except (UnreadableEvent, IllegalEvent) as fault:
            raise SessionMiss("schema_fallback") from fault
        if state.stage not in {Stage.WAITING, Stage.RETIRED}:
            raise SessionMiss("not_waiting")
        return state


def _queued_too_long() -> Ended:
    return Ended(
        end_reason=EndReason.OVERLOADED,
        detail=Detail.DEADLINE.value,
        http_status=503,
        message="the request waited too long for its session",
        error_type="overloaded_error",
        error_code="overloaded",
        retry_after_s=1,
    )


def refused_unavailable(fault: StoreUnavailable) -> Ended:
    """The answer for a turn whose session cannot be read."""
    return Ended(
        end_reason=EndReason.UNAVAILABLE,
        http_status=fault.status,
        message=fault.message,
        error_type=fault.type,
        error_code=fault.error_code,
        retry_after_s=fault.retry_after_s,
    )

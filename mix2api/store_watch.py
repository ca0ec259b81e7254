"""Whether the store answers at this moment, for whoever would wait for it in vain: requests are to be refused in 500 ms.

Elapsed time alone is no evidence: a busy process takes long with a healthy store. The store counts as away when one and
the same command was unanswered at three looks, after its limit (ADR 17). Between the first two the loop has seen whether
the socket is readable, and between the last two the task that reads it has run.

A look that came late proves nothing: this process was not scheduled, and perhaps Redis was not either (`LateLooks`).
"""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol

import trio
from attrs import define

from mix2api.clock import Clock
from mix2api.vocabulary import SessionId

Silence = frozenset[tuple[str, float]]
"""Connections that are lost, or whose command is unanswered for longer than its limit, and since when (monotonic ms)."""
_FIRST_LOOK_S: Final = 0.35
"""A command that is sent now counts as unanswered in 400 ms: a watch that looked sooner would see nothing."""
_CALM_S: Final = 0.04
"""Between two looks while every connection answers."""
_LOOK_S: Final = 0.02
"""Between two looks at silence. With the third look at most 480 ms have passed, which leaves 20 for the answer."""
_LATE_S: Final = 0.05
"""A look is late when it comes so much after it was due. A loop that runs is later only while one step holds it."""
_DOUBTED: Final = 5
"""Late looks in a row that prove nothing. A process that is always late would else wait for an away store without end."""


@define
class LateLooks:
    """Which looks at the store prove something: those that came when they were due."""

    _late: int = 0
    """In a row."""

    def doubts(self, due_s: float) -> bool:
        """Whether a look that is taken now came too late to prove anything.

        Args:
            due_s: when it was due, on the clock of the event loop.
        """
        self._late = self._late + 1 if trio.current_time() - due_s > _LATE_S else 0
        return 0 < self._late <= _DOUBTED


class Waiting(Protocol):
    """What somebody waits in: a `trio.CancelScope`, or a part of a round trip to a cluster."""

    def cancel(self) -> None:
        """The store is away: the wait is in vain."""
        ...


class StoreWatch:
    """Looks at the store's connections while somebody waits for it, and cuts short what waits in vain.

    Args:
        silence: the connections that do not answer now; empty if all do. Never waits.
        clock: for how long it has been so.
        on_refused: told of each request that is refused because of it.
    """

    def __init__(
        self, silence: Callable[[], Silence], clock: Clock, on_refused: Callable[[], None] = lambda: None
    ) -> None:
        self._silence = silence
        self._clock = clock
        self.on_refused = on_refused
        self.lacks: Callable[[SessionId], bool] | None = None
        """Whether the part of the store that has a session is away. None: the store has no parts (ADR 117)."""
        self._waiting: set[Waiting] = set()
        self._wanted = trio.Event()
        self._late = LateLooks()
        self._away_since_ms: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether the store did not answer when it was last looked at."""
        return self._away_since_ms is not None

    @property
    def away_ms(self) -> float:
        """For how long it has been known to be away; 0 if it is not."""
        since_ms = self._away_since_ms
        return 0.0 if since_ms is None else self._clock.monotonic_ms() - since_ms

    def look_soon(self) -> None:
        """Has `watch` look, though nobody waits in `patience`."""
        self._wanted.set()

    def patience(self) -> "Patience":
        """A block that is left early, without an exception, once the store is away; at its first wait if it is already.

        What the block had sent to the store may still be done.
        """
        return Patience(self)

    def enter(self, scope: Waiting) -> None:
        """Somebody waits in that scope from now on."""
        if self._away_since_ms is not None:
            scope.cancel()
        self._waiting.add(scope)
        self._wanted.set()

    def leave(self, scope: Waiting) -> None:
        """Nobody waits in that scope any more."""
        self._waiting.discard(scope)

    async def watch(self) -> None:
        """Looks while somebody waits or something is silent, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            before, seen = frozenset[tuple[str, float]](), self._silence()
            if not seen:
                await trio.sleep(_FIRST_LOOK_S)
                seen = self._silence()
            while self._waiting or seen:
                due_s = trio.current_time() + (_LOOK_S if seen else _CALM_S)
                await trio.sleep_until(due_s)
                silence = self._silence()
                if self._late.doubts(due_s) and silence:
                    before, seen = frozenset(), silence
                    continue
                self._conclude(is_away=bool(before & seen & silence))
                before, seen = seen, silence

    def _conclude(self, *, is_away: bool) -> None:
        if not is_away:
            self._away_since_ms = None
            return
        if self._away_since_ms is None:
            self._away_since_ms = self._clock.monotonic_ms()
        for scope in list(self._waiting):  # whoever is cancelled may leave at once
            scope.cancel()


class Patience:
    """The block of `StoreWatch.patience`. A class: two of them stand on the way of every request."""

    __slots__ = ("_scope", "_watch")

    def __init__(self, watch: StoreWatch) -> None:
        self._watch = watch
        self._scope = trio.CancelScope()

    def __enter__(self) -> None:
        """Begins to wait."""
        self._watch.enter(self._scope)
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Ends the wait; a cancellation by the watch ends here."""
        self._watch.leave(self._scope)
        return self._scope.__exit__(kind, fault, trace)

"""How late the event loop turns: a task sleeps, and sees by how much it overslept."""

from typing import Final

import trio

from mix2api.clock import Clock

_PERIOD_S: Final = 0.25
"""Four wake-ups a second cost next to nothing, and a hold of the loop is seen if it is longer than the period."""


class LoopLag:
    """One process's.

    Args:
        clock: measures.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._longest_ms = 0.0
        self.total_s = 0.0
        """All lateness since the start, in seconds."""

    async def watch(self) -> None:
        """Measures for ever."""
        while True:
            due_ms = self._clock.monotonic_ms() + _PERIOD_S * 1000
            await trio.sleep(_PERIOD_S)
            self.late(self._clock.monotonic_ms() - due_ms)

    def late(self, ms: float) -> None:
        """The loop was so late once."""
        late_ms = max(0.0, ms)
        self._longest_ms = max(self._longest_ms, late_ms)
        self.total_s += late_ms / 1000

    def take_longest_s(self) -> float:
        """The longest lateness since this was asked for the last time, in seconds."""
        longest_ms, self._longest_ms = self._longest_ms, 0.0
        return longest_ms / 1000

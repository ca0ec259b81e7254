"""Tells of turns that make no step.

An observer measures by its own monotonic clock, from its first look at a version of the turn on. The times in the log are
of other processes' wall clocks: those differ, and somebody may set them.
"""

from collections.abc import Collection

import trio
from attrs import define, field

from mix2api.conversations.ids import TurnRef


@define(eq=False)
class StallWatch:
    """The turns that one observer looks at again and again.

    Args:
        limit_s: a turn that stays in one version for longer has stalled.
    """

    _limit_s: float
    _seen: dict[TurnRef, tuple[int, float]] = field(factory=dict, init=False)
    """The last version of each turn, and when it was seen first."""

    def has_stalled(self, turn: TurnRef, version: int) -> bool:
        """Whether a turn, which is in this version now, has been in it for too long."""
        now = trio.current_time()
        before, since = self._seen.get(turn, (0, now))
        if before != version:
            self._seen[turn] = version, now
            return False
        return now - since > self._limit_s

    def keep(self, turns: Collection[TurnRef]) -> None:
        """Forgets all turns but these."""
        for turn in self._seen.keys() - set(turns):
            del self._seen[turn]

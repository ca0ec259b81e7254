"""Requests that a channel's edges refused by their own fault: a hard stop for a candidate that does not let clients in.

A refused request has no run, so no trial tells of it. Refusals come in rows: a process that is full refuses whoever comes for
seconds, and its clients come again. So neither requests nor seconds are counted, but minutes in which the canary's edges refused a
share that stable's did not.
"""

from typing import Final, NamedTuple

from attrs import define, field

from mix2api.release.trials import Trial

_MINUTE_MS: Final = 60_000
_WINDOW: Final = 10
"""Minutes that are held."""
MINUTES: Final = 4
"""Bad ones among them. A restart, or a queue that was full for two minutes, touches three at most."""
_FEWEST: Final = 5
"""Refusals of a bad minute."""
_SHARE: Final = 0.05
"""Of the minute's requests: what a step at 5 % has to rule out of turns that fail."""
_TIMES: Final = 5.0
"""Stable's share in the same minute, so many times: an outage of Redis hits all edges."""


class Refusals(NamedTuple):
    """So many requests that one edge refused at a moment."""

    at_ms: int
    canary: bool
    """The edge is the candidate's."""
    requests: int


@define
class _Minute:
    """Requests and refusals, of stable's edges and of the canary's."""

    asked: list[int] = field(factory=lambda: [0, 0])
    refused: list[int] = field(factory=lambda: [0, 0])

    @property
    def is_bad(self) -> bool:
        stable, canary = (
            refused / max(1, asked) for refused, asked in zip(self.refused, self.asked, strict=True)
        )
        return self.refused[1] >= _FEWEST and canary >= _SHARE and canary >= _TIMES * stable


@define
class RefusalStop:
    """The fold over blocks. Holds ten minutes of counts."""

    _minutes: dict[int, _Minute] = field(factory=dict)

    def take(self, trials: list[Trial], refused: list[Refusals]) -> str | None:
        """Takes a block in; why the canary is to be stopped, if it is.

        Args:
            trials: of requests that were let in.
            refused: the others.
        """
        for trial in trials:
            self._minute(trial.at_ms).asked[trial.edge_canary] += 1
        for one in refused:
            minute = self._minute(one.at_ms)
            minute.asked[one.canary] += one.requests
            minute.refused[one.canary] += one.requests
        newest = max(self._minutes, default=0)
        self._minutes = {at: minute for at, minute in self._minutes.items() if at > newest - _WINDOW}
        bad = [minute for minute in self._minutes.values() if minute.is_bad]
        if len(bad) < MINUTES:
            return None
        stable, canary = (
            f"{sum(minute.refused[side] for minute in bad)} of {sum(minute.asked[side] for minute in bad)}"
            for side in (0, 1)
        )
        return (
            f"in {len(bad)} of the last ten minutes the canary's edges refused {canary} requests by their own fault; "
            f"stable's refused {stable}"
        )

    def _minute(self, at_ms: int) -> _Minute:
        return self._minutes.setdefault(at_ms // _MINUTE_MS, _Minute())

"""Requests that a channel refused by its own fault: a hard stop for a candidate that does not take its clients' turns.

A refused request has no run, so no trial tells of it. Refusals come in rows: a process that is full refuses whoever comes for
seconds, and its clients come again. So neither requests nor seconds are counted, but minutes in which the canary refused a share
that stable did not. Edges and workers are looked at apart: a candidate has another share of the connections than of the turns.
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
"""Stable's share in the same minute, so many times: an outage of Redis hits all processes."""


class Refusals(NamedTuple):
    """So many requests that were refused at a moment."""

    at_ms: int
    edge_canary: bool
    """The edge is the candidate's."""
    canary: bool
    """The candidate refused them: its worker, or else its edge."""
    by_worker: bool
    """A worker in another process than the edge refused them, or left them unbegun."""
    requests: int


@define
class _Minute:
    """Requests and refusals, of stable and of the canary."""

    asked: list[int] = field(factory=lambda: [0, 0])
    refused: list[int] = field(factory=lambda: [0, 0])

    @property
    def is_bad(self) -> bool:
        stable, canary = (
            refused / max(1, asked) for refused, asked in zip(self.refused, self.asked, strict=True)
        )
        return self.refused[1] >= _FEWEST and canary >= _SHARE and canary >= _TIMES * stable

    def add(self, *, canary: bool, asked: int, refused: int = 0) -> None:
        """So many requests of one channel, and how many of them it refused."""
        self.asked[canary] += asked
        self.refused[canary] += refused


@define
class RefusalStop:
    """The fold over blocks. Holds ten minutes of counts."""

    _edges: dict[int, _Minute] = field(factory=dict)
    _workers: dict[int, _Minute] = field(factory=dict)

    def take(self, trials: list[Trial], refused: list[Refusals]) -> str | None:
        """Takes a block in; why the canary is to be stopped, if it is.

        Args:
            trials: of requests that were let in.
            refused: the others.
        """
        for trial in trials:
            _minute(self._edges, trial.at_ms).add(canary=trial.edge_canary, asked=1)
            _minute(self._workers, trial.at_ms).add(canary=trial.canary, asked=1)
        for one in refused:
            self._refuse(one)
        self._edges, self._workers = _newest(self._edges), _newest(self._workers)
        return _why(self._edges, "edges") or _why(self._workers, "workers")

    def _refuse(self, one: Refusals) -> None:
        at_edge = 0 if one.by_worker else one.requests
        _minute(self._edges, one.at_ms).add(canary=one.edge_canary, asked=one.requests, refused=at_edge)
        # A process that is edge and worker refuses its own turns where it is full. Stable's count here, too: what fills all
        # processes speaks against no channel. The canary's stay with the edges, or each of them would count twice.
        if one.by_worker or not one.canary:
            minute = _minute(self._workers, one.at_ms)
            minute.add(canary=one.canary, asked=one.requests, refused=one.requests)


def _minute(minutes: dict[int, _Minute], at_ms: int) -> _Minute:
    return minutes.setdefault(at_ms // _MINUTE_MS, _Minute())


def _newest(minutes: dict[int, _Minute]) -> dict[int, _Minute]:
    newest = max(minutes, default=0)
    return {at: minute for at, minute in minutes.items() if at > newest - _WINDOW}


def _why(minutes: dict[int, _Minute], who: str) -> str | None:
    bad = [minute for minute in minutes.values() if minute.is_bad]
    if len(bad) < MINUTES:
        return None
    stable, canary = (
        f"{sum(minute.refused[side] for minute in bad)} of {sum(minute.asked[side] for minute in bad)}"
        for side in (0, 1)
    )
    return (
        f"in {len(bad)} of the last ten minutes the canary's {who} refused {canary} requests by their own fault; "
        f"stable's refused {stable}"
    )

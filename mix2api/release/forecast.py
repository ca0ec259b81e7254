"""What the guard can be expected to do on a day's traffic: many plays of the simulation, summed up."""

from math import ceil, log
from typing import Final

from attrs import frozen

from mix2api.release.day import Day
from mix2api.release.draws import Draws
from mix2api.release.guard import WORKERS
from mix2api.release.simulation import NONE, Play, Played, Regression, Setup, without_outages

REGRESSIONS: Final = (
    Regression(points=0.005),
    Regression(points=0.01),
    Regression(points=0.02),
    Regression(points=0.05),
    Regression(slower=True),
)
_DAY_S: Final = 86_400.0
_NULL_BLOCK_S: Final = 20.0
"""Days without a regression are played in longer blocks: a quarter of the time, and the guard looks a quarter as often."""
_SEEDS: Final = 1_000_003
"""Between the seeds of two rows: a prime, so that no row plays another one's draws."""


@frozen(kw_only=True)
class Forecast:
    """One regression at one share, over many plays."""

    share: float
    points: float
    slower: bool
    runs: int
    found: int
    """Plays in which the guard rolled back within the limit."""
    median_s: float | None
    """Until it did; None, here and below: so many plays did not."""
    most_s: float | None
    """In 95 of 100 plays."""
    hit: int
    """Turns that went wrong by the regression, in 95 of 100 plays at most."""


@frozen(kw_only=True)
class FalseAlarms:
    """Days without a regression."""

    days: int
    alarms: int
    """Days with one."""

    @property
    def a_week(self) -> float:
        """Of days like these."""
        return 7 * self.alarms / self.days


def forecast(
    day: Day, share: float, regression: Regression, alpha: float, runs: range, limit_s: float
) -> Forecast:
    """Plays a step from its beginning.

    Args:
        day: its most common stretch is played.
        share: of the canary.
        regression: what is wrong with it.
        alpha: of the guard.
        runs: the seeds.
        limit_s: a play ends after so many seconds.
    """
    setup = Setup(
        day=without_outages(day), share=share, log_alarm=-log(alpha * WORKERS), regression=regression
    )
    plays = [Play(setup, Draws(seed * _SEEDS)).run(limit_s) for seed in runs]
    hits = sorted([play.hit for play in plays])
    return Forecast(
        share=share,
        points=regression.points,
        slower=regression.slower,
        runs=len(plays),
        found=sum([play.seconds is not None for play in plays]),
        median_s=_time(plays, 0.5),
        most_s=_time(plays, 0.95),
        hit=hits[_place(0.95, len(hits))],
    )


def false_alarms(day: Day, share: float, alpha: float, runs: range) -> FalseAlarms:
    """Plays so many whole days without a regression.

    Args:
        day: all of it is played.
        share: of the canary.
        alpha: of the guard.
        runs: the seeds; at least one.
    """
    setup = Setup(
        day=day, share=share, log_alarm=-log(alpha * WORKERS), regression=NONE, block_s=_NULL_BLOCK_S
    )
    plays = [Play(setup, Draws(-1 - seed * _SEEDS)).run(_DAY_S) for seed in runs]
    return FalseAlarms(days=len(plays), alarms=sum([play.seconds is not None for play in plays]))


def _time(plays: list[Played], share: float) -> float | None:
    """By when that share of the plays had ended in an alarm."""
    times = sorted([play.seconds for play in plays if play.seconds is not None])
    place = _place(share, len(plays))
    return times[place] if place < len(times) else None


def _place(share: float, count: int) -> int:
    return max(0, ceil(share * count) - 1)

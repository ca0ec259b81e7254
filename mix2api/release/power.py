"""Which regressions the guard can see at a step, and how long it takes: what is printed before a step.

A plan, not a promise: it reckons with the mean growth of one pooled test and its spread, and leaves the cells out. The simulation
(`mix2api.release.simulation`) plays the whole guard.
"""

from math import log, sqrt
from typing import Final

from attrs import frozen

from mix2api.release.comparison import POOLED, WEIGHTS
from mix2api.release.guard import WORKERS
from mix2api.release.judgement import Judgement
from mix2api.release.sequential import POINTS
from mix2api.release.trials import Metric

REGRESSIONS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Shares of turns that fail beside those that did before; 0.05 is five points."""
_SHARES: Final = (5, 20, 50)
"""Percent; at 100 there is nothing to compare with."""
_PATIENCE_S: Final = 600.0
"""An operator waits so long for a step."""
_SURE: Final = 1.645
"""Standard deviations below which a normal variable lies in 95 of 100 cases."""
_MIXTURE: Final = log(POINTS) / 2
"""What the mixture costs: about the square root of its alternatives say the same of some hundred bad trials."""


@frozen(kw_only=True)
class Traffic:
    """What a step has to go by."""

    rate: float
    """Turns a second, over both channels."""
    baseline: float
    """Share of bad ones on stable, above 0 and below 1."""
    share: float
    """Of the turns that the canary serves, above 0 and below 1."""


@frozen(kw_only=True)
class Sight:
    """One regression at a step."""

    points: float
    """Share of turns that fail beside the baseline."""
    seconds: float
    """After which it is found in 95 of 100 cases."""
    hit: float
    """Turns that fail by the regression until then."""


def sight(traffic: Traffic, points: float, alpha: float) -> Sight:
    """How long a regression stays unseen at a step."""
    worse = min(traffic.baseline + points, 0.999)
    canary = traffic.rate * traffic.share * worse
    stable = traffic.rate * (1 - traffic.share) * traffic.baseline
    part = canary / (canary + stable)
    won, lost = log(part / traffic.share), log((1 - part) / (1 - traffic.share))
    growth = canary * won + stable * lost
    spread = canary * won * won + stable * lost * lost
    needed = (
        log(1 / (alpha * WORKERS * POOLED * (WEIGHTS[Metric.SUCCESS] + WEIGHTS[Metric.BROKEN]))) + _MIXTURE
    )
    root = (_SURE * sqrt(spread) + sqrt(_SURE * _SURE * spread + 4 * growth * needed)) / (2 * growth)
    seconds = root * root
    return Sight(points=points, seconds=seconds, hit=seconds * traffic.rate * traffic.share * points)


def smallest(traffic: Traffic, within_s: float, alpha: float) -> Sight | None:
    """The smallest of `REGRESSIONS` that is found within so many seconds; None: none is."""
    for points in REGRESSIONS:
        found = sight(traffic, points, alpha)
        if found.seconds <= within_s:
            return found
    return None


def outlook(judged: Judgement, percent: int, alpha: float) -> str:
    """What the next step will show, by the traffic of this one; empty where there is none, or no turn has been seen.

    Args:
        judged: this step.
        percent: of fresh sessions, that the canary has now.
        alpha: of the guard.
    """
    share = next((share for share in _SHARES if share > percent), None)
    counts = next(
        (test for test in judged.tests if (test.scope, test.metric) == ("all", Metric.SUCCESS)), None
    )
    if share is None or counts is None:
        return ""
    rate = (counts.stable + counts.canary) * 1000 / (judged.until_ms - judged.since_ms)
    # A half more on each side: no bad turn yet does not mean that there is never one.
    baseline = (counts.stable_bad + 0.5) / (counts.stable + 1)
    found = smallest(Traffic(rate=rate, baseline=baseline, share=share / 100), _PATIENCE_S, alpha)
    if found is None:
        most = f"{100 * REGRESSIONS[-1]:g} points"
        return f"at {share} % not even {most} would be seen within {_PATIENCE_S / 60:.0f} minutes"
    return f"at {share} % {100 * found.points:g} points would be seen within {found.seconds:.0f} s"

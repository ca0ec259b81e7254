"""Steps of releases played on a day's numbers."""

from math import log
from typing import Any

from mix2api.release.day import Day, synthetic
from mix2api.release.draws import Draws
from mix2api.release.simulation import Play, Played, Regression, Setup, without_outages

STEADY = without_outages(synthetic(turns=1.0))


def played(seed: int, limit_s: float = 3_600, day: Day = STEADY, share: float = 0.2, **setup: Any) -> Played:
    return Play(Setup(day=day, share=share, log_alarm=log(1000), **setup), Draws(seed)).run(limit_s)


def test_the_same_seed_plays_the_same_and_another_one_does_not() -> None:
    worse = Regression(points=0.05)
    first = played(1, regression=worse)
    assert played(1, regression=worse) == first
    assert {played(seed, regression=worse).seconds for seed in range(6)} != {first.seconds}


def test_sessions_that_are_older_than_the_step_show_a_regression_sooner() -> None:
    long, worse = without_outages(synthetic(turns=5.0)), Regression(points=0.05)
    with_them, without = (played(1, day=long, regression=worse, carried=carried) for carried in (True, False))
    assert (with_them.seconds or 9_999) < (without.seconds or 9_999)

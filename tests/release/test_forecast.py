"""Many plays, summed up."""

import pytest
from attrs import evolve

from mix2api.release.day import synthetic
from mix2api.release.forecast import FalseAlarms, false_alarms, forecast
from mix2api.release.simulation import Regression

DAY = synthetic(turns=1.0)
ONE_CELL = evolve(DAY, stretches=(synthetic(rate=1.0, turns=1.0).stretches[0][:1],))
"""Without its other four, which take the time."""


def test_a_regression_that_is_found_has_times_and_hits() -> None:
    found = forecast(DAY, 0.5, Regression(points=0.2), 0.001, range(1, 9), 600)
    assert (found.share, found.points, found.slower, found.runs, found.found) == (0.5, 0.2, False, 8, 8)
    assert found.median_s is not None
    assert found.most_s is not None
    assert 5 <= found.median_s <= found.most_s < 120
    assert found.hit > 0


def test_what_too_few_plays_find_has_no_time() -> None:
    found = forecast(DAY, 0.05, Regression(points=0.005), 0.001, range(1, 4), 60)
    assert (found.found, found.median_s, found.most_s) == (0, None, None)


def test_a_stricter_guard_is_later() -> None:
    times = [
        forecast(DAY, 0.5, Regression(points=0.1), alpha, range(1, 6), 600).median_s or 9_999
        for alpha in (0.1, 1e-9)
    ]
    assert times[0] < times[1]


def test_days_without_a_regression_are_counted_and_reckoned_by_the_week() -> None:
    quiet = false_alarms(ONE_CELL, 0.2, 0.001, range(1, 2))
    assert (quiet.days, quiet.alarms, quiet.a_week) == (1, 0, 0.0)
    assert FalseAlarms(days=14, alarms=3).a_week == pytest.approx(1.5)

"""Two builds compared: ratios, the interval of their median, the verdict."""

import itertools
import math

import pytest
from bench_modules import bench_module

pairs = bench_module("pairs")


def _row(*ratios: float, failed_old: int = 0, failed_new: int = 0) -> object:
    figures = tuple(pairs.Pair(old=100.0, new=100.0 * ratio) for ratio in ratios)
    return pairs.Row("a row", "µs", figures, failed_old, failed_new)


@pytest.mark.parametrize(
    ("old", "new", "ratio"),
    [
        (2.0, 3.0, 1.5),
        (None, 3.0, 0.0),  # only the new build reached it
        (3.0, None, math.inf),
        (None, None, None),
        (0.0, 3.0, None),  # an added delay can be nothing at all
        (-0.1, 3.0, None),
    ],
)
def test_a_ratio_is_new_over_old_and_never_made_up(
    old: float | None, new: float | None, ratio: float | None
) -> None:
    assert pairs.Pair(old=old, new=new).ratio() == ratio


@pytest.mark.parametrize(
    ("count", "lowest_rank", "coverage"),
    [
        # From tables of the sign test: 1 - 2 P(Binomial(n, 1/2) < rank).
        (1, 1, 0.0),
        (5, 1, 0.9375),
        (6, 1, 0.96875),
        (8, 1, 0.9921875),
        (9, 2, 0.9609375),
        (12, 3, 0.96142578125),
        (15, 4, 0.96484375),
    ],
)
def test_the_interval_is_the_narrowest_pair_of_ranks_that_covers_enough(
    count: int, lowest_rank: int, coverage: float
) -> None:
    interval = pairs.median_interval([float(rank) for rank in range(count, 0, -1)])
    assert (interval.low, interval.high) == (lowest_rank, count + 1 - lowest_rank)
    assert interval.coverage == pytest.approx(coverage)


@pytest.mark.parametrize("count", range(1, 13))
def test_the_interval_holds_the_median_as_often_as_it_says(count: int) -> None:
    # Every way in which so many values can fall below (-1) or above (+1) a true median of 0, all alike probable.
    ways = list(itertools.product((-1.0, 1.0), repeat=count))
    found = [pairs.median_interval(way) for way in ways]
    held = sum(interval.low < 0 < interval.high for interval in found)
    assert held / len(ways) == pytest.approx(found[0].coverage)


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.0] * 6, "no worse"),
        ([1.03] * 6, "no worse"),
        ([1.04] * 6, "worse"),
        ([1.02, 1.05, 1.05, 1.06, 1.07, 1.08], "no worse"),  # the interval reaches down to 1.02
        ([1.02, *[1.05] * 8], "worse"),  # of nine, the lowest is outside the interval
        ([math.inf] * 6, "worse"),
        ([1.5] * 5, "too few pairs"),
        ([1.0] * 2, "no worse"),
        ([], "not measured"),
    ],
)
def test_a_row_is_worse_if_its_whole_interval_is_over_the_limit(ratios: list[float], verdict: str) -> None:
    assert _row(*ratios).verdict() == verdict


def test_more_failed_streams_than_before_are_worse_however_fast_the_others_are() -> None:
    assert _row(*[0.5] * 6, failed_old=0, failed_new=1).verdict() == "worse"
    assert _row(*[0.5] * 6, failed_old=1000, failed_new=1031).verdict() == "worse"
    assert _row(*[0.5] * 6, failed_old=1000, failed_new=1030).verdict() == "no worse"


def test_both_builds_come_first_equally_often_and_drift_cancels() -> None:
    turns = list(pairs.turns(4))
    assert turns == [("old", "new"), ("new", "old"), ("old", "new"), ("new", "old")]


def test_requirements_of_one_build_alone_are_told() -> None:
    assert pairs.changed_dependencies(["trio>=0.31", "redis>=7"], ["trio>=0.31", "redis>=8"]) == [
        "redis>=7 (old)",
        "redis>=8 (new)",
    ]
    assert pairs.changed_dependencies(["trio>=0.31"], ["trio>=0.31"]) == []

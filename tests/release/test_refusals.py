"""Requests that the edges or the workers of a channel refuse by their own fault."""

from collections.abc import Callable

import pytest
from release_trials import refusals, trial

from mix2api.release.draws import Draws
from mix2api.release.refusals import MINUTES, RefusalStop

BLOCK_S = 5
Chances = Callable[[int], tuple[float, float]]
"""Second -> the share of requests that stable's edges and the canary's refuse then."""


def played(
    chances: Chances, seed: int = 1, *, seconds: int = 3_600, canary: float = 0.05, at: str = "edges"
) -> int | None:
    """Twenty requests a second, so many of them at the canary's edges or workers; the second of the stop, or None."""
    draws, stop = Draws(seed), RefusalStop()
    for second in range(0, seconds, BLOCK_S):
        trials, refused = [], []
        for is_canary, count in ((False, 20 * BLOCK_S * (1 - canary)), (True, 20 * BLOCK_S * canary)):
            turned_away = draws.hits(round(count), chances(second)[is_canary])
            by = {"edge_canary": is_canary} if at == "edges" else {"worker_canary": is_canary}
            at_edge, at_worker = (is_canary, False) if at == "edges" else (False, is_canary)
            one = trial(edge_canary=at_edge, canary=at_worker, at_ms=second * 1_000)
            trials += [one] * (round(count) - turned_away)
            refused += [refusals(second * 1_000, requests=turned_away, **by)] if turned_away else []
        if stop.take(trials, refused) is not None:
            return second
    return None


@pytest.mark.parametrize("at", ["edges", "workers"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_canary_that_refuses_a_sixth_is_found_within_six_minutes(share: float, at: str) -> None:
    found = [played(lambda _: (0.0, 1 / 6), seed, seconds=600, canary=share, at=at) for seed in range(20)]
    assert all(second is not None and second <= 360 for second in found)


@pytest.mark.parametrize("at", ["edges", "workers"])
@pytest.mark.parametrize(
    "chances",
    [
        lambda _: (0.3, 0.3),  # an outage of Redis, or a crowd: everybody refuses
        lambda _: (0.01, 0.02),  # too few to tell
        lambda second: (0.0, 1.0 if second % 900 < 100 else 0.0),  # a restart of the canary, four times
        lambda second: (1.0, 0.0) if second % 600 < 300 else (0.0, 0.0),  # stable alone
    ],
)
def test_what_hits_both_and_what_passes_is_no_reason(chances: Chances, at: str) -> None:
    assert [played(chances, seed, canary=0.2, at=at) for seed in range(3)] == [None] * 3


def test_a_crowd_that_fills_stable_s_own_processes_and_the_canary_s_workers_is_no_reason() -> None:
    """Stable's process refuses its own edge's turns; the canary's worker refuses those that this edge sends it."""
    stop = RefusalStop()
    for minute in range(10):
        at_ms = minute * 60_000
        told = stop.take(
            [trial(at_ms=at_ms)] * 70 + [trial(canary=True, edge_canary=False, at_ms=at_ms)] * 70,
            [refusals(at_ms, requests=30), refusals(at_ms, worker_canary=True, requests=30)],
        )
    assert told is None


def test_refusals_of_the_canary_s_edges_say_nothing_of_its_workers() -> None:
    """Half of the connections come to the canary's edge, and a twentieth of the turns to its worker."""
    stop = RefusalStop()
    for minute in range(10):
        at_ms = minute * 60_000
        told = stop.take(
            [trial(at_ms=at_ms)] * 485
            + [trial(edge_canary=True, canary=False, at_ms=at_ms)] * 435
            + [trial(canary=True, at_ms=at_ms)] * 50,
            [refusals(at_ms, requests=15), refusals(at_ms, edge_canary=True, requests=15)],
        )
    assert told is None


def test_the_reason_has_the_counts_of_the_bad_minutes() -> None:
    stop = RefusalStop()
    for minute in range(MINUTES):
        at_ms = minute * 60_000
        told = stop.take(
            [trial(at_ms=at_ms)] * 100 + [trial(edge_canary=True, at_ms=at_ms)] * 45,
            [refusals(at_ms), refusals(at_ms, edge_canary=True, requests=5)],
        )
    assert told == (
        "in 4 of the last ten minutes the canary's edges refused 20 of 200 requests by their own fault; "
        "stable's refused 4 of 404"
    )


def test_minutes_that_are_past_are_forgotten() -> None:
    stop = RefusalStop()
    for minute in (0, 1, 2, 12):
        at_ms = minute * 60_000
        assert (
            stop.take([trial(edge_canary=True, at_ms=at_ms)], [refusals(at_ms, edge_canary=True, requests=9)])
            is None
        )
    assert (len(stop._edges), len(stop._workers)) == (1, 1)

"""What counts as slow."""

from release_trials import WHOLE, trial

from mix2api.release.thresholds import Thresholds
from mix2api.release.trials import Metric, Trial


def timed(*first_token_ms: int, canary: bool = False) -> list[tuple[Trial, int]]:
    return [(trial(canary=canary), each) for each in first_token_ms]


def test_too_few_times_give_no_threshold() -> None:
    thresholds = Thresholds()
    assert thresholds.slow(trial(), 100) == {}
    thresholds.learn(timed(*range(100, 129)))
    assert thresholds.slow(trial(), 100_000) == {}
    thresholds.learn(timed(130))
    assert thresholds.slow(trial(), 100_000) == {Metric.MEDIAN: True, Metric.TAIL: True}


def test_the_median_and_the_ninth_decile_of_stable_divide_slow_from_quick() -> None:
    thresholds = Thresholds()
    thresholds.learn(timed(*range(1, 1001)))
    assert thresholds.slow(trial(canary=True), 450) == {Metric.MEDIAN: False, Metric.TAIL: False}
    assert thresholds.slow(trial(canary=True), 550) == {Metric.MEDIAN: True, Metric.TAIL: False}
    assert thresholds.slow(trial(canary=True), 950) == {Metric.MEDIAN: True, Metric.TAIL: True}


def test_the_canarys_own_times_move_no_threshold() -> None:
    thresholds = Thresholds()
    thresholds.learn(timed(*range(100, 200)))
    thresholds.learn(timed(*[10_000] * 500, canary=True))
    assert thresholds.slow(trial(canary=True), 10_000)[Metric.MEDIAN]


def test_each_kind_of_request_has_its_own() -> None:
    thresholds = Thresholds()
    thresholds.learn(timed(*range(100, 200)))
    assert thresholds.slow(trial(cell=WHOLE), 150) == {}
    assert thresholds.slow(trial(continued=True), 150) == {}


def test_a_site_that_became_slower_is_followed_and_what_is_held_stays_small() -> None:
    thresholds = Thresholds()
    thresholds.learn(timed(*[100] * 3_000))
    thresholds.learn(timed(*[1_000] * 6_000))
    assert not thresholds.slow(trial(), 1_000)[Metric.MEDIAN]
    (times,) = thresholds._kinds.values()
    assert times.total < 2_000

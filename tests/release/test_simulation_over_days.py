"""Steps of releases played for as long as it takes."""

from math import log

import pytest
from release.test_simulation import played
from release_trials import trials

from mix2api.release.day import synthetic
from mix2api.release.draws import Draws
from mix2api.release.guard import Guard, Policy
from mix2api.release.judgement import judgement
from mix2api.release.power import Traffic, outlook, sight, smallest
from mix2api.release.settlement import Settlement
from mix2api.release.simulation import Play, Regression, Setup, without_outages
from mix2api.release.trials import Cell

TOOLS_OF_ONE = Cell("codex", stream=True, tools=True)


def test_channels_that_are_alike_give_no_alarm_even_in_an_outage() -> None:
    outage = Play(Setup(day=synthetic(), share=0.2, log_alarm=log(1000), block_s=20.0), Draws(7), 59).run(
        3_600
    )
    assert (outage.seconds, outage.hit, outage.first) == (None, 0, None)


def test_failures_that_are_resent_and_counted_singly_give_the_false_alarms_that_independence_avoids() -> None:
    day = without_outages(synthetic(rate=5.0, baseline=0.1))
    assert any(
        played(seed, 7_200, day, 0.05, singly=True, carried=False, block_s=60.0).seconds for seed in range(4)
    )
    assert not any(played(seed, 7_200, day, 0.05, carried=False, block_s=60.0).seconds for seed in range(4))


def test_a_larger_regression_is_found_earlier_and_hits_are_counted_until_then() -> None:
    small = [played(seed, share=0.5, regression=Regression(points=0.02)) for seed in range(8)]
    large = [played(seed, share=0.5, regression=Regression(points=0.2)) for seed in range(8)]
    assert max(each.seconds or 9_999 for each in large) < min(each.seconds or 9_999 for each in small)
    assert all(each.hit > 0 for each in [*small, *large])


def test_a_detection_is_later_without_the_sessions_that_are_older_than_the_step() -> None:
    long, worse = without_outages(synthetic(turns=5.0)), Regression(points=0.05)
    with_them = [played(seed, day=long, regression=worse).seconds or 9_999 for seed in range(8)]
    without = [played(seed, day=long, regression=worse, carried=False).seconds or 9_999 for seed in range(8)]
    assert sum(without) > 1.2 * sum(with_them)


def test_a_slow_first_token_is_found_by_its_times() -> None:
    found = played(3, share=0.5, regression=Regression(slower=True))
    assert found.first is not None
    assert found.first.metric.startswith("first_token")


def test_a_regression_of_one_cell_is_found_though_the_others_are_well() -> None:
    found = played(4, 7_200, regression=Regression(points=0.2, cell=TOOLS_OF_ONE))
    assert found.first is not None
    assert found.first.scope in {"all", TOOLS_OF_ONE.word}


@pytest.mark.parametrize(("share", "points"), [(0.2, 0.05), (0.5, 0.02)])
def test_the_plan_before_a_step_says_what_the_simulation_finds(share: float, points: float) -> None:
    seconds = sorted(
        [
            played(seed, share=share, regression=Regression(points=points)).seconds or 9_999
            for seed in range(40)
        ]
    )
    planned = sight(Traffic(rate=20.0, baseline=0.005, share=share), points, 0.001)
    assert seconds[20] < planned.seconds < 1.6 * seconds[37]
    assert planned.hit == pytest.approx(planned.seconds * 20 * share * points)


def test_the_smallest_regression_that_can_be_seen_shrinks_with_the_share() -> None:
    seen = [
        smallest(Traffic(rate=20.0, baseline=0.005, share=share), 600, 0.001) for share in (0.05, 0.2, 0.5)
    ]
    assert [each.points for each in seen if each is not None] == [0.05, 0.02, 0.02]


def test_with_too_little_traffic_nothing_can_be_seen_in_time() -> None:
    assert smallest(Traffic(rate=0.01, baseline=0.005, share=0.05), 600, 0.001) is None


def test_a_guard_says_what_the_next_step_will_show() -> None:
    guard = Guard(Policy())
    for _ in range(4):
        guard.take(trials(95, 0, 5, 0))
    judged = judgement(guard, Settlement(0), 0, 20_000)
    assert outlook(judged, 0, 0.001).startswith("at 5 % 5 points would be seen within ")
    assert outlook(judged, 5, 0.001).startswith("at 20 % ")
    assert outlook(judged, 50, 0.001) == ""
    slow = judgement(guard, Settlement(0), 0, 86_400_000)
    assert outlook(slow, 0, 0.001) == "at 5 % not even 20 points would be seen within 10 minutes"
    assert outlook(judgement(Guard(Policy()), Settlement(0), 0, 20_000), 0, 0.001) == ""

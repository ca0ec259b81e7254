"""A day of traffic in numbers."""

import pytest
from release_trials import STREAMS, WHOLE, trial

from mix2api.release.day import STRETCH_S, synthetic
from mix2api.release.recorded_day import RecordedDay
from mix2api.vocabulary import EndReason

STRETCH_MS = STRETCH_S * 1000


def test_the_synthetic_day_has_the_traffic_and_the_baseline_that_were_asked_for() -> None:
    day = synthetic(rate=8.0, baseline=0.01, turns=4.0)
    assert day.rate == pytest.approx(8.0)
    assert sum(kind.fresh for kind in day.stretches[0]) == pytest.approx(2.0)
    assert {kind.fresh_bad for kind in day.stretches[0]} == {0.01}
    assert len(day.stretches) * STRETCH_S == 86_400


def test_the_synthetic_day_has_one_outage_for_both_channels() -> None:
    bad = [kinds[0].fresh_bad for kinds in synthetic().stretches]
    assert sorted(bad)[-2:] == [0.005, 0.3]


def test_a_day_is_played_at_another_rate_with_the_same_shares() -> None:
    day = synthetic().at_rate(2.0)
    assert day.rate == pytest.approx(2.0)
    assert day.stretches[0][0].fresh_bad == 0.005


def recorded() -> RecordedDay:
    fold = RecordedDay()
    for number in range(600):
        fold.add(trial(at_ms=number * 1_000, first_token_ms=100 + number, bad=number % 100 == 0))
    for number in range(300):
        fold.add(
            trial(
                at_ms=STRETCH_MS + number * 2_000,
                continued=True,
                cell=WHOLE,
                bad=number < 30,
                first_token_ms=None,
            )
        )
    return fold


def test_a_recorded_day_has_the_rates_of_each_cell_and_stretch() -> None:
    day = recorded().day()
    (first,), (second,) = day.stretches
    assert (first.cell, first.fresh, first.continued) == (STREAMS, 1.0, 0.0)
    assert first.fresh_bad == pytest.approx(0.01)
    assert (second.cell, second.fresh, second.continued) == (WHOLE, 0.0, 0.5)
    assert second.continued_bad == pytest.approx(0.1)
    assert day.session_s == pytest.approx(30)


def test_a_fifth_longer_puts_more_times_above_both_quantiles() -> None:
    median, tail = recorded().day().slower
    assert 0.55 < median < 0.75
    assert 0.2 < tail < 0.4


def test_a_stretch_without_traffic_stays_empty_and_a_day_without_times_or_continued_turns_is_played_too() -> (
    None
):
    fold = RecordedDay()
    for number in range(100):
        fold.add(trial(at_ms=(number % 2) * 2 * STRETCH_MS))
    day = fold.day()
    assert [len(kinds) for kinds in day.stretches] == [1, 0, 1]
    assert (day.slower, day.session_s) == ((0.5, 0.1), 1.0)


def test_a_resent_turn_counts_once_and_a_clients_own_doing_not_at_all() -> None:
    fold = RecordedDay()
    for _ in range(6):
        fold.add(trial(bad=True, turn="same"))
    fold.add(trial(asked=False, reason=EndReason.CLIENT_ABORT))
    assert fold.turns == 1


def test_too_few_turns_make_no_day() -> None:
    with pytest.raises(ValueError, match="has 0 turns that can be compared, and needs 100"):
        RecordedDay().day()

"""Numbers drawn from a seed."""

from statistics import mean, stdev

import pytest

from mix2api.release.draws import Draws


def test_the_same_seed_gives_the_same_numbers_for_ever() -> None:
    draws = Draws(7)
    assert [draws.uniform() for _ in range(3)] == [
        0.3898297483912715,
        0.01678829452815611,
        0.9007606806068834,
    ]


def test_numbers_are_even_between_0_and_1() -> None:
    draws = Draws(1)
    numbers = [draws.uniform() for _ in range(20_000)]
    assert 0 <= min(numbers) <= max(numbers) < 1
    assert mean(numbers) == pytest.approx(0.5, abs=0.01)
    assert stdev(numbers) == pytest.approx(0.2887, abs=0.005)


def test_normal_numbers_have_mean_0_and_deviation_1() -> None:
    draws = Draws(2)
    numbers = [draws.normal() for _ in range(20_000)]
    assert mean(numbers) == pytest.approx(0, abs=0.02)
    assert stdev(numbers) == pytest.approx(1, abs=0.02)


def test_hits_have_the_mean_that_was_asked_for() -> None:
    draws = Draws(3)
    assert mean([draws.hits(200, 0.03) for _ in range(5_000)]) == pytest.approx(6, abs=0.15)
    assert draws.hits(100, 0.0) == draws.hits(0, 0.5) == 0
    assert draws.hits(9, 1.0) == 9


def test_halves_have_the_mean_and_the_spread_that_they_should() -> None:
    draws = Draws(5)
    for trials in (3, 64, 150):
        drawn = [draws.hits(trials, 0.5) for _ in range(3_000)]
        assert 0 <= min(drawn) <= max(drawn) <= trials
        assert mean(drawn) == pytest.approx(trials / 2, rel=0.03)
        assert stdev(drawn) == pytest.approx((trials / 4) ** 0.5, rel=0.06)


def test_each_thing_is_chosen_as_often_as_the_others() -> None:
    draws = Draws(4)
    chosen = [draws.choice("abc") for _ in range(3_000)]
    assert all(900 < chosen.count(each) < 1_100 for each in "abc")

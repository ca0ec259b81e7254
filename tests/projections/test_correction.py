"""A model's factor follows what its site reports, slowly and within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.projections.correction import Correction, Corrections, InputObservation


def observed(*pairs: tuple[int, int], model: str = "m") -> Corrections:
    corrections = Corrections()
    for counted, reported in pairs:
        corrections.apply(InputObservation(model=model, counted=counted, reported=reported))
    return corrections


def test_a_model_that_was_never_seen_has_a_factor_of_one() -> None:
    assert Corrections().of("m") == Correction(factor=1.0, observations=0)
    assert observed((1000, 1100)).of("other").factor == 1.0


def test_a_steady_difference_is_learnt() -> None:
    assert observed(*[(1000, 1300)] * 300).of("m").factor == pytest.approx(1.3, abs=0.01)
    assert observed(*[(1000, 1300)] * 300).of("m").observations == 300


def test_one_odd_report_moves_little() -> None:
    assert observed((1000, 2000)).of("m").factor < 1.25
    assert observed(*[(1000, 1000)] * 50, (1000, 100_000)).of("m").factor < 1.05


def test_a_site_that_changes_is_followed() -> None:
    assert observed(*[(1000, 1300)] * 300, *[(1000, 900)] * 300).of("m").factor == pytest.approx(
        0.9, abs=0.01
    )


@pytest.mark.parametrize("pair", [(31, 60), (0, 0), (1000, 0), (1000, -5)])
def test_what_says_nothing_changes_nothing(pair: tuple[int, int]) -> None:
    assert observed(pair).models == ()


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-1, 10**9)), max_size=40))
def test_a_factor_is_never_below_a_half_or_above_two(pairs: list[tuple[int, int]]) -> None:
    assert 0.5 <= observed(*pairs).of("m").factor <= 2.0


def test_the_models_that_are_remembered_are_bounded() -> None:
    corrections = Corrections()
    for place in range(1025):
        corrections.apply(InputObservation(model=f"m{place}", counted=100, reported=100))
    assert len(corrections.models) == 1024
    assert "m0" not in corrections.models

"""Whether a turn fits, as the earlier adapter reckoned it."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.decision import Allowance, Demand, Fit, Verdict, allowance_of, corrected, decide, too_long
from mix2api.budget.profile import Defaults, Profile
from mix2api.budget.profiles import table_of
from mix2api.vocabulary import EndReason

GUESSED = table_of(
    (), Defaults(context_window=10_000, max_input_tokens=8000, max_new_tokens=3000)
).profile_of("m")
PROFILE = evolve(GUESSED, known=True)


@pytest.mark.parametrize(
    ("asked", "profile", "reserved", "available"),
    [
        (None, PROFILE, 1024, 8000),
        (2500, PROFILE, 2500, 7500),
        (9999, PROFILE, 3000, 7000),
        (None, evolve(PROFILE, default_new_tokens=2200), 2200, 7800),
        (1, evolve(PROFILE, default_new_tokens=2200), 1, 8000),
        (None, evolve(PROFILE, context_window=500, max_input_tokens=500, max_new_tokens=499), 499, 1),
    ],
)
def test_room_is_reserved_for_the_output(
    asked: int | None, profile: Profile, reserved: int, available: int
) -> None:
    assert allowance_of(profile, asked) == Allowance(reserved=reserved, available=available)


@given(st.integers(2, 10**6), st.integers(1, 10**6), st.integers(1, 10**6), st.none() | st.integers(1, 10**7))
def test_input_and_output_never_exceed_the_window(
    window: int, most: int, new: int, asked: int | None
) -> None:
    defaults = Defaults(context_window=window, max_input_tokens=most, max_new_tokens=new)
    room = allowance_of(table_of((), defaults).profile_of("m"), asked)
    assert room.reserved >= 1
    assert room.available >= 1
    assert room.reserved + room.available <= window


ROOM = Allowance(reserved=100, available=1000)


@pytest.mark.parametrize(
    ("demand", "verdict"),
    [
        (Demand(history=1000), Verdict(fit=Fit.WHOLE, used=1000)),
        (Demand(history=1001), Verdict(fit=Fit.TRIM, used=1001)),
        (Demand(history=2000, held=900, new=100), Verdict(fit=Fit.CONTINUE, used=1000)),
        (Demand(history=990, held=900, new=101), Verdict(fit=Fit.WHOLE, used=990, rolled_over=True)),
        (Demand(history=2000, held=900, new=101), Verdict(fit=Fit.TRIM, used=2000, rolled_over=True)),
        (Demand(history=10, held=0, new=10), Verdict(fit=Fit.CONTINUE, used=10)),
    ],
)
def test_a_turn_continues_begins_afresh_or_is_trimmed(demand: Demand, verdict: Verdict) -> None:
    assert decide(demand, ROOM) == verdict


def test_a_count_is_corrected_upwards() -> None:
    assert corrected(100, 1.0) == 100
    assert corrected(101, 1.5) == 152
    assert corrected(3, 0.5) == 2


def test_a_refusal_says_used_budget_model_and_what_to_change() -> None:
    refusal = too_long(5000, ROOM, "mix/m")
    assert refusal.status == 400
    assert refusal.end_reason is EndReason.BUDGET_REJECTED
    body = refusal.body()
    assert (body.type, body.code, body.param) == (
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
    )
    for word in ("5000", "1000", "100", "'mix/m'", "Shorten"):
        assert word in body.message


def test_a_guessed_input_limit_trims_and_the_window_refuses() -> None:
    room = allowance_of(GUESSED, 2000)
    assert (room.available, room.most) == (8000, 8000)
    room = allowance_of(GUESSED, 1000)
    assert (room.available, room.most) == (8000, 9000)


def test_a_long_name_of_a_model_is_shown_by_its_beginning() -> None:
    refusal = too_long(20, Allowance(reserved=1, available=10), "m" * 256)
    assert f"'{'m' * 63}\u2026'" in refusal.message
    assert len(refusal.message) <= 500
    assert refusal.used == 20

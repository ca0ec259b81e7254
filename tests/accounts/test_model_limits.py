"""Which limits are a model's and which the account's: the rule, its bound, and the text that the store keeps."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.model_limits import (
    MOST,
    Limits,
    Whose,
    after_success,
    changed,
    decoded_limits,
    encoded_limits,
    limit_of,
    limited,
    model_word,
)
from mix2api.accounts.state import AccountState, Status

NOW: Final = 1_800_000_000_000
LATER: Final = NOW + 3_600_000


def met(*models: str, whose: Whose = Whose.UNTOLD, before: Limits = ()) -> Limits:
    """The limits after 429s of these models, none of which is the account's."""
    for model in models:
        found = limited(before, model, whose, NOW)
        assert not found.is_of_account
        before = found.limits
    return before


def test_a_first_limit_that_says_nothing_is_the_model_s() -> None:
    (limit,) = met("m")
    assert (limit.model, limit.is_own, limit.state.status) == ("m", False, Status.LIMITED)
    assert limit.state.probe_ms == NOW + 60_000
    assert limit_of((limit,), "other") is None


def test_a_second_model_s_limit_is_the_account_s() -> None:
    found = limited(met("m"), "other", Whose.UNTOLD, NOW)
    assert found.is_of_account
    assert found.limits == (), "the first one was the account's, too"


def test_a_limit_that_is_over_says_nothing_of_another_model() -> None:
    found = limited(met("m"), "other", Whose.UNTOLD, LATER)
    assert not found.is_of_account
    assert [one.model for one in found.limits] == ["other", "m"]


def test_a_limit_that_says_that_it_is_the_account_s_is_so_at_once() -> None:
    proven = met("m", whose=Whose.MODEL)
    found = limited((*proven, *met("other")), "third", Whose.ACCOUNT, NOW)
    assert found.is_of_account
    assert found.limits == proven, "what was proven to be a model's stays"


def test_limits_that_name_their_models_are_these_models_up_to_a_bound() -> None:
    limits = met(*(f"m{number}" for number in range(MOST)), whose=Whose.MODEL)
    assert len(limits) == MOST
    assert limited(limits, "one more", Whose.MODEL, NOW).is_of_account
    assert not limited(limits, "m0", Whose.MODEL, NOW).is_of_account
    after = limited(limits, "one more", Whose.MODEL, LATER)
    assert not after.is_of_account
    assert len(after.limits) == MOST, "the one that could be tried first gave way"


def test_a_success_of_another_model_proves_that_the_limit_is_the_model_s_own() -> None:
    limits = after_success(met("m"), "other", NOW + 1)
    assert [(one.model, one.is_own) for one in limits] == [("m", True)]
    assert after_success(limits, "other", NOW + 2) is limits
    found = limited(limits, "other", Whose.UNTOLD, NOW)
    assert not found.is_of_account
    assert [(one.model, one.is_own) for one in found.limits] == [("other", False), ("m", True)]


def test_a_success_after_the_limit_s_time_proves_nothing() -> None:
    limits = met("m")
    assert after_success(limits, "other", LATER) is limits
    both = limited(limits, "third", Whose.UNTOLD, LATER).limits
    assert {one.model: one.is_own for one in after_success(both, "x", LATER)} == {"third": True, "m": False}


def test_a_success_of_the_model_ends_its_limit() -> None:
    assert after_success(met("m"), "m", NOW) == ()
    assert after_success((), "m", NOW) == ()


def test_a_limit_that_is_met_again_waits_longer_and_follows_its_hint() -> None:
    limits = met("m", "m")
    assert (limits[0].state.failures, limits[0].state.probe_ms) == (2, NOW + 120_000)
    again = limited(limits, "m", Whose.UNTOLD, NOW, ResetHint(NOW + 5000, is_quota=False)).limits
    assert (again[0].state.probe_ms, again[0].state.reason) == (NOW + 5000, "burst")


def test_changes_are_the_limits_that_came_and_went() -> None:
    before, after = met("gone", "gone"), met("new")
    valid = AccountState()
    assert changed(before, after) == [("gone", before[0].state, valid), ("new", valid, after[0].state)]
    assert changed(met("m"), met("m", "m")) == [], "a later time is no change"


@given(models=st.lists(st.text(min_size=1), max_size=MOST, unique=True))
def test_what_is_kept_is_read_again(models: list[str]) -> None:
    limits = met(*models, whose=Whose.MODEL)
    text = encoded_limits(limits)
    assert decoded_limits(text) == limits
    assert all(f"|{model_word(model)} 1 limited " in text for model in models)
    assert text.isascii()


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "||",
        "planted",
        "|m 1 limited 1 0 - 0 1 1 x",
        "|m 2 limited 1 0 - 0 1 1 x|",
        "|m 1 valid 1 0 - 0 1 1 x|",
        "|m 1 rubbish|",
        "| 1 limited 1 0 - 0 1 1 x|",
        "|m 1 limited 1 0 - 0 1 1 x|" * 9,
    ],
)
def test_what_no_process_wrote_is_no_limit(text: str) -> None:
    assert decoded_limits(text) is None

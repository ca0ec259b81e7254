"""What a client asks of an answer's length: mapped, clamped, refused, or ignored with a word."""

import pytest
from attrs import evolve

from mix2api.budget.output_limit import Asked, OutputLimit, asked_tokens, output_limit
from mix2api.budget.profiles import ProfileTable
from mix2api.errors import InvalidRequest

PROFILE = ProfileTable().profile_of("m")

INVALID = [0, -1, 1.5, "100", True, [], {}, 2**31, float("nan")]


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
    ],
)
def test_the_newer_name_wins(fields: dict[str, object], tokens: int | None) -> None:
    assert asked_tokens(fields) == asked_tokens(fields, lenient=True) == Asked(tokens)


@pytest.mark.parametrize("value", INVALID)
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_invalid_limit_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked_tokens({name: value})
    assert caught.value.param == name


@pytest.mark.parametrize("value", INVALID)
def test_a_lenient_process_ignores_it_and_says_so(value: object) -> None:
    assert asked_tokens({"max_tokens": value}, lenient=True) == Asked(
        None, "max_tokens is no whole number of tokens and is ignored"
    )
    both = asked_tokens({"max_completion_tokens": value, "max_tokens": 5}, lenient=True)
    assert both == Asked(5, "max_completion_tokens is no whole number of tokens and is ignored")
    neither = asked_tokens({"max_completion_tokens": value, "max_tokens": value}, lenient=True)
    assert neither.warning == both.warning


def test_a_limit_goes_up_as_asked_and_at_most_the_model_s() -> None:
    assert output_limit(100, PROFILE) == OutputLimit(100)
    assert output_limit(8192, PROFILE) == OutputLimit(8192)
    assert output_limit(8193, PROFILE) == OutputLimit(8192, clamped=True)


def test_without_a_wish_the_profile_s_default_goes_up_and_never_the_reserve() -> None:
    assert output_limit(None, PROFILE) == OutputLimit(None)
    assert output_limit(None, evolve(PROFILE, default_new_tokens=2000)) == OutputLimit(2000)

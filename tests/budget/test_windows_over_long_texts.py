"""Whatever stands in a text, its windows have the tokens of the whole."""

from functools import partial

import pytest
from budget.test_windows import CHINESE, HARD, LONG, PROSE
from counted import calls_of
from hypothesis import given
from hypothesis import strategies as st
from vocabularies import exact, reference

from mix2api.budget.encodings import EncodingName
from mix2api.budget.windows import _BORDER, PERIOD, WINDOW, windows

BOTH = list(EncodingName)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_a_long_text_has_the_tokens_of_the_whole(text: str, name: EncodingName) -> None:
    assert exact(name).count(text) == reference(text, name)
    assert not any(window.is_hard for window in windows(text))


CHARACTERS = [
    *" \t\n\r\x0b\u00a0\u3000aAzZ!=-_.#*/09\u0661机。é\u0301ーが가ñж'\"{",
    "😀",
    "👍🏽",
    "\u200b",
    "\ufeff",
    "\x00",
]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("character", CHARACTERS)
def test_a_run_loses_whole_periods_and_no_token(character: str, name: EncodingName) -> None:
    text = "x " + character * (WINDOW + 4 * PERIOD + 1234) + "end"
    assert exact(name).count(text) == reference(text, name)


@given(st.characters(codec="utf-8"), st.integers(2 * PERIOD, 3 * PERIOD), st.sampled_from(BOTH))
def test_a_period_takes_the_same_wherever_it_is_added(
    character: str, length: int, name: EncodingName
) -> None:
    period = reference(character * (3 * PERIOD), name) - reference(character * (2 * PERIOD), name)
    assert (
        reference(character * (length + 2 * PERIOD), name) == reference(character * length, name) + 2 * period
    )


@given(
    st.lists(
        st.sampled_from([*PROSE, *CHINESE, "  ", "\n\n", "it's", "'s", "ab9", "\r\n", "é", "_", "🎉"]),
        min_size=1,
    )
)
def test_a_border_changes_no_count_whatever_stands_around_it(parts: list[str]) -> None:
    text = "".join(parts) * (WINDOW // len("".join(parts)) + 2)
    if any(window.is_hard for window in windows(text)):
        return  # one piece without a border: see below
    assert exact().count(text) == reference(text)


@given(
    st.text(st.sampled_from([*PROSE, *CHINESE, *"éжكกक\u093f\u0301_'-/\u3000"]), max_size=12),
    st.text(st.sampled_from([*PROSE, *CHINESE, *"éжكกक\u093f\u0301_'-/\u3000"]), max_size=12),
)
def test_both_sides_of_a_border_have_the_tokens_of_the_whole(before: str, after: str) -> None:
    border = _BORDER.match(before + after)
    if border is not None:
        whole, place = before + after, border.end()
        for name in BOTH:
            assert reference(whole[:place], name) + reference(whole[place:], name) == reference(whole, name)


@pytest.mark.parametrize("text", [*LONG.values(), *HARD.values()], ids=[*LONG, *HARD])
def test_twice_the_text_takes_twice_the_work(text: str) -> None:
    once, twice = (calls_of(partial(list, windows(each))) for each in (text * 2, text * 4))
    assert twice <= 2.1 * once + 20


@pytest.mark.parametrize("text", HARD.values(), ids=HARD.keys())
def test_a_hard_cut_changes_a_count_by_a_token_or_two(text: str) -> None:
    cuts = sum(window.is_hard for window in windows(text))
    assert 0 < cuts <= len(text) // WINDOW
    assert abs(exact().count(text) - reference(text)) <= 2 * cuts

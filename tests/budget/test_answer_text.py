"""An answer that comes in pieces is counted in parts, and has the tokens of the whole."""

from collections.abc import Iterable
from functools import partial

import pytest
from counted import calls_of
from hypothesis import given
from hypothesis import strategies as st
from vocabularies import exact, reference

from mix2api.budget.answer_text import AnswerText


def parts_of(pieces: Iterable[str]) -> list[str]:
    answer = AnswerText()
    parts = [part for piece in pieces if (part := answer.add(piece)) is not None]
    return [*parts, answer.rest()]


SAID = "It's an answer, with `code()` and 1,234 figures.\n\n"


@given(
    st.lists(
        st.sampled_from([SAID, "wor", "d", " ", "'s", "é", "12", "3", "\n", "你好", "=" * 50]), max_size=2000
    )
)
def test_the_parts_have_the_tokens_of_the_whole(pieces: list[str]) -> None:
    parts = parts_of(pieces * 3)
    assert "".join(parts) == "".join(pieces * 3)
    assert sum(map(exact().count, parts)) == reference("".join(pieces * 3))


def test_a_long_answer_is_handed_out_while_it_comes() -> None:
    parts = parts_of([SAID] * 2000)
    assert len(parts) > 20
    assert max(map(len, parts)) < 5000


def test_a_short_answer_is_one_part() -> None:
    assert parts_of(["Hello", " world"]) == ["Hello world"]
    assert parts_of([]) == [""]


def test_what_has_no_border_is_held_for_a_while_and_no_longer() -> None:
    parts = parts_of(["=" * 1000] * 200)
    assert "".join(parts) == "=" * 200_000
    assert max(map(len, parts)) <= 66_536


@pytest.mark.parametrize("piece", [SAID, "=" * 20])
def test_twice_the_answer_takes_twice_the_work(piece: str) -> None:
    small, large = (calls_of(partial(parts_of, [piece] * count)) for count in (5000, 10_000))
    assert large <= 2.1 * small

"""What was left out, in a few of its own lines."""

import histories
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.summary import HEADING, LINE_CHARS, SummaryBounds, summary_of
from mix2api.wire.turn import Message


def of(*given: histories.Given, **bounds: int) -> list[str]:
    made = summary_of(histories.messages(*given), SummaryBounds(**bounds))
    return [] if made is None else made.split("\n")


def test_the_lines_are_the_messages_own_in_their_order() -> None:
    assert of(
        histories.user("do  this\nnow"), histories.calling("{}"), histories.result(), histories.answer("done")
    ) == [
        "[历史摘要记忆]",
        "- user: do this now",
        "- assistant: done",
    ]


def test_the_task_and_the_newest_have_their_lines_first() -> None:
    said = [
        histories.answer("hello"),
        histories.user("the task"),
        *(histories.user(f"word {n}") for n in range(9)),
    ]
    assert of(*said, max_lines=3) == [HEADING, "- user: the task", "- user: word 7", "- user: word 8"]


def test_a_long_message_has_one_line() -> None:
    [_, line] = of(histories.user("word " * 10**6))
    assert len(line) == LINE_CHARS


def test_nothing_said_is_nothing_to_sum_up() -> None:
    assert of() == []
    assert of(histories.result(), histories.user(""), histories.answer(None)) == []
    assert of(histories.user("hello"), max_chars=10) == []


@given(st.lists(st.text(max_size=300), max_size=20), st.integers(0, 700), st.integers(0, 12))
def test_the_bounds_hold(texts: list[str], max_chars: int, max_lines: int) -> None:
    messages = [Message(role="user", content=text) for text in texts]
    made = summary_of(messages, SummaryBounds(max_chars=max_chars, max_lines=max_lines))
    assert made is None or (len(made) <= max_chars and made.count("\n") <= max_lines)

"""What a model is asked to sum up, and what is made of its answer."""

from typing import Any

import histories
import pytest

from mix2api.budget.asked_summary import MESSAGE_CHARS, LeftOut, ask_for, block_of, with_block
from mix2api.budget.message_tokens import MessageCounter
from mix2api.budget.summary import HEADING, SummaryBounds
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.wire.turn import Message

COUNTER = MessageCounter(EstimatingTokenizer())
MUCH = 10_000


def left_out(*given: histories.Given, **fields: Any) -> LeftOut:
    known = {
        "messages": histories.messages(*given) or histories.messages(histories.user("the task")),
        "place": 1,
        "is_summed_up": True,
        "tokens": 100,
        "room": MUCH,
        "bounds": SummaryBounds(),
    }
    return LeftOut(**(known | fields))


def shown(room: int, *given: histories.Given) -> list[str]:
    """The entries that the model is shown."""
    asked = ask_for(left_out(*given), room, COUNTER.content)
    return [] if not asked else str(asked[1].content).split("\n\n")


def test_the_model_is_shown_who_said_what_with_calls_and_results() -> None:
    asked = ask_for(
        left_out(
            histories.user("do this"), histories.calling('{"a": 1}', text="so"), histories.result("done")
        ),
        MUCH,
        COUNTER.content,
    )
    assert [message.role for message in asked] == ["system", "user"]
    assert "10 lines and 600 characters" in str(asked[0].content)
    entries = str(asked[1].content).split("\n\n")
    assert entries[0] == "[user] do this"
    assert entries[1].startswith("[assistant] so\n")
    assert '"read"' in entries[1]
    assert entries[2] == "[tool] done"


def test_the_task_and_the_newest_are_shown_where_not_all_fit() -> None:
    given = [
        histories.answer("hello"),
        histories.user("the task"),
        *(histories.user(f"w{n} " * 40) for n in range(9)),
    ]
    entries = shown(300, *given)
    assert entries[0] == "[user] the task"
    assert entries[-1].startswith("[user] w8")
    assert 2 < len(entries) < 10


@pytest.mark.parametrize("room", [150, 300, 600, 1200])
def test_the_question_takes_no_more_than_its_room(room: int) -> None:
    given = [histories.user("the task"), *(histories.user(f"word {n} " * 30) for n in range(40))]
    asked = ask_for(left_out(*given), room, COUNTER.content)
    assert asked
    assert COUNTER.history(asked) + 3 <= room


def test_nothing_is_asked_where_nothing_fits_or_was_said() -> None:
    assert shown(50, histories.user("the task")) == []
    assert shown(MUCH, histories.answer("")) == []


def test_a_long_message_is_shown_with_its_head_and_its_tail() -> None:
    (entry,) = shown(MUCH, histories.user(f"first {'word ' * 10_000}last"))
    assert entry.startswith("[user] first")
    assert entry.endswith("last")
    assert len(entry) <= MESSAGE_CHARS + len("[user] ")


def block(answer: str, **fields: Any) -> str | None:
    made = block_of(answer, left_out(**fields), COUNTER.message)
    if made is None:
        return None
    assert made[0].role == "system"
    assert made[1] == COUNTER.message(made[0]) <= fields.get("room", MUCH)
    return str(made[0].content)


def test_the_answer_s_lines_stand_under_the_heading_without_the_thought_before_them() -> None:
    assert block("<think>hm</think>\n\n one \n\n two\n") == f"{HEADING}\none\ntwo"


def test_the_answer_is_kept_within_the_bounds() -> None:
    bounds = SummaryBounds(max_chars=40, max_lines=2)
    made = block("one\ntwo\nthree", bounds=bounds)
    assert made == f"{HEADING}\none\ntwo"
    long = block("word " * 100, bounds=bounds)
    assert long is not None
    assert len(long) <= 40


def test_an_answer_that_does_not_fit_is_made_shorter_and_at_last_left_out() -> None:
    made = block("word " * 200, room=60)
    assert made is not None
    assert 0 < len(made) < 600
    assert block("word " * 200, room=5) is None


@pytest.mark.parametrize("answer", ["", " \n ", "<think>only this</think>"])
def test_an_answer_without_words_is_no_summary(answer: str) -> None:
    assert block(answer) is None


@pytest.mark.parametrize(("is_summed_up", "behind"), [(True, ["new"]), (False, ["lines", "new"])])
def test_the_block_takes_the_place_of_the_extractive_one(is_summed_up: bool, behind: list[str]) -> None:  # noqa: FBT001
    messages = [Message(role="user", content=text) for text in ("first", "lines", "new")]
    made = with_block(messages, left_out(is_summed_up=is_summed_up), Message(role="system", content="model"))
    assert [message.content for message in made] == ["first", "model", *behind]

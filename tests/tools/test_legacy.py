"""Histories of legacy callers in today's form."""

import pytest

from mix2api.tools.legacy import modern_history, with_named_calls
from mix2api.tools.results import check_results
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

USER = Message(role="user", content="x")


def asks(name: str) -> Message:
    return Message(role="assistant", content="", function_call=FunctionCall(name, "{}"))


def told(name: str) -> Message:
    return Message(role="function", name=name, content="1")


def test_a_history_without_legacy_calls_is_itself() -> None:
    history = [USER, Message(role="assistant", content="y")]
    assert modern_history(history) is history


def test_calls_and_results_get_the_same_id() -> None:
    history = [USER, asks("f"), told("f"), asks("g"), told("g"), asks("f"), told("f"), USER]
    made = modern_history(history)
    ids = [call.id for message in made for call in message.tool_calls or ()]
    assert ids == ["call_legacy_1", "call_legacy_2", "call_legacy_3"]
    assert [message.tool_call_id for message in made if message.role == "tool"] == ids
    assert all(message.function_call is None for message in made)
    assert [message.name for message in made if message.role == "tool"] == ["f", "g", "f"]
    check_results(made)


def calls(*ids: str) -> Message:
    made = [MessageToolCall(id=each, function=FunctionCall("g")) for each in ids]
    return Message(role="assistant", tool_calls=made)


def by_id(call_id: str) -> Message:
    return Message(role="tool", tool_call_id=call_id, content="1")


@pytest.mark.parametrize(
    "results",
    [
        [by_id("c1"), told("g"), told("g")],
        [told("g"), told("g"), by_id("c3")],
        [told("g"), by_id("c2"), told("g")],
    ],
)
def test_a_result_by_name_of_a_call_with_an_id_gets_that_id(results: list[Message]) -> None:
    made = modern_history([USER, asks("f"), told("f"), calls("c1", "c2", "c3"), *results])[4:]
    assert [message.role for message in made] == ["tool"] * 3
    assert sorted(message.tool_call_id or "" for message in made) == ["c1", "c2", "c3"]


def test_an_id_that_is_made_is_not_one_of_the_history_s() -> None:
    history = [USER, calls("call_legacy_1"), told("g"), asks("f"), told("f")]
    ids = [message.tool_call_id for message in modern_history(history) if message.role == "tool"]
    assert ids == ["call_legacy_1", "call_legacy_2"]


def test_a_result_whose_call_is_not_there_stays_as_it_is() -> None:
    """A continued session is sent the new messages only."""
    (result,) = modern_history([told("f")])
    assert result == told("f")


def test_a_call_that_is_no_function_s_and_its_result_stay_as_they_are() -> None:
    custom = Message(
        role="assistant", tool_calls=[MessageToolCall(id="c9", type="custom", custom={"name": "p"})]
    )
    history = [asks("f"), told("f"), custom, by_id("c9")]
    assert modern_history(history)[2:] == [custom, by_id("c9")]


def test_parallel_calls_of_one_function_that_are_answered_by_name_are_answered_in_order() -> None:
    history = [USER, calls("c1", "c2"), told("g"), told("g")]
    made = with_named_calls(history)
    assert [(message.role, message.tool_call_id) for message in made[2:]] == [("tool", "c1"), ("tool", "c2")]
    check_results(made)


def test_a_legacy_call_is_answered_by_name_before_any_other() -> None:
    history = [USER, calls("c1"), asks("g"), told("g"), told("g"), told("g")]
    made = with_named_calls(history)
    assert [(message.role, message.tool_call_id) for message in made[3:]] == [
        ("function", None),
        ("tool", "c1"),
        ("function", None),
    ]


@pytest.mark.parametrize(
    "history",
    [[USER, asks("f"), told("f")], [USER, calls("c1"), by_id("c1")], [USER]],
    ids=["legacy", "ids", "none"],
)
def test_a_history_without_results_by_name_of_calls_with_ids_is_itself(history: list[Message]) -> None:
    assert with_named_calls(history) is history

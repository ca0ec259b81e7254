"""Histories of legacy callers in today's form."""

from mix2api.tools.legacy import modern_history
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


def test_a_result_of_a_call_with_an_id_stays_as_it_is() -> None:
    called = Message(role="assistant", tool_calls=[MessageToolCall(id="c", function=FunctionCall("g"))])
    history = [USER, asks("f"), told("f"), called, told("g")]
    assert modern_history(history)[-1] is history[-1]

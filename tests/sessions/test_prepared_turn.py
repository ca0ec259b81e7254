"""A turn as it was read once."""

from typing import Any

import pytest
from histories import messages

from mix2api.errors import InvalidRequest
from mix2api.sessions.prepared_turn import PreparedTurn, prepare
from mix2api.tools.offer import NO_OFFER
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

READ = {"type": "function", "function": {"name": "read"}}
SYSTEM = {"role": "system", "content": "be brief"}
USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}
EMPTY = {"role": "assistant", "content": ""}
CALL = MessageToolCall(id="call_1", function=FunctionCall(name="read"))


def prepared(*given: dict[str, Any], **fields: Any) -> PreparedTurn:
    return prepare(Turn(model="m", messages=messages(*given), **fields))


def test_a_turn_without_tools_offers_none_and_names_none() -> None:
    turn = prepared(SYSTEM, USER, ANSWER, USER)
    assert (turn.leading, turn.answered, turn.uses_tools) == (1, 3, False)
    assert turn.offer is NO_OFFER
    assert turn.names == {}


@pytest.mark.parametrize(
    ("given", "answered"),
    [([USER], 0), ([USER, ANSWER], 2), ([USER, ANSWER, EMPTY, USER], 2), ([USER, EMPTY, USER], 0)],
)
def test_an_assistant_message_with_nothing_in_it_is_no_answer(
    given: list[dict[str, Any]], answered: int
) -> None:
    assert prepared(*given).answered == answered


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (Message(role="assistant", tool_calls=[CALL]), {"call_1": "read"}),
        (Message(role="assistant", function_call=FunctionCall(name="read")), {"function read": "read"}),
        (Message(role="tool", tool_call_id="call_1", content="text"), {}),
        (Message(role="function", name="read", content="text"), {}),
    ],
)
def test_a_call_or_a_result_anywhere_uses_tools(message: Message, names: dict[str, str]) -> None:
    turn = prepare(Turn(model="m", messages=[Message(role="user", content="hi"), message]))
    assert (turn.uses_tools, turn.names) == (True, names)


def test_what_is_offered_is_read() -> None:
    assert prepared(USER, tools=[READ]).offer.callable_names == {"read"}


def test_a_choice_that_nothing_is_offered_for_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        prepared(USER, tool_choice="required")
    assert refused.value.param == "tool_choice"


def test_no_content_stands_in_its_text() -> None:
    assert "secret" not in repr(prepared({"role": "user", "content": "secret"}, tools=[READ]))

"""What of a turn's tools is acted upon."""

from typing import Any

import pytest

from mix2api.tools.choice import CallMode
from mix2api.tools.offer import NO_OFFER, FunctionTool, forced, offer_of
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

USER = Message(role="user", content="x")
NOTE = Message(role="system", content="a reminder")
ANSWER = Message(role="assistant", content="done")
RESULT = Message(role="tool", tool_call_id="c", content="1")
CALL = Message(role="assistant", tool_calls=[MessageToolCall(id="c", function=FunctionCall("read"))])
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


def turn(*messages: Message, **fields: Any) -> Turn:
    return Turn(model="m", messages=list(messages) or [USER], **fields)


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def test_functions_are_read_and_other_tools_are_not() -> None:
    tools = [
        function("read", description="reads", parameters=SCHEMA, strict=True),
        {"type": "mcp", "server_label": "x"},
        {"type": "custom", "custom": {"name": "grep"}},
        {"something": "else"},
        function("odd", description=5, parameters=7),
    ]
    offer = offer_of(turn(tools=tools))
    assert offer.functions == (FunctionTool("read", "reads", SCHEMA), FunctionTool("odd"))
    assert offer.callable_names == {"read", "odd"}


def test_of_two_functions_with_one_name_the_later_counts() -> None:
    offer = offer_of(turn(tools=[function("f", description="a"), function("f", description="b")]))
    assert [each.description for each in offer.functions] == ["b"]


def test_a_turn_without_tools_offers_nothing() -> None:
    assert offer_of(turn()) == NO_OFFER


def test_the_choice_narrows_what_may_be_called() -> None:
    tools = [function("read"), function("write")]
    assert offer_of(turn(tools=tools, tool_choice="none")).callable_names == frozenset()
    assert offer_of(turn(tools=tools, tool_choice=function("read"))).callable_names == {"read"}


@pytest.mark.parametrize(
    ("fields", "single"),
    [
        ({}, False),
        ({"parallel_tool_calls": True}, False),
        ({"parallel_tool_calls": False}, True),
        ({"legacy_functions": True}, True),
    ],
)
def test_some_callers_get_one_call_at_a_time(fields: dict[str, Any], *, single: bool) -> None:
    assert offer_of(turn(tools=[function("f")], **fields)).single is single


@pytest.mark.parametrize(
    ("asked", "mode"),
    [
        (turn(tools=[function("f")]), CallMode.ALWAYS),
        (turn(tools=[function("f")], tool_choice="none"), CallMode.NEVER),
        (turn(USER, NOTE, tools=[function("f")]), CallMode.ALWAYS),
        (turn(USER, CALL, RESULT, ANSWER, USER, tools=[function("f")]), CallMode.ALWAYS),
        (turn(USER, CALL, RESULT, tools=[function("f")]), CallMode.FREELY),
        (turn(USER, CALL, RESULT, USER, tools=[function("f")]), CallMode.FREELY),
        (turn(USER, ANSWER, tools=[function("f")]), CallMode.FREELY),
        (turn(), CallMode.FREELY),
    ],
)
def test_a_call_is_forced_where_a_user_asks_and_the_caller_leaves_it_open(
    asked: Turn, mode: CallMode
) -> None:
    assert forced(offer_of(asked), asked.messages).choice.mode is mode

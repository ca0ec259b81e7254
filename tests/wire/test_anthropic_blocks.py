"""Anthropic's blocks and tools inside a chat request."""

from typing import Any

import msgspec
import pytest
from case_files import case_bytes

from mix2api.errors import InvalidRequest
from mix2api.wire.chat_request import decode_chat_request
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}}
CALL = MessageToolCall(id="toolu_1", function=FunctionCall("read", '{"path":"a"}'))


def turn_of(*messages: dict[str, Any], **fields: Any) -> Turn:
    return decode_chat_request(msgspec.json.encode({"model": "m", "messages": [USER, *messages], **fields}))


def test_the_case_of_an_agent_is_calls_results_and_parameters() -> None:
    turn = decode_chat_request(case_bytes("19-anthropic-shaped-tools.json"))
    assert turn.tool_choice == "auto"
    (tool,) = turn.tools or ()
    assert tool["type"] == "function"
    assert tool["function"]["parameters"]["required"] == ["path"]
    assert "input_schema" not in tool["function"]
    asked, told = turn.messages[1:]
    assert asked == Message(
        role="assistant",
        tool_calls=[MessageToolCall(id="toolu_1", function=FunctionCall("read_file", '{"path":"a.txt"}'))],
    )
    assert told == Message(role="tool", tool_call_id="toolu_1", content="42")


def test_text_beside_a_call_stays_and_thoughts_go_nowhere() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    text = {"type": "text", "text": "I read it."}
    (answer,) = turn_of({"role": "assistant", "content": [thought, text, USE]}).messages[1:]
    assert answer == Message(role="assistant", content=[text], tool_calls=[CALL])


def test_results_come_before_what_else_the_user_said() -> None:
    told = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "42"}, "x"]}
    said = {"type": "text", "text": "and now?"}
    result, rest = turn_of({"role": "user", "content": [said, told]}).messages[1:]
    parts = [{"type": "text", "text": "42"}, {"type": "text", "text": "x"}]
    assert result == Message(role="tool", tool_call_id="toolu_1", content=parts)
    assert rest == Message(role="user", content=[said])


def test_a_result_without_content_is_an_empty_text() -> None:
    (result,) = turn_of({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}).messages[
        1:
    ]
    assert (result.role, result.content) == ("tool", "")


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ({"type": "base64", "media_type": "image/jpeg", "data": "QUJD"}, "data:image/jpeg;base64,QUJD"),
        ({"type": "url", "url": "https://x/a.png"}, "https://x/a.png"),
    ],
)
def test_an_image_is_openai_s_image(source: dict[str, str], url: str) -> None:
    (message,) = turn_of({"role": "user", "content": [{"type": "image", "source": source}]}).messages[1:]
    assert message.content == [{"type": "image_url", "image_url": {"url": url}}]


def test_a_part_that_only_looks_like_an_image_stays() -> None:
    part = {"type": "image", "image": "x"}
    (message,) = turn_of({"role": "user", "content": [part]}).messages[1:]
    assert message.content == [part]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}, "messages[1].content[0].id"),
        ({"role": "assistant", "content": [{"type": "tool_use", "id": "t"}]}, "messages[1].content[0].name"),
        (
            {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "tool_result"}]},
            "messages[1].content[1].tool_use_id",
        ),
    ],
)
def test_a_block_without_what_makes_it_one_is_named(message: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        turn_of(message)
    assert refused.value.param == param


@pytest.mark.parametrize("kind", [{}, {"type": None}, {"type": "custom"}, {"type": "function"}])
def test_a_tool_with_an_input_schema_is_a_function(kind: dict[str, Any]) -> None:
    tool = {**kind, "name": "f", "description": "d", "input_schema": SCHEMA, "cache_control": {"type": "e"}}
    turn = turn_of(tools=[tool])
    function = {"name": "f", "description": "d", "parameters": SCHEMA}
    assert turn.tools == [{"type": "function", "function": function}]


def test_a_schema_inside_the_wrapper_is_the_parameters_unless_there_are_some() -> None:
    wrapped = {"type": "function", "function": {"name": "f", "input_schema": SCHEMA}}
    both = {"type": "function", "function": {"name": "f", "input_schema": {}, "parameters": SCHEMA}}
    for tool in (wrapped, both):
        (made,) = turn_of(tools=[tool]).tools or ()
        assert made["function"] == {"name": "f", "parameters": SCHEMA}


def test_a_custom_tool_of_openai_s_stays_what_it_is() -> None:
    tool = {"type": "custom", "custom": {"name": "f"}}
    assert turn_of(tools=[tool]).tools == [tool]


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_choice_is_openai_s(choice: dict[str, Any], meant: Any) -> None:
    turn = turn_of(tools=[{"name": "f", "input_schema": SCHEMA}], tool_choice=choice)
    assert (turn.tool_choice, turn.parallel_tool_calls) == (meant, None)


def test_a_choice_may_forbid_parallel_calls() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert (
        turn_of(tools=[{"name": "f", "input_schema": SCHEMA}], tool_choice=choice).parallel_tool_calls
        is False
    )

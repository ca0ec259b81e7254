"""A body of the Responses API as a turn, and what its answer repeats."""

from typing import Any

import msgspec
import pytest

from mix2api.errors import InvalidRequest
from mix2api.steps import at_once
from mix2api.wire.responses_request import Echo, responses_request_steps
from mix2api.wire.turn import AskedBase, Message, Turn


def read(**fields: Any) -> tuple[Turn, Echo]:
    return at_once(responses_request_steps(msgspec.json.encode({"model": "m", "input": "hi", **fields})))


def refused(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        at_once(responses_request_steps(body))
    return caught.value


def test_a_text_is_a_message_behind_the_instructions() -> None:
    turn, echo = read(instructions="be good", stream=True, max_output_tokens=5, previous_response_id="resp_x")
    assert turn == Turn(
        model="m",
        messages=[Message(role="system", content="be good"), Message(role="user", content="hi")],
        stream=True,
        include_usage=True,
        max_tokens=5,
        previous_response="resp_x",
    )
    assert echo.fields["instructions"] == "be good"
    assert (echo.fields["store"], echo.fields["temperature"], echo.fields["tools"]) == (False, 1, [])


def test_tools_and_their_choice_are_those_of_chat_completions_and_repeated_as_they_came() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    other = {"type": "custom", "name": "patch"}
    choice = {"type": "function", "name": "f"}
    turn, echo = read(tools=[tool, other], tool_choice=choice, parallel_tool_calls=False)
    assert turn.tools == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
        other,
    ]
    assert turn.tool_choice == {"type": "function", "function": {"name": "f"}}
    assert turn.parallel_tool_calls is False
    assert echo.fields["tools"] == [{"description": None, "strict": True, **tool}, other]
    assert echo.fields["tool_choice"] == choice
    assert echo.fields["parallel_tool_calls"] is False


def test_sampling_reasoning_and_the_form_of_the_text_go_up_under_their_other_names() -> None:
    schema = {"type": "json_schema", "name": "s", "schema": {}, "strict": True}
    turn, echo = read(
        temperature=0,
        top_p=0.5,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": schema, "verbosity": "low"},
    )
    assert turn.sampling == {
        "temperature": 0,
        "top_p": 0.5,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {}, "strict": True},
        },
    }
    assert echo.fields["reasoning"] == {"effort": "low", "summary": "auto"}
    assert echo.fields["text"] == {"format": schema, "verbosity": "low"}
    assert read(text={"format": {"type": "text"}})[0].sampling == {}
    assert read(text={"format": {"type": "json_object"}})[0].sampling == {
        "response_format": {"type": "json_object"}
    }


def test_a_session_and_a_base_may_be_named() -> None:
    assert read(session_id="s")[0].session == "s"
    assert read(metadata={"session_id": "s"})[0].session == "s"
    assert read(metadata={"session_id": 5})[0].session is None
    assert read(upstream_base_url="https://a.example")[0].asked_base == AskedBase(
        "https://a.example", "upstream_base_url"
    )
    assert read(upstream_api_base="https://a.example")[0].asked_base == AskedBase(
        "https://a.example", "upstream_api_base"
    )


def test_fields_that_are_null_are_absent_and_whole_floats_are_integers() -> None:
    item = {"role": "user", "content": "a", "call_id": None, "output": None}
    turn, _ = read(max_output_tokens=5.0, tools=None, reasoning=None, input=[item])
    assert (turn.max_tokens, turn.tools) == (5, None)
    assert turn.messages == [Message(role="user", content="a")]


def test_a_large_body_is_read_in_steps() -> None:
    body = msgspec.json.encode({"model": "m", "input": "x" * 70_000})
    steps = responses_request_steps(body)
    taken = 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            turn, _ = stop.value
            break
        taken += 1
    assert taken >= 3
    assert len(str(turn.messages[0].content)) == 70_000


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": []}, "input", "missing_required_parameter"),
        ({"input": [5]}, "input[0]", "invalid_value"),
        ({"input": [{"role": "pope"}]}, "input[0].role", "invalid_value"),
        ({"model": ""}, "model", "invalid_value"),
        ({"temperature": 5}, "temperature", "invalid_value"),
        ({"conversation": "c"}, "conversation", "unsupported_value"),
        ({"prompt": {"id": "p"}}, "prompt", "unsupported_value"),
        ({"background": True}, "background", "unsupported_value"),
        ({"tools": [{"type": "web_search_preview"}]}, "tools[0].type", "unsupported_value"),
        ({"tools": [{"type": "mcp"}]}, "tools[0].type", "unsupported_value"),
        ({"tool_choice": "perhaps"}, "tool_choice", "invalid_value"),
    ],
)
def test_what_cannot_be_had_is_refused_by_its_name(fields: dict[str, Any], param: str, code: str) -> None:
    fault = refused(msgspec.json.encode({"model": "m", "input": "hi", **fields}))
    assert (fault.param, fault.error_code) == (param, code)


def test_a_tool_that_a_server_runs_is_refused_with_its_kind_and_what_to_do() -> None:
    fault = refused(b'{"model":"m","input":"hi","tools":[{"type":"web_search_preview"}]}')
    assert "`web_search`" in fault.message
    assert "Leave it out" in fault.message


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"{", None, "invalid_json"),
        (b"\xff", None, "invalid_json"),
        (b"[]", None, "invalid_json"),
        (b'{"input":"a"}', "model", "missing_required_parameter"),
        (b'{"model":"m","input":' + b"[" * 2000 + b"]" * 2000 + b"}", None, "invalid_value"),
        (b'{"model":"m","input":"a","x":' + b"[" * 2000 + b"]" * 2000 + b"}", None, "invalid_value"),
        (b'{"model":5,"x":' + b"[" * 2000 + b"]" * 2000 + b"}", None, "invalid_value"),
        (
            b'{"model":"m","input":"a","metadata":{"a":' + b"[" * 200 + b"]" * 200 + b"}}",
            None,
            "invalid_value",
        ),
        (
            b'{"model":"m","text":{"format":{"a":' + b"[" * 200 + b"]" * 200 + b"}},"
            b'"input":[{"role":"user","content":"a"}]}',
            None,
            "invalid_value",
        ),
    ],
)
def test_a_body_that_is_none_is_refused(body: bytes, param: str | None, code: str) -> None:
    fault = refused(body)
    assert (fault.param, fault.error_code) == (param, code)

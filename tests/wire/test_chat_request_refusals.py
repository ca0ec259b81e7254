"""What is wrong with a chat request is named by its place, and any bytes are a turn or a refusal."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.request_bodies import USER, body, refusal

from mix2api.errors import InvalidRequest
from mix2api.wire.chat_request import MAX_NESTING, decode_chat_request
from mix2api.wire.request_fields import REQUEST_FIELDS
from mix2api.wire.turn import Turn

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": None}),
    ("model", {"model": 5}),
    ("model", {"model": ""}),
    ("model", {"model": "x" * 257}),
    ("messages", {"messages": None}),
    ("messages", {"messages": []}),
    ("messages", {"messages": {}}),
    ("messages", {"messages": "hi"}),
    ("messages[0]", {"messages": ["hi"]}),
    ("messages[0].role", {"messages": [{"content": "hi"}]}),
    ("messages[1].role", {"messages": [USER, {"role": "wizard", "content": "hi"}]}),
    ("messages[0].role", {"messages": [{"role": 5, "content": "hi"}]}),
    ("messages[0].content", {"messages": [{"role": "user"}]}),
    ("messages[0].content", {"messages": [{"role": "system", "content": None}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": 5}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": {"a": 1}}]}),
    ("messages[0].content[0]", {"messages": [{"role": "user", "content": [5]}]}),
    ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
    ("messages[0].content[1].type", {"messages": [USER | {"content": [{"type": "text"}, {"type": 5}]}]}),
    ("messages[0].name", {"messages": [USER | {"name": 5}]}),
    ("messages[0].tool_call_id", {"messages": [{"role": "tool", "content": "x"}]}),
    ("messages[0].tool_call_id", {"messages": [{"role": "tool", "content": "x", "tool_call_id": 5.5}]}),
    ("messages[0].name", {"messages": [{"role": "function", "content": "x"}]}),
    ("messages[0].tool_calls", {"messages": [{"role": "assistant", "tool_calls": {}}]}),
    ("messages[0].tool_calls[0].id", {"messages": [{"role": "assistant", "tool_calls": [{}]}]}),
    (
        "messages[0].tool_calls[0].function.arguments",
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": []}}],
                }
            ]
        },
    ),
    ("stream", {"stream": "true"}),
    ("stream", {"stream": 1}),
    ("stream_options", {"stream_options": True}),
    ("stream_options.include_usage", {"stream_options": {"include_usage": "yes"}}),
    ("temperature", {"temperature": 2.1}),
    ("temperature", {"temperature": -0.1}),
    ("temperature", {"temperature": "1"}),
    ("top_p", {"top_p": 1.1}),
    ("presence_penalty", {"presence_penalty": 3}),
    ("frequency_penalty", {"frequency_penalty": -3}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": 2**31}),
    ("max_completion_tokens", {"max_completion_tokens": 1.5}),
    ("seed", {"seed": 2**63}),
    ("stop", {"stop": 5}),
    ("stop[0]", {"stop": [5]}),
    ("stop", {"stop": "x" * 1025}),
    ("stop", {"stop": [str(number) for number in range(65)]}),
    ("logit_bias[...]", {"logit_bias": {"1": 101}}),
    ("response_format.type", {"response_format": {}}),
    ("top_logprobs", {"top_logprobs": 21}),
    ("logprobs", {"logprobs": 1}),
    ("n", {"n": 2}),
    ("n", {"n": 0}),
    ("modalities", {"modalities": ["text", "audio"]}),
    ("modalities", {"modalities": []}),
    ("audio", {"audio": {"voice": "alloy", "format": "wav"}}),
    ("metadata", {"metadata": "x"}),
    ("tools", {"tools": {}}),
    ("tools[0]", {"tools": ["f"]}),
    ("tools[0].type", {"tools": [{"type": 5}]}),
    ("tools[0].function", {"tools": [{"type": "function"}]}),
    ("tools[0].function.name", {"tools": [{"type": "function", "function": {"name": ""}}]}),
    ("tool_choice", {"tool_choice": "always"}),
    ("tool_choice.type", {"tool_choice": {"function": {"name": "f"}}}),
    ("functions[0].name", {"functions": [{}]}),
    ("function_call", {"function_call": "required"}),
    ("function_call.name", {"function_call": {}}),
    ("persona_id", {"persona_id": 5}),
    ("upstream_base_url", {"upstream_base_url": 5}),
    ("upstream_api_base", {"upstream_api_base": "x" * 2049}),
]


@pytest.mark.parametrize(
    ("param", "fields"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_wrong_is_named(param: str, fields: dict[str, Any]) -> None:
    refused = refusal(body(**fields))
    assert refused.param == param
    assert refused.status == 400
    assert f"'{param}'" in refused.message


def test_a_missing_field_is_named() -> None:
    assert refusal(b'{"messages":[]}').param == "messages"
    assert refusal(b'{"model":"m"}').param == "messages"
    assert refusal(msgspec.json.encode({"messages": [USER]})).param == "model"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not valid JSON"),
        (b"nonsense", "not valid JSON"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}]} x', "not valid JSON"),
        (b'{"model":"m","temperature":NaN}', "not valid JSON"),
        (b'{"model":"\xff"}', "UTF-8"),
        (b'{"surprise":"\xff"}', "UTF-8"),
        (b"[]", "JSON object"),
        (b'"text"', "JSON object"),
        (b"null", "JSON object"),
        (b"[" * 50_000, "JSON object"),
        (b'{"surprise":' + b"[" * 50_000, "nested"),
    ],
)
def test_what_is_no_json_object_is_said_to_be_none(given: bytes, said: str) -> None:
    refused = refusal(given)
    assert said in refused.message
    assert refused.param is None


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"deeper": value}
    return value


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("tools", {"tools": [{"type": "x", "deep": nested(MAX_NESTING)}]}),
        ("functions", {"functions": [{"name": "x", "deep": nested(MAX_NESTING)}]}),
        ("messages", {"messages": [USER | {"content": [{"type": "x", "deep": nested(MAX_NESTING)}]}]}),
        ("response_format", {"response_format": {"type": "x", "deep": nested(MAX_NESTING)}}),
    ],
)
def test_deep_values_are_refused_where_they_are_kept(param: str, fields: dict[str, Any]) -> None:
    assert refusal(body(**fields)).param == param


def test_schemas_as_deep_as_any_in_use_are_accepted() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": nested(100)}}]
    assert decode_chat_request(body(tools=tools)).tools == tools


def test_no_value_of_the_request_is_quoted() -> None:
    for sent in (
        body(model=5, secret="hunter2"),
        body(messages=[{"role": "hunter2", "content": "x"}]),
        body(tool_choice="hunter2"),
        b'{"model": hunter2}',
        b'{"hunter2',
    ):
        assert "hunter2" not in refusal(sent).message


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELD_NAMES = st.sampled_from([row.name for row in REQUEST_FIELDS])
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "wizard"]) | JSON_VALUES},
        optional={
            "content": JSON_VALUES | st.lists(st.fixed_dictionaries({"type": JSON_VALUES})),
            "tool_calls": JSON_VALUES,
            "tool_call_id": JSON_VALUES,
            "function_call": JSON_VALUES,
        },
    ),
    max_size=3,
)


def turn_or_refusal(given: bytes) -> None:
    try:
        turn = decode_chat_request(given)
    except InvalidRequest:
        return
    # What was accepted can travel on as JSON, and comes back the same.
    assert msgspec.json.decode(msgspec.json.encode(turn), type=Turn) == turn


@given(JSON_VALUES)
def test_any_json_is_a_turn_or_a_refusal(value: Any) -> None:
    turn_or_refusal(msgspec.json.encode(value))


@given(st.dictionaries(FIELD_NAMES, JSON_VALUES), MESSAGES)
def test_any_field_with_any_type_is_a_turn_or_a_refusal(fields: dict[str, Any], messages: Any) -> None:
    turn_or_refusal(msgspec.json.encode({"model": "m", "messages": messages} | fields))


@given(st.binary())
def test_any_bytes_are_a_turn_or_a_refusal(given: bytes) -> None:
    turn_or_refusal(given)


@given(st.binary(max_size=6))
def test_any_bytes_inside_a_string_are_a_turn_or_a_refusal(inside: bytes) -> None:
    turn_or_refusal(b'{"model":"m","messages":[{"role":"user","content":"' + inside + b'"}]}')


def test_a_number_that_nobody_can_hold_is_told_as_what_it_is() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","parameters":{"maximum":1e400}}]}'
    with pytest.raises(InvalidRequest) as refused:
        decode_chat_request(body)
    assert refused.value.message.endswith("numbers end at 1.8e308.")
    assert str(refused.value.param).startswith("tools[0]")

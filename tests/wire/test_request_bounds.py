"""What one request may hold, and that only what is meant is counted."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.errors import InvalidRequest
from mix2api.steps import at_once
from mix2api.wire import request_bounds
from mix2api.wire.chat_request import decode_chat_request
from mix2api.wire.request_bounds import (
    MESSAGES_MAX,
    PARTS_MAX,
    RESULTS_MAX,
    TOOLS_MAX,
    VALUES_MAX,
    value_steps,
)

USER = {"role": "user", "content": "hi"}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "x"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def body(messages: list[Any], **fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": messages, **fields})


def refusal(given_body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode_chat_request(given_body)
    return caught.value


PART = {"type": "text", "text": "a"}

BOUNDS: list[tuple[str, str, bytes, bytes]] = [
    ("messages", "5,000 messages", body([USER] * MESSAGES_MAX), body([USER] * (MESSAGES_MAX + 1))),
    (
        "messages",
        "10,000 content parts",
        body([{"role": "user", "content": [PART] * (PARTS_MAX // 2)}] * 2),
        body(
            [{"role": "user", "content": [PART] * (PARTS_MAX // 2)}] * 2
            + [{"role": "user", "content": [PART]}]
        ),
    ),
    (
        "messages",
        "10,000 tool calls",
        body([USER, {"role": "assistant", "tool_calls": [CALL] * PARTS_MAX}]),
        body([USER, {"role": "assistant", "tool_calls": [CALL] * (PARTS_MAX + 1)}]),
    ),
    (
        "messages",
        "1,024 tool results",
        body([USER, {"role": "assistant", "content": "so"}, *[RESULT] * RESULTS_MAX]),
        body([USER, {"role": "assistant", "content": "so"}, *[RESULT] * (RESULTS_MAX + 1)]),
    ),
    (
        "tools",
        "1,000 tools",
        body([USER], tools=[{"type": "x"}] * TOOLS_MAX),
        body([USER], tools=[{"type": "x"}] * (TOOLS_MAX + 1)),
    ),
]


@pytest.mark.parametrize(("param", "allowed", "most", "more"), BOUNDS, ids=[row[1] for row in BOUNDS])
def test_more_than_is_allowed_is_refused(param: str, allowed: str, most: bytes, more: bytes) -> None:
    decode_chat_request(most)
    refused = refusal(more)
    assert (refused.status, refused.param, refused.body().code) == (400, param, "invalid_value")
    assert f"at most {allowed} are allowed" in refused.message


def test_legacy_functions_are_counted_as_tools() -> None:
    assert "1,000 tools" in refusal(body([USER], functions=[{"name": "f"}] * (TOOLS_MAX + 1))).message


def test_a_body_of_too_many_values_is_refused_before_anything_is_made_of_it() -> None:
    refused = refusal(body([USER], surprise=[0] * VALUES_MAX))
    assert (refused.status, refused.param, refused.body().code) == (400, None, "invalid_value")
    assert "at most 100,000 values" in refused.message
    decode_chat_request(body([USER], surprise=[0] * (VALUES_MAX - 10)))


@pytest.mark.parametrize("text", [",", "{[", '\\",', '"{', "\\\\\\", "é,"])
def test_what_stands_in_a_text_is_not_counted(text: str) -> None:
    long = text * 120_000
    turn = decode_chat_request(body([{"role": "user", "content": long}]))
    assert turn.messages[0].content == long


def test_a_body_that_ends_within_an_escape_is_counted_to_its_end() -> None:
    at_once(value_steps(b'{"a":"' + b"," * (VALUES_MAX + 1) + b"\\"))


def test_results_are_counted_from_the_last_message_that_is_surely_an_answer() -> None:
    results = [RESULT] * RESULTS_MAX
    for answer in (
        {"role": "assistant", "content": "so"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
    ):
        decode_chat_request(body([USER, *results, answer, *results]))
    for none in ({"role": "assistant", "content": " "}, {"role": "assistant", "content": [PART]}):
        assert "tool results" in refusal(body([USER, *results, none, *results])).message


values = st.recursive(
    st.none() | st.integers() | st.text(alphabet=st.sampled_from('ab,"{[\\\né'), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


def counted(value: Any) -> int:
    """Commas and opening brackets of the value's JSON, from its form."""
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    if children is None:
        return 0
    return 1 + max(0, len(children) - 1) + sum(map(counted, children))


@given(values, st.integers(2, 40))
def test_the_count_is_right_wherever_it_is_interrupted(value: Any, width: int) -> None:
    encoded = msgspec.json.encode(value)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(request_bounds, "_SLICE_BYTES", width)
        patched.setattr(request_bounds, "VALUES_MAX", counted(value))
        at_once(value_steps(encoded))
        patched.setattr(request_bounds, "VALUES_MAX", counted(value) - 1)
        if counted(value):
            with pytest.raises(InvalidRequest):
                at_once(value_steps(encoded))

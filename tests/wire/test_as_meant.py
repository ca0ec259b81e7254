"""Values that are not OpenAI's letter and mean one thing."""

from typing import Any

import msgspec
import pytest
from case_files import case_bytes

from mix2api.errors import InvalidRequest
from mix2api.wire.as_meant import as_meant, other_shape
from mix2api.wire.chat_request import decode_chat_request
from mix2api.wire.turn import FunctionCall

USER = {"role": "user", "content": "hi"}


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [USER], **fields})


def test_whole_numbers_as_floats_are_whole_numbers() -> None:
    assert decode_chat_request(case_bytes("48-whole-number-as-float.json")).max_tokens == 4096
    turn = decode_chat_request(
        b'{"model":"m","max_completion_tokens":1e3,"seed":7.0,"n":1.0,"messages":[%b]}'
        % msgspec.json.encode(USER)
    )
    assert (turn.max_tokens, turn.sampling) == (1000, {"seed": 7})


@pytest.mark.parametrize("value", [b"4096.5", b"-1.0", b"0.0", b'"4096"', b"true", b"1e300"])
def test_other_values_of_such_a_field_are_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_chat_request(
            b'{"model":"m","max_tokens":%b,"messages":[%b]}' % (value, msgspec.json.encode(USER))
        )
    assert refused.value.param == "max_tokens"


def test_null_is_absent_in_a_call() -> None:
    turn = decode_chat_request(case_bytes("38-type-null.json"))
    (call,) = turn.messages[1].tool_calls or ()
    assert (call.type, call.function) == ("function", FunctionCall("f", "{}"))


def test_no_arguments_are_an_empty_text() -> None:
    call = {"id": "c", "type": None, "custom": None, "function": {"name": "f", "arguments": None}}
    legacy = {"role": "assistant", "function_call": {"name": "g", "arguments": None}}
    messages = [USER, {"role": "assistant", "tool_calls": [call]}, legacy]
    turn = decode_chat_request(body(messages=messages))
    assert (turn.messages[1].tool_calls or [])[0].function == FunctionCall("f", "")
    assert turn.messages[2].function_call == FunctionCall("g", "")


@pytest.mark.parametrize(
    "said",
    [5, [], {"messages": 5}, {"messages": [5, {"tool_calls": 5}, {"tool_calls": [5, {"function": 5}]}]}],
)
def test_what_has_another_shape_is_left_for_the_decoder(said: Any) -> None:
    assert as_meant(said) == said


def test_a_responses_body_is_said_to_be_one() -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_chat_request(case_bytes("40-responses-shaped-body.json"))
    assert refused.value.param == "messages"
    assert "Responses API" in refused.value.message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"prompt": "hi"}, "legacy Completions API"),
        ({"input": None}, None),
        ({"messages": [], "input": "x"}, None),
        ([], None),
    ],
)
def test_another_api_s_body_is_known_by_what_stands_for_the_messages(said: Any, words: str | None) -> None:
    found = other_shape(said)
    assert found is None if words is None else words in str(found)


def test_the_first_fault_is_told_where_the_rest_cannot_be_read() -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_chat_request(b'{"model":5,"messages":[%b],"more":1e400}' % msgspec.json.encode(USER))
    assert refused.value.param == "model"


def test_ids_that_are_numbers_are_the_texts_of_their_digits() -> None:
    call = {"id": 7, "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": 7, "content": "ok"}
    messages = [USER, {"role": "assistant", "tool_calls": [call]}, result]
    turn = decode_chat_request(body(messages=messages))
    assert [each.id for each in turn.messages[1].tool_calls or ()] == ["7"] == [turn.messages[2].tool_call_id]


def test_arguments_that_are_an_object_are_its_text() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": [1, "b"]}}}
    turn = decode_chat_request(body(messages=[USER, {"role": "assistant", "tool_calls": [call]}]))
    assert [each.function for each in turn.messages[1].tool_calls or ()] == [
        FunctionCall("f", '{"a":[1,"b"]}')
    ]


@pytest.mark.parametrize(
    ("role", "content", "meant"),
    [
        ("user", {"type": "text", "text": "a"}, [{"type": "text", "text": "a"}]),
        (
            "user",
            ["a", {"type": "text", "text": "b"}],
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        ),
        ("tool", {"a": 1}, '{"a":1}'),
        ("tool", 5, "5"),
        ("tool", True, "true"),
    ],
)
def test_content_without_its_wrapping_is_what_it_means(role: str, content: Any, meant: Any) -> None:
    message = {"role": role, "content": content, **({"tool_call_id": "c"} if role == "tool" else {})}
    assert decode_chat_request(body(messages=[USER, message])).messages[1].content == meant


@pytest.mark.parametrize("content", [5, {"a": 1}, [5], [["a"]]])
def test_content_that_means_nothing_certain_is_refused(content: Any) -> None:
    with pytest.raises(InvalidRequest):
        decode_chat_request(body(messages=[{"role": "user", "content": content}]))

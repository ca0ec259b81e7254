"""A call as a request of the Responses API: passed as it came, or translated from Chat Completions."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from mix2api.steps import at_once
from mix2api.upstreams.port import UpstreamCall
from mix2api.upstreams.responses.request import request_body
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.responses_passed import passed_turn_steps
from mix2api.wire.turn import Operation, Turn

USER = {"role": "user", "content": "hello"}


def sent(turn: Turn) -> Any:
    call = UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=turn.messages)
    return msgspec.json.decode(request_body(call))


def chat(**fields: Any) -> Any:
    body = msgspec.json.encode({"model": "gpt-5", "messages": [USER], **fields})
    return sent(at_once(chat_request_steps(body, keeps_given=lambda _: True)))


def test_a_body_of_the_same_api_passes_but_for_the_budget_s_output_limit() -> None:
    body = {"model": "gpt-5", "input": "x", "x_new": [1, {"a": None}], "stream": True}
    turn = at_once(passed_turn_steps(msgspec.json.encode(body)))
    assert sent(turn) == body
    assert sent(replace(turn, max_tokens=7)) == body | {"max_output_tokens": 7}


def test_an_operation_has_no_body_but_for_what_the_client_sent() -> None:
    turn = at_once(passed_turn_steps(b'{"model":"m","input":"x"}', operation=Operation("POST", "compact")))
    assert sent(turn) == {"model": "m", "input": "x"}
    bare = Turn(model="m", messages=[], is_responses=True, operation=Operation("GET", "resp_1"))
    call = UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=bare, messages=[])
    assert request_body(call) == b""


def test_messages_become_items() -> None:
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        {"type": "file", "file": {"file_data": "data:,x", "filename": "a"}},
        {"type": "input_audio", "input_audio": {"data": "", "format": "mp3"}},
    ]
    call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "be good"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "I read", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "text"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "of parts"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "so"}]},
    ]
    assert chat(messages=messages)["input"] == [
        {"role": "developer", "content": "be good"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "image_url": "https://x.example/a.png", "detail": "auto"},
                {"type": "input_file", "file_data": "data:,x", "filename": "a"},
                parts[3],
            ],
        },
        {"role": "assistant", "content": "I read"},
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "text"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "of parts"}],
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
    ]


def test_tools_lose_their_wrapper_and_choices_too() -> None:
    function = {"name": "read", "description": "Reads.", "parameters": {"type": "object"}}
    body = chat(
        tools=[{"type": "function", "function": function}, {"type": "web_search"}],
        tool_choice={"type": "function", "function": {"name": "read"}},
        parallel_tool_calls=False,
    )
    assert body["tools"] == [{"type": "function", "strict": False, **function}, {"type": "web_search"}]
    assert body["tool_choice"] == {"type": "function", "name": "read"}
    assert body["parallel_tool_calls"] is False
    assert (
        chat(tools=[{"type": "function", "function": function}], tool_choice="none")["tool_choice"] == "none"
    )


@pytest.mark.parametrize(
    ("fields", "there", "gone"),
    [
        ({"max_tokens": 5}, {"max_output_tokens": 5}, ["max_tokens"]),
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}, ["reasoning_effort"]),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}, ["verbosity"]),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": {}}}},
            ["response_format"],
        ),
        (
            {"response_format": {"type": "json_object"}},
            {"text": {"format": {"type": "json_object"}}},
            ["response_format"],
        ),
        ({"stop": ["x"], "n": 1, "frequency_penalty": 0}, {}, ["stop", "n", "frequency_penalty"]),
        (
            {"frequency_penalty": 1, "x_new": 3, "temperature": 0.5},
            {"frequency_penalty": 1, "x_new": 3, "temperature": 0.5},
            [],
        ),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}, ["stream_options"]),
    ],
)
def test_fields_are_renamed_and_all_others_go_up(fields: Any, there: Any, gone: list[str]) -> None:
    body = chat(**fields)
    assert {name: body[name] for name in there} == there
    assert not body.keys() & set(gone)
    assert body["store"] is False


def test_a_turn_without_given_fields_is_put_by_what_it_has() -> None:
    turn = at_once(chat_request_steps(msgspec.json.encode({"model": "m", "messages": [USER], "top_p": 0.5})))
    assert sent(turn)["top_p"] == 0.5

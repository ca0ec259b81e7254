"""What a server of Chat Completions is asked: the client's own request, but for what a promise changes."""

from typing import Any

import msgspec
from attrs import evolve
from msgspec.structs import replace

from mix2api.steps import at_once
from mix2api.upstreams.openai.options import OpenAiOptions
from mix2api.upstreams.openai.request import request_body, request_headers
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.turn import Message, Turn


def call(turn: Turn, messages: list[Message] | None = None, authorization: str | None = None) -> UpstreamCall:
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("req-1"),
        turn=turn,
        messages=list(turn.messages) if messages is None else messages,
        authorization=authorization,
    )


def turn_of(**fields: Any) -> Turn:
    body = {"model": "m/x", "messages": [{"role": "user", "content": "hi", "x": 1}], **fields}
    return at_once(chat_request_steps(msgspec.json.encode(body), keeps_given=lambda _: True))


def asked(turn: Turn, messages: list[Message] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(request_body(call(turn, messages)))
    return body


def test_a_body_goes_up_as_it_came() -> None:
    given = {
        "temperature": 0.70,
        "top_k": 3,
        "seed": 1,
        "tools": [{"type": "mcp", "x": 1}],
        "n": 1,
        "user": "u",
    }
    assert asked(turn_of(**given)) == {
        "model": "m/x",
        "messages": [{"role": "user", "content": "hi", "x": 1}],
        "stream": False,
        **given,
    }


def test_a_stream_is_asked_for_its_usage() -> None:
    assert asked(turn_of(stream=True))["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "include_obfuscation": False}
    assert asked(turn_of(stream=True, stream_options=options))["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }
    assert "stream_options" not in asked(turn_of(stream_options=options))


def test_an_output_limit_stands_where_the_client_put_its_own() -> None:
    assert asked(replace(turn_of(max_completion_tokens=9), max_tokens=5))["max_completion_tokens"] == 5
    assert asked(replace(turn_of(max_tokens=9), max_tokens=5))["max_tokens"] == 5
    assert asked(replace(turn_of(), max_tokens=5))["max_tokens"] == 5


def test_messages_that_nobody_changed_go_up_as_they_came_among_those_that_somebody_did() -> None:
    turn = turn_of(
        messages=[{"role": "system", "content": "long"}, {"role": "user", "content": "hi", "x": 1}]
    )
    shortened = replace(turn.messages[0], content="lo")
    assert asked(turn, [shortened, turn.messages[1]])["messages"] == [
        {"role": "system", "content": "lo"},
        {"role": "user", "content": "hi", "x": 1},
    ]
    assert asked(turn, turn.messages[1:])["messages"] == [{"role": "user", "content": "hi", "x": 1}]


def test_messages_whose_number_has_changed_go_up_as_they_are_now() -> None:
    turn = turn_of()
    more = replace(turn, messages=[*turn.messages, Message(role="user", content="b")])
    assert asked(more, more.messages[:1])["messages"] == [{"role": "user", "content": "hi"}]


def test_what_the_edge_has_brought_into_openai_s_form_goes_up_in_it() -> None:
    function = {"name": "f", "parameters": {"type": "object"}}
    legacy = asked(turn_of(functions=[function], function_call={"name": "f"}))
    assert legacy["tools"] == [{"type": "function", "function": function}]
    assert legacy["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    blocks = [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]
    tool = {"name": "f", "input_schema": {"type": "object"}}
    anthropic = asked(
        turn_of(
            messages=[{"role": "assistant", "content": blocks}],
            tools=[tool],
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        )
    )
    assert anthropic["messages"][0]["tool_calls"][0]["id"] == "t"
    assert anthropic["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert anthropic["tool_choice"] == "auto"
    assert anthropic["parallel_tool_calls"] is False


def test_a_choice_goes_up_only_beside_tools() -> None:
    messages = [Message(role="user", content="a")]
    turn = Turn(model="m", messages=messages, tool_choice="none", parallel_tool_calls=False)
    assert asked(turn).keys() == {"model", "messages", "stream"}


def test_a_history_of_legacy_calls_goes_up_with_ids() -> None:
    turn = turn_of(
        messages=[
            {"role": "user", "content": "a"},
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "b"},
        ]
    )
    messages = asked(turn)["messages"]
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"]


def test_a_turn_without_its_body_goes_up_from_what_was_made_of_it() -> None:
    turn = Turn(model="m", messages=[Message(role="user", content="a")], sampling={"seed": 1}, stream=True)
    assert asked(turn) == {
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_credential_is_ours_else_the_call_s_else_none() -> None:
    turn = turn_of()
    ours = OpenAiOptions(base_url="https://api.example", authorization="Bearer ours")
    nobody_s = OpenAiOptions(base_url="https://api.example")
    assert ("authorization", "Bearer ours") in request_headers(call(turn, authorization="Bearer x"), ours)
    assert ("authorization", "Bearer x") in request_headers(call(turn, authorization="Bearer x"), nobody_s)
    assert "authorization" not in dict(request_headers(call(turn), nobody_s))
    assert dict(request_headers(call(turn), nobody_s))["accept"] == "application/json"
    assert dict(request_headers(call(turn_of(stream=True)), nobody_s))["accept"] == "text/event-stream"
    assert "ours" not in repr(ours)


def test_an_account_s_credential_wins_over_ours() -> None:
    ours = OpenAiOptions(base_url="https://api.example", authorization="Bearer ours")
    asked = evolve(call(turn_of(), authorization="Bearer theirs"), base_url="https://account.example")
    assert ("authorization", "Bearer theirs") in request_headers(asked, ours)

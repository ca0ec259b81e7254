"""What goes up to the site: the body and the header fields, row by row of its table."""

from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from attrs import evolve

from mix2api.upstreams.mix.options import CredentialSource, MixOptions, ToolOptions
from mix2api.upstreams.mix.request import model_slug, request_body, request_headers
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

OPTIONS = MixOptions(base_url="http://site.example")
HELLO = Message(role="user", content="hello")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def call(turn: Turn | None = None, messages: list[Message] | None = None, **more: Any) -> UpstreamCall:
    turn = turn or Turn(model="mix/qwen-3", messages=messages or [HELLO])
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("req-1"),
        turn=turn,
        messages=turn.messages if messages is None else messages,
        **more,
    )


def body(asked: UpstreamCall, options: MixOptions = OPTIONS) -> dict[str, Any]:
    sent: dict[str, Any] = msgspec.json.decode(request_body(asked, options))
    return sent


def test_a_fresh_turn_with_default_options() -> None:
    assert body(call()) == {
        "request": {
            "agent_slug": "web-general",
            "model_slug": "qwen-3",
            "locale": {"location": "Asia/Shanghai", "language": "zh-CN"},
            "modes": {"search": True},
            "query": "hello",
        },
        "is_personalized": True,
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
    }


def test_a_continued_turn_names_the_site_s_ids() -> None:
    sent = body(call(session="s-1", exchange="x-1"))
    assert (sent["session_id"], sent["exchange_id"]) == ("s-1", "x-1")


def test_only_what_the_session_lacks_goes_up_as_messages() -> None:
    turn = Turn(
        model="m", messages=[HELLO, Message(role="assistant", content="a"), Message(role="user", content="b")]
    )
    sent = body(call(turn, messages=turn.messages[2:], session="s"))
    assert sent["messages"] == [{"role": "user", "content": "b"}]
    assert sent["request"]["query"] == "b"


def test_options_reach_the_body() -> None:
    options = evolve(
        OPTIONS,
        agent_slug="coder",
        locale=MappingProxyType({"location": "Europe/Berlin"}),
        modes=MappingProxyType({}),
        is_personalized=False,
        persona_id="p-default",
    )
    sent = body(call(), options)
    assert sent["is_personalized"] is False
    assert sent["request"] == {
        "agent_slug": "coder",
        "model_slug": "qwen-3",
        "locale": {"location": "Europe/Berlin"},
        "modes": {},
        "query": "hello",
        "persona_id": "p-default",
    }


def test_the_turn_s_persona_wins_over_the_default() -> None:
    turn = Turn(model="m", messages=[HELLO], persona_id="p-turn")
    assert body(call(turn), evolve(OPTIONS, persona_id="p-default"))["request"]["persona_id"] == "p-turn"


def test_sampling_goes_up_as_given_and_never_over_the_site_s_own_fields() -> None:
    turn = Turn(
        model="m",
        messages=[HELLO],
        max_tokens=77,
        sampling={"temperature": 0.5, "stop": ["a"], "seed": 1, "messages": "x", "request": "y"},
    )
    sent = body(call(turn))
    assert (sent["temperature"], sent["stop"], sent["seed"], sent["max_tokens"]) == (0.5, ["a"], 1, 77)
    assert sent["messages"] == [{"role": "user", "content": "hello"}]
    assert isinstance(sent["request"], dict)


def test_messages_keep_their_openai_form() -> None:
    messages = [
        Message(
            role="assistant",
            tool_calls=[MessageToolCall(id="call_1", function=FunctionCall("f", '{"a":1}'))],
        ),
        Message(role="tool", tool_call_id="call_1", content="42"),
    ]
    sent = body(
        call(Turn(model="m", messages=[HELLO, *messages]), messages=messages),
        evolve(OPTIONS, send_tools=True),
    )
    assert sent["messages"][0]["role"] == "assistant"
    (made,) = sent["messages"][0]["tool_calls"]
    assert made == {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    assert sent["messages"][1] == {"role": "tool", "tool_call_id": "call_1", "content": "42"}
    assert sent["request"]["query"] == "hello"


def test_tools_go_up_only_where_the_site_knows_them() -> None:
    turn = Turn(model="m", messages=[HELLO], tools=[TOOL], tool_choice="required")
    assert "tools" not in body(call(turn))
    sent = body(call(turn), evolve(OPTIONS, send_tools=True))
    assert (sent["tools"], sent["tool_choice"]) == ([TOOL], "required")
    assert "tool_choice" not in body(
        call(Turn(model="m", messages=[HELLO], tools=[TOOL])), evolve(OPTIONS, send_tools=True)
    )


def test_tools_go_up_unchanged_with_all_that_was_said_of_them() -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"x": [1.0, None]}, "strict": True}},
        {"type": "mcp", "server_label": "x", "headers": {"a": "b"}},
        {"type": "web_search", "user_location": None},
    ]
    turn = Turn(model="m", messages=[HELLO], tools=tools, parallel_tool_calls=False)
    sent = body(call(turn), evolve(OPTIONS, send_tools=True))
    assert (sent["tools"], sent["parallel_tool_calls"]) == (tools, False)


def test_a_call_of_a_tool_that_is_no_function_goes_up_as_it_came() -> None:
    made = {"id": "call_1", "type": "custom", "custom": {"name": "grep", "input": "x"}}
    message = Message(role="assistant", tool_calls=[msgspec.convert(made, MessageToolCall)])
    turn = Turn(model="m", messages=[HELLO, message, Message(role="tool", tool_call_id="call_1")])
    _, called, result = body(call(turn))["messages"]
    assert called["tool_calls"] == [made]
    assert result == {"role": "tool", "tool_call_id": "call_1", "name": "grep", "content": ""}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, True),
        ({"legacy_functions": True}, False),
        ({"legacy_functions": True, "parallel_tool_calls": True}, False),
    ],
)
def test_a_site_is_told_of_callers_that_can_take_but_one_call(
    fields: dict[str, Any],
    sent: bool | None,  # noqa: FBT001
) -> None:
    turn = Turn(model="m", messages=[HELLO], tools=[TOOL], **fields)
    assert body(call(turn), evolve(OPTIONS, send_tools=True)).get("parallel_tool_calls") is sent


@pytest.mark.parametrize(
    ("choice", "sent"), [(None, "required"), ("auto", "required"), ("none", "none"), (TOOL, TOOL)]
)
def test_a_call_is_demanded_where_the_operator_does_and_the_caller_leaves_it_open(
    choice: Any, sent: Any
) -> None:
    turn = Turn(model="m", messages=[HELLO], tools=[TOOL, {"type": "mcp"}], tool_choice=choice)
    options = evolve(OPTIONS, send_tools=True, tools=ToolOptions(force_call=True))
    assert body(call(turn), options)["tool_choice"] == sent


@pytest.mark.parametrize(
    ("stream", "tools", "stream_tools", "sent"),
    [
        (True, None, True, True),
        (True, [TOOL], True, True),
        (True, [TOOL], False, False),
        (True, None, False, True),
        (False, [TOOL], True, False),
    ],
)
def test_streaming_is_asked_for_unless_tools_forbid_it(
    stream: bool,  # noqa: FBT001
    tools: list[dict[str, Any]] | None,
    stream_tools: bool,  # noqa: FBT001
    sent: bool,  # noqa: FBT001
) -> None:
    turn = Turn(model="m", messages=[HELLO], stream=stream, tools=tools)
    assert body(call(turn), evolve(OPTIONS, stream_tools=stream_tools, always_stream=False))["stream"] is sent


@pytest.mark.parametrize(
    ("model", "slug"),
    [("mix/qwen-3-235b", "qwen-3-235b"), ("qwen-3", "qwen-3"), ("mix/a/b", "a/b"), ("mix/", "mix/")],
)
def test_the_model_s_slug_follows_the_provider_prefix(model: str, slug: str) -> None:
    assert model_slug(model) == slug


def test_the_query_is_the_newest_user_text_of_parts_too() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "here"},
    ]
    turn = Turn(
        model="m",
        messages=[HELLO, Message(role="user", content=parts), Message(role="assistant", content="a")],
    )
    assert body(call(turn), OPTIONS)["request"]["query"] == "look\nhere"


def test_a_message_without_text_leaves_the_query_to_an_older_one() -> None:
    image = Message(role="user", content=[{"type": "image_url", "image_url": {}}])
    assert body(call(Turn(model="m", messages=[HELLO, image])), OPTIONS)["request"]["query"] == "hello"
    assert body(call(Turn(model="m", messages=[image])), OPTIONS)["request"]["query"] == ""


def test_context_stands_in_the_query_of_fresh_sessions_only() -> None:
    options = evolve(OPTIONS, context_in_query=True)
    turn = Turn(model="m", messages=[Message(role="system", content="be kind"), HELLO])
    assert body(call(turn), options)["request"]["query"] == "system: be kind\nuser: hello"
    assert body(call(turn, session="s"), options)["request"]["query"] == "hello"
    assert body(call(turn), OPTIONS)["request"]["query"] == "hello"


def test_a_long_query_keeps_its_end() -> None:
    options = evolve(OPTIONS, query_max_chars=5)
    assert (
        body(call(Turn(model="m", messages=[Message(role="user", content="0123456789")])), options)[
            "request"
        ]["query"]
        == "56789"
    )


def test_headers_by_default_have_no_credential() -> None:
    assert request_headers(call(), OPTIONS) == (
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("accept-language", "zh-CN,zh;q=0.9,en;q=0.8"),
        ("cache-control", "no-cache"),
        ("x-request-id", "req-1"),
    )


@pytest.mark.parametrize(
    ("source", "caller", "sent"),
    [
        (CredentialSource.STATIC, "Bearer caller", "Bearer ours"),
        (CredentialSource.PASS_THROUGH, "Bearer caller", "Bearer caller"),
        (CredentialSource.PASS_THROUGH, None, None),
        (CredentialSource.NONE, "Bearer caller", None),
    ],
)
def test_the_credential_is_whose_the_options_say(
    source: CredentialSource, caller: str | None, sent: str | None
) -> None:
    options = evolve(OPTIONS, credential=source, bearer_token="ours")
    assert dict(request_headers(call(authorization=caller), options)).get("authorization") == sent
    assert "ours" not in repr(options)


def test_referer_and_language_are_the_deployment_s() -> None:
    headers = dict(
        request_headers(call(), evolve(OPTIONS, referer="https://r.example", accept_language="en"))
    )
    assert (headers["referer"], headers["accept-language"]) == ("https://r.example", "en")


def test_the_site_is_asked_to_stream_whatever_the_client_asked_for_but_not_with_tools_that_only_parse_whole() -> (
    None
):
    plain, with_tools = (
        Turn(model="m", messages=[HELLO]),
        Turn(model="m", messages=[HELLO], tools=[{"type": "x"}]),
    )
    assert body(call(plain))["stream"] is True
    assert body(call(with_tools))["stream"] is True
    assert body(call(with_tools), evolve(OPTIONS, stream_tools=False))["stream"] is False

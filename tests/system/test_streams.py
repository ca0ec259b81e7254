"""What a client is given: every delta, in order, in OpenAI's form, streamed and whole alike."""

from typing import Any

import pytest
from redis_server import RedisServer
from whole_system import Shape, whole_system
from wire_client import Answer

from mix2api.demo import answer_text

pytestmark = pytest.mark.parametrize("shape", Shape)
_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def deltas(answer: Answer) -> list[dict[str, Any]]:
    return [choice["delta"] for choice in answer.choices()]


async def test_a_stream_is_role_text_finish_and_done(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        prompt = "tell [[chunks:200]] [[unicode]]"
        answer = await system.client.ask(prompt, stream=True)
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["x-accel-buffering"] == "no"
        assert deltas(answer)[0] == {"role": "assistant", "content": ""}
        assert all(set(delta) == {"content"} for delta in deltas(answer)[1:-1])
        assert deltas(answer)[-1] == {}
        assert [choice["finish_reason"] for choice in answer.choices()] == [None] * 201 + ["stop"]
        assert answer.payloads()[-1] == "[DONE]"
        assert answer.text() == answer_text(prompt)
        assert {chunk["id"] for chunk in answer.chunks()} == {
            f"chatcmpl-{answer.headers['x-mix2api-run-id']}"
        }


async def test_a_whole_answer_is_the_stream_put_together(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        prompt = "tell [[chunks:50]] [[unicode]]"
        streamed = await system.client.ask(prompt, stream=True)
        whole = await system.client.ask(prompt)
        body = whole.json()
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["message"]["role"] == "assistant"
        assert (whole.text(), whole.finish_reason()) == (streamed.text(), "stop")
        assert whole.headers["x-session-id"] != streamed.headers["x-session-id"]


@pytest.mark.parametrize("form", ["", "[[json]]", "[[json:text]]", "[[json:parts]]", "[[json:whole]]"])
async def test_every_form_of_answer_streams_the_same_text(
    shape: Shape, form: str, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask(f"[[say:one two three]]{form}", stream=True)
        assert (answer.text(), answer.finish_reason()) == ("one two three", "stop")


async def test_usage_comes_only_if_it_was_asked_for(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        asked = {"stream": True, "stream_options": {"include_usage": True}}
        told = await system.client.ask("[[usage]]", **asked)
        *before, last = told.chunks()
        assert all(chunk["usage"] is None for chunk in before)
        assert last["choices"] == []
        assert last["usage"]["total_tokens"] == (
            last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]
        )
        untold = await system.client.ask("[[usage]]", stream=True)
        assert not any("usage" in chunk for chunk in untold.chunks())
        whole = await system.client.ask("[[usage]]")
        assert whole.json()["usage"]["total_tokens"] > 0
        run = await system.ended_run_of(told.headers["x-request-id"])
        assert run.end.usage is not None
        assert run.end.usage.total_tokens == last["usage"]["total_tokens"]


async def test_reasoning_has_its_own_field(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        prompt = "[[reasoning:because it is so]] [[say:yes]]"
        answer = await system.client.ask(prompt, stream=True)
        reasoning = "".join(delta.get("reasoning_content") or "" for delta in deltas(answer))
        assert (reasoning, answer.text()) == ("because it is so", "yes")
        whole = await system.client.ask(prompt)
        assert whole.text() == "yes"


@pytest.mark.parametrize("form", ["tools", "tools_whole", "tools_interleaved"])
async def test_tool_calls_are_given_in_openais_form(
    shape: Shape, form: str, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        prompt = f'[[{form}:weather{{"city":"Oslo, Norway and around"}};weather{{"city":"Rome"}}]]'
        answer = await system.client.ask(prompt, stream=True, tools=[_WEATHER])
        assert answer.finish_reason() == "tool_calls"
        calls: dict[int, dict[str, str]] = {}
        for piece in [call for delta in deltas(answer) for call in delta.get("tool_calls") or []]:
            call = calls.setdefault(piece["index"], {"arguments": ""})
            if "id" in piece:
                call |= {"id": piece["id"], "name": piece["function"]["name"], "type": piece["type"]}
            call["arguments"] += piece["function"]["arguments"]
        assert [calls[index]["arguments"] for index in (0, 1)] == [
            '{"city":"Oslo, Norway and around"}',
            '{"city":"Rome"}',
        ]
        assert all(call["id"].startswith("call_") for call in calls.values())
        assert {call["name"] for call in calls.values()} == {"weather"}
        whole = await system.client.ask(prompt, tools=[_WEATHER])
        message = whole.json()["choices"][0]["message"]
        assert [call["function"]["arguments"] for call in message["tool_calls"]] == [
            calls[index]["arguments"] for index in (0, 1)
        ]


async def test_a_silence_is_filled_with_comments(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(
        shape, redis_server.url, MIX2API_KEEPALIVE_S="1", MIX2API_EARLY_HEADERS_MS="100"
    ) as system:
        prompt = "[[silence:3500]] [[slow_head:300]]"
        answer = await system.client.ask(prompt, stream=True)
        assert answer.body.startswith(b": keep-alive\n")
        assert answer.body.count(b": keep-alive\n") >= 2
        assert answer.finish_reason() == "stop"
        assert answer.text() == answer_text(prompt)


async def test_the_callers_request_id_goes_everywhere(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask("hello", stream=True, headers={"x-request-id": "trace:1.2_3-4"})
        assert answer.headers["x-request-id"] == "trace:1.2_3-4"
        assert system.demo.received[-1].headers["x-request-id"] == "trace:1.2_3-4"
        (line,) = system.log_lines()
        assert line["request_id"] == "trace:1.2_3-4"
        run = await system.ended_run_of("trace:1.2_3-4")
        assert run.events[0].request_id == "trace:1.2_3-4"  # type: ignore[union-attr]
        refused = await system.client.ask(
            "hello", stream=True, headers={"x-request-id": "not one of ours"}, n=2
        )
        assert refused.status == 400
        assert refused.headers["x-request-id"].startswith("req_")

"""Chat in front of a server of OpenAI's own API: what passes, how a stream that fails ends, what the log says of it."""

from typing import Any

import msgspec
import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import Answer

from mix2api.demo import DemoKind, DemoOptions, answer_text

DEMO = DemoOptions(kind=DemoKind.OPENAI)
OPENAI = {"MIX2API_UPSTREAM": "openai"}
READ = {
    "type": "function",
    "function": {
        "name": "read",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}


def sent(system: WholeSystem) -> Any:
    """The body that the server was sent last."""
    return system.demo.received[-1].json


def terminal_error(answer: Answer) -> dict[str, Any]:
    """The error of a failing stream, whose three parts are checked."""
    told, terminal = answer.chunks()[-2:]
    assert answer.payloads()[-1] == "[DONE]"
    assert terminal["choices"][0]["finish_reason"] == "error"
    assert told["error"] == terminal["error"]
    error: dict[str, Any] = told["error"]
    return error


@pytest.mark.parametrize("shape", Shape)
async def test_a_stream_and_a_whole_answer_say_the_same_and_every_request_is_put_whole(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=DEMO, **OPENAI) as system:
        prompt = "tell [[chunks:50]] [[unicode]]"
        streamed = await system.client.ask(prompt, stream=True, stream_options={"include_usage": True})
        whole = await system.client.ask(prompt)
        assert streamed.text() == whole.text() == answer_text(prompt)
        assert streamed.finish_reason() == whole.finish_reason() == "stop"
        assert streamed.chunks()[-1]["usage"] == whole.json()["usage"]
        history = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": whole.text()},
            {"role": "user", "content": "[[say:and on]]"},
        ]
        further = await system.client.ask("", messages=history)
        assert further.headers["x-mix2api-session"] == "stateless; reason=stateless"
        assert sent(system)["messages"] == history
        report = await system.check_log(runs=3)
        assert report["coverage"] == 1.0


@pytest.mark.parametrize("shape", Shape)
async def test_fields_that_nobody_knows_pass_up_and_down(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, demo=DEMO, **OPENAI) as system:
        messages = [
            {"role": "user", "content": "[[say:one two]] [[unknown_frames]]", "x_mark": {"cache": True}},
        ]
        fields: dict[str, Any] = {
            "top_k": 5,
            "logprobs": True,
            "metadata": {"a": "b"},
            "provider": {"order": ["x"], "n": 1.50},
            "session_id": "ours",
        }
        streamed = await system.client.ask("", messages=messages, stream=True, **fields)
        body = sent(system)
        assert body["messages"] == messages
        assert body["stream_options"] == {"include_usage": True}
        assert {name: body.get(name) for name in fields} == {**fields, "session_id": None}
        assert streamed.text() == "one two"
        assert any(choice["delta"].get("x_note") == "many-lined" for choice in streamed.choices())
        assert any(choice.get("x_sky") == "clear" for choice in streamed.choices())
        assert [chunk["x_provider"] for chunk in streamed.chunks() if "x_provider" in chunk] == ["demo"]
        fingerprints = [chunk.get("system_fingerprint") for chunk in streamed.chunks()]
        assert fingerprints.count("fp_demo") == 1
        whole = await system.client.ask("", messages=messages, **fields)
        assert whole.json()["system_fingerprint"] == "fp_demo"
        assert whole.json()["choices"][0]["message"]["x_note"] == "many-lined"
        assert "stream_options" not in sent(system)


async def test_reasoning_and_tool_calls_pass_as_they_come_and_the_loop_closes(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **OPENAI) as system:
        prompt = '[[reasoning:first this]] [[tools:read{"path":"a"};read{"path":"b"}]]'
        answers = [await system.client.ask(prompt, tools=[READ], stream=stream) for stream in (True, False)]
        reasonings = [choice["delta"].get("reasoning_content", "") for choice in answers[0].choices()]
        assert "".join(reasonings) == "first this"
        message = answers[1].json()["choices"][0]["message"]
        assert message["reasoning_content"] == "first this"
        calls = message["tool_calls"]
        assert [msgspec.json.decode(call["function"]["arguments"]) for call in calls] == [
            {"path": "a"},
            {"path": "b"},
        ]
        assert [answer.finish_reason() for answer in answers] == ["tool_calls", "tool_calls"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "found"} for call in calls]
        messages = [{"role": "user", "content": prompt}, message, *results]
        done = await system.client.ask("", messages=messages, tools=[READ])
        assert done.finish_reason() == "stop"
        assert sent(system)["messages"] == messages
        assert sent(system)["tools"] == [READ]


MID_STREAM = {
    "[[cut]]": "truncated",
    "[[cut:close]]": "truncated",
    "[[cut_mid_frame:reset]]": "truncated",
    "[[abort]]": "truncated",
    "[[no_reason]]": "truncated",
    "[[error_mid]]": "error_frame",
    "[[error_frame_no_finish]]": "error_frame",
    "[[error_mid:rate limit reached]]": "rate_limit",
    "[[bad_json]]": "protocol",
}
"""What goes wrong in the middle -> the detail of its `upstream_error`."""
AT_ONCE = {
    "[[status:400]]": (400, "upstream_error"),
    "[[429:7]]": (429, "rate_limit_exceeded"),
    "[[error_before:context_length_exceeded]]": (400, "context_length_exceeded"),
    "[[json_error]]": (502, "upstream_error"),
    "[[html]]": (502, "upstream_error"),
    "[[status:503]]": (503, "upstream_error"),
}
"""What goes wrong before the first byte -> the client's status and code."""


async def test_a_stream_that_does_not_end_well_ends_in_our_failing_ending(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **OPENAI) as system:
        for directive, detail in MID_STREAM.items():
            answer = await system.client.ask(f"[[chunks:8]] {directive}", stream=True)
            assert answer.status == 200
            assert terminal_error(answer)["end_reason"] == "upstream_error", directive
            run = await system.ended_run_of(answer.headers["x-request-id"])
            assert (run.end.end_reason, run.end.detail) == ("upstream_error", detail), directive
        await system.check_log(runs=len(MID_STREAM))


async def test_what_fails_before_the_first_byte_is_an_error_with_a_status(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **OPENAI) as system:
        for directive, told in AT_ONCE.items():
            for stream in (True, False):
                answer = await system.client.ask(f"[[say:no]] {directive}", stream=stream)
                assert (answer.status, answer.error()["code"]) == told, directive
        await system.check_log(runs=2 * len(AT_ONCE))


async def test_legacy_functions_and_anthropic_s_blocks_go_up_in_openai_s_form(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **OPENAI) as system:
        legacy = await system.client.ask(
            '[[tools:read{"path":"a"}]]', functions=[READ["function"]], function_call="auto"
        )
        assert legacy.json()["choices"][0]["message"]["function_call"]["name"] == "read"
        body = sent(system)
        assert body["tools"] == [READ]
        assert "functions" not in body
        assert "function_call" not in body
        block = {"type": "image", "source": {"type": "url", "url": "https://site.example/a.png"}}
        await system.client.ask("", messages=[{"role": "user", "content": [block]}])
        (part,) = sent(system)["messages"][0]["content"]
        assert part == {"type": "image_url", "image_url": {"url": "https://site.example/a.png"}}

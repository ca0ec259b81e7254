"""Calls, thought and stop sequences as sites and models write them, through the whole adapter (`tests/data/cases`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import pytest
from case_files import canned_site, case_answer
from redis_server import RedisServer
from site_answers import case
from whole_system import Shape, WholeSystem, whole_system

from mix2api.tools.apologies import ENGLISH

STREAMED_AND_WHOLE = pytest.mark.parametrize("stream", [True, False])
NATIVE: Final = {"SEND_UPSTREAM_TOOLS": "true"}
TOOL: Final = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@asynccontextmanager
async def answered(
    redis: RedisServer, site_says: str, *, settings: dict[str, str] | None = None, **fields: Any
) -> AsyncIterator[tuple[WholeSystem, Any]]:
    """The answer to a turn that offers `f`, from a site that says this."""
    async with (
        canned_site(case_answer(site_says)) as site,
        whole_system(Shape.SERVE, redis.url, UPSTREAM_API_BASE=site.url, **(settings or {})) as system,
    ):
        body = {"model": "mix/q", "messages": [{"role": "user", "content": "go"}], "tools": [TOOL], **fields}
        async with system.client.request("POST", "/v1/chat/completions", msgspec.json.encode(body)) as asked:
            yield system, await asked.answer()
        await system.check_log(runs=1)


def message(answer: Any) -> tuple[str, str, list[tuple[str, str]], str]:
    """Text, reasoning, calls and finish reason, whichever form the answer has."""
    if not answer.is_stream:
        (choice,) = answer.json()["choices"]
        told = choice["message"]
        functions = [call["function"] for call in told.get("tool_calls") or ()]
        calls = [(function["name"], function["arguments"]) for function in functions]
        return told["content"] or "", told.get("reasoning_content") or "", calls, choice["finish_reason"]
    pieces: dict[int, list[str]] = {}
    reasoning = ""
    for choice in answer.choices():
        delta = choice["delta"]
        reasoning += delta.get("reasoning_content") or ""
        for piece in delta.get("tool_calls") or ():
            call = pieces.setdefault(piece["index"], ["", ""])
            call[0] += piece["function"].get("name") or ""
            call[1] += piece["function"].get("arguments") or ""
    return answer.text(), reasoning, [(name, text) for name, text in pieces.values()], answer.finish_reason()


@STREAMED_AND_WHOLE
async def test_a_call_in_a_model_s_own_tags_is_a_call(redis_server: RedisServer, *, stream: bool) -> None:
    async with answered(redis_server, "hermes-call.sse", stream=stream) as (_, answer):
        assert message(answer) == ("I will read it.\n", "", [("f", '{"a": "x"}')], "tool_calls")


@STREAMED_AND_WHOLE
async def test_no_call_is_read_in_thought(redis_server: RedisServer, *, stream: bool) -> None:
    async with answered(redis_server, "call-inside-thought.sse", stream=stream) as (_, answer):
        text, reasoning, calls, finish = message(answer)
        assert (text, calls, finish) == ("I will not delete anything.", [], "stop")
        assert reasoning.startswith("I could call")


@STREAMED_AND_WHOLE
async def test_thought_stays_in_the_text_where_it_is_to(redis_server: RedisServer, *, stream: bool) -> None:
    settings = {"MIX2API_THINK": "text"}
    async with answered(redis_server, "call-inside-thought.sse", settings=settings, stream=stream) as (
        _,
        answer,
    ):
        text, reasoning, calls, finish = message(answer)
        assert (reasoning, calls, finish) == ("", [], "stop")
        assert text.startswith("<think>I could call")
        assert text.endswith("</think>\nI will not delete anything.")


@STREAMED_AND_WHOLE
async def test_an_example_stays_text(redis_server: RedisServer, *, stream: bool) -> None:
    async with answered(redis_server, "example-in-prose.sse", stream=stream) as (_, answer):
        text, _, calls, finish = message(answer)
        assert (calls, finish) == ([], "stop")
        assert '"function":{"name":"f"' in text


HALF_CALLS = pytest.mark.parametrize(
    "name", ["half-call-finish-tool-calls.sse", "half-call-finish-unknown.sse"]
)


@HALF_CALLS
async def test_a_half_call_is_not_in_a_whole_answer(name: str, redis_server: RedisServer) -> None:
    async with answered(redis_server, name, settings=NATIVE, stream=False) as (_, answer):
        assert message(answer) == (ENGLISH.malformed, "", [], "stop")


@HALF_CALLS
async def test_a_stream_that_has_shown_half_a_call_fails(name: str, redis_server: RedisServer) -> None:
    async with answered(redis_server, name, settings=NATIVE, stream=True) as (system, answer):
        assert answer.finish_reason() == "error"
        (line,) = system.log_lines()
        assert (line["end_reason"], line["detail"]) == ("upstream_error", "broken_call")


@STREAMED_AND_WHOLE
async def test_the_site_s_final_input_counts(redis_server: RedisServer, *, stream: bool) -> None:
    async with answered(redis_server, "repaired-input.sse", settings=NATIVE, stream=stream) as (_, answer):
        assert message(answer) == ("", "", [("f", '{"a":"xyz"}')], "tool_calls")


@STREAMED_AND_WHOLE
async def test_an_emoji_in_halves_is_whole(redis_server: RedisServer, *, stream: bool) -> None:
    async with answered(redis_server, "emoji-in-halves.sse", stream=stream) as (_, answer):
        assert answer.text() == "好的😀，完成👍。"  # noqa: RUF001


@STREAMED_AND_WHOLE
@pytest.mark.parametrize("tools", [[TOOL], None])
async def test_the_answer_ends_before_the_caller_s_stop(
    tools: Any, redis_server: RedisServer, *, stream: bool
) -> None:
    fields = {"stream": stream, "tools": tools, "stop": ["\nObservation:"]}
    async with answered(redis_server, "stop-not-heeded-by-site.sse", **fields) as (_, answer):
        assert message(answer) == ("Thought: I need data.\nAction: search", "", [], "stop")


@pytest.mark.parametrize("name", ["lone-surrogate-request.http", "byte-order-mark.http"])
async def test_a_request_with_half_a_character_or_a_mark_is_answered(
    name: str, redis_server: RedisServer
) -> None:
    body = case(name).partition(b"\r\n\r\n")[2]
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        async with system.client.request("POST", "/v1/chat/completions", body) as asked:
            answer = await asked.answer()
        assert answer.status == 200
        await system.check_log(runs=1)

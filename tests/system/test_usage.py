"""Every answer has a usage: the site's figures where it gives them, ours where it does not."""

from typing import Any

import pytest
from redis_server import RedisServer
from vocabularies import reference
from whole_system import Shape, whole_system
from wire_client import Answer

from mix2api.budget.message_tokens import ANSWER_TOKENS, MESSAGE_TOKENS, ROLE_TOKENS

pytestmark = pytest.mark.parametrize("shape", Shape)
_ID = {"x-request-id": "used"}
_FRAME = MESSAGE_TOKENS + ROLE_TOKENS
PROMPT = "Tell me about trees. [[usage:none]]"


def usage_of(answer: Answer, *, stream: bool) -> dict[str, Any]:
    if not stream:
        usage: dict[str, Any] = answer.json()["usage"]
        return usage
    (last,) = (chunk["usage"] for chunk in answer.chunks() if chunk.get("usage"))
    assert isinstance(last, dict)
    return last


def text_of(answer: Answer, *, stream: bool) -> str:
    return answer.text() if stream else str(answer.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize("stream", [True, False])
async def test_a_site_that_reports_nothing_is_counted(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    options = {"stream_options": {"include_usage": True}} if stream else {}
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask(PROMPT, headers=_ID, stream=stream, **options)
        usage = usage_of(answer, stream=stream)
        prompt = reference(PROMPT) + _FRAME + ANSWER_TOKENS
        completion = reference(text_of(answer, stream=stream))
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (prompt, completion)
        assert usage["total_tokens"] == prompt + completion
        end = (await system.ended_run_of("used")).end
        assert end.usage is not None
        assert (end.usage.prompt_tokens, end.usage_source) == (prompt, "counted")
        (line,) = system.log_lines()
        assert line["usage_source"] == "counted"


async def test_a_site_that_reports_is_believed(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask("Tell me about trees.", headers=_ID)
        end = (await system.ended_run_of("used")).end
        assert end.usage is not None
        assert answer.json()["usage"]["prompt_tokens"] == end.usage.prompt_tokens
        assert end.usage_source == "site"


async def test_a_continued_turn_is_counted_with_its_whole_history(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask(PROMPT)
        said = text_of(first, stream=False)
        history = [
            {"role": "user", "content": PROMPT},
            {"role": "assistant", "content": said},
            {"role": "user", "content": PROMPT},
        ]
        second = await system.client.ask("", messages=history)
        assert second.headers["x-mix2api-session"].startswith("continued")
        expected = 2 * reference(PROMPT) + reference(said) + 3 * _FRAME + ANSWER_TOKENS
        assert usage_of(second, stream=False)["prompt_tokens"] == expected


async def test_a_broken_stream_says_what_was_read_and_written(
    shape: Shape, redis_server: RedisServer
) -> None:
    prompt = "Tell me. [[usage:none]] [[chunks:20]] [[cut]]"
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask(
            prompt, headers=_ID, stream=True, stream_options={"include_usage": True}
        )
        assert answer.finish_reason() == "error"
        usage = usage_of(answer, stream=True)
        assert usage["prompt_tokens"] == reference(prompt) + _FRAME + ANSWER_TOKENS
        assert usage["completion_tokens"] == reference(answer.text()) > 0
        end = (await system.ended_run_of("used")).end
        assert end.usage_source == "counted"


async def test_reasoning_is_part_of_what_was_written(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask("Tell me. [[reasoning:20]] [[usage:none]]", headers=_ID)
        message, usage = answer.json()["choices"][0]["message"], answer.json()["usage"]
        thought = reference(message["reasoning_content"])
        assert usage["completion_tokens_details"]["reasoning_tokens"] == thought > 0
        assert usage["completion_tokens"] == thought + reference(message["content"])


async def test_calls_and_tools_are_counted(shape: Shape, redis_server: RedisServer) -> None:
    tool = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
    async with whole_system(shape, redis_server.url) as system:
        plain = await system.client.ask("Read README.md [[usage:none]]")
        answer = await system.client.ask("Read README.md [[usage:none]]", tools=[tool])
        assert answer.finish_reason() == "tool_calls"
        usage = answer.json()["usage"]
        assert usage["prompt_tokens"] > plain.json()["usage"]["prompt_tokens"]
        assert usage["completion_tokens"] > 0

"""A site with a window of its own, which counts by code of its own: it never sees more, whatever a conversation is made of.

`make budgets` runs all windows. `make test` runs the smallest one.
"""

import base64
import os
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from redis_server import RedisServer
from vocabularies import reference
from whole_system import Shape, WholeSystem, whole_system
from wire_client import Answer

from mix2api.demo import DemoKind, DemoOptions, TokenCount
from mix2api.vocabulary import FinishReason

OUTPUT: Final = 200
WINDOWS: Final = [int(window) for window in os.environ.get("BUDGET_WINDOWS", "2000").split(",")]
TURNS: Final = 6
"""Every other one brings two fifths of the window: the session is full in the third of these."""
CALLS: Final = 40
LIMIT_S: Final = 900
"""For one window: the largest took 70 seconds."""
Messages = list[dict[str, Any]]


def of_length(words: str) -> Callable[[int], str]:
    """A text of about so many tokens. Where the words meet, they may share one."""
    ten = reference(words * 10)
    return lambda size: words * max(1, 10 * size // ten)


def images(size: int) -> list[dict[str, Any]]:
    """Pictures of 1024 x 1024, which take 765 tokens each."""
    edge = (1024).to_bytes(4, "big")
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + edge + edge + bytes(10)
    url = f"data:image/png;base64,{base64.b64encode(head).decode()}"
    return [{"type": "image_url", "image_url": {"url": url}}] * max(1, size // 765)


KINDS: Final[dict[str, Callable[[int], Any]]] = {
    "plain": of_length("the quick brown fox jumps over a lazy dog and then some "),
    "cjk": of_length("春眠不觉晓处处闻啼鸟夜来风雨声花落知多少"),
    "emoji": of_length("\U0001f600\U0001f680\u2728 "),
    "base64": of_length("iVBORw0KGgoAAAANSUhEUgAAAAUA9k3Fz+"),
    "images": images,
}
TOOL: Final = {
    "type": "function",
    "function": {"name": "look", "description": "looks", "parameters": {"type": "object", "properties": {}}},
}


NATIVE: Final = {"SEND_UPSTREAM_TOOLS": "true"}
IN_WORDS: Final = {"SEND_UPSTREAM_TOOLS": "false"}
OPENAI: Final = {"MIX2API_UPSTREAM": "openai"}


def settings(window: int) -> dict[str, str]:
    profile = {"context_window": window, "max_input_tokens": window, "max_new_tokens": OUTPUT}
    return {"MODEL_PROFILE_JSON": msgspec.json.encode({"*": profile}).decode()}


def site(window: int, kind: DemoKind = DemoKind.MIX) -> DemoOptions:
    return DemoOptions(kind=kind, context_window=window, count=TokenCount(reference))


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def trimmed_in(answer: Answer) -> bool:
    return not answer.headers["x-mix2api-budget"].endswith("trimmed=0")


async def growing(system: WholeSystem, kind: str, window: int, *, stream: bool, **fields: Any) -> set[str]:
    """A conversation that grows to twice its window; gives what became of its turns."""
    seen: set[str] = set()
    messages: Messages = [{"role": "system", "content": "Be brief."}]
    for turn in range(TURNS):
        messages.append(user(KINDS[kind](window * 2 // 5) if turn % 2 == 0 else f"{kind} {stream} and now?"))
        answer = await system.client.ask("", messages=messages, stream=stream, **fields)
        assert answer.status == 200, answer.body
        seen.add(answer.headers["x-mix2api-session"].rpartition("=")[2])
        seen |= {"trimmed"} if trimmed_in(answer) else set()
        messages.append({"role": "assistant", "content": answer.text()})
    return seen


async def looping(system: WholeSystem, window: int, directive: str = "tools", *, stream: bool) -> set[str]:
    """One question, and calls whose results are twice the window together. The directive says how the site calls."""
    seen: set[str] = set()
    result = KINDS["plain"](window // 20)
    messages: Messages = [user(f"a loop {stream} " + f"[[{directive}:look{{}}]]" * CALLS)]
    for _ in range(CALLS):
        answer = await system.client.ask("", messages=messages, stream=stream, tools=[TOOL])
        assert answer.status == 200, answer.body
        seen |= {"trimmed"} if trimmed_in(answer) else set()
        call = call_of(answer)
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    return seen


async def one_huge(system: WholeSystem, window: int, *, stream: bool) -> None:
    """A message that is longer than the window: it loses its middle as an old one, and is refused as the newest one."""
    huge = KINDS["plain"](2 * window)
    messages = [user(huge), {"role": "assistant", "content": "Yes."}, user(f"and now? {stream}")]
    answer = await system.client.ask("", messages=messages, stream=stream)
    assert answer.status == 200, answer.body
    assert trimmed_in(answer)
    refused = await system.client.ask(huge, stream=stream)
    assert (refused.status, refused.error()["code"]) == (400, "context_length_exceeded")


def call_of(answer: Answer) -> dict[str, Any]:
    """The call of an answer, put together from its chunks if it was streamed."""
    assert answer.finish_reason() == FinishReason.TOOL_CALLS, answer.body
    if not answer.is_stream:
        (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
        return dict(call)
    parts = [part for choice in answer.choices() for part in choice["delta"].get("tool_calls") or ()]
    arguments = "".join(part["function"].get("arguments") or "" for part in parts)
    function = {"name": parts[0]["function"]["name"], "arguments": arguments}
    return {"id": parts[0]["id"], "type": "function", "function": function}


@pytest.mark.parametrize("window", WINDOWS)
async def test_the_site_never_sees_more_than_its_window(window: int, redis_server: RedisServer) -> None:
    """Of every kind of content, streaming and not."""
    demo = site(window)
    async with whole_system(
        Shape.SERVE, redis_server.url, demo=demo, limit_s=LIMIT_S, **settings(window), **NATIVE
    ) as system:
        for stream in (True, False):
            for kind in KINDS:
                seen = await growing(system, kind, window, stream=stream)
                assert "rolled_over" in seen, (kind, seen)
            assert "trimmed" in await looping(system, window, stream=stream)
            await one_huge(system, window, stream=stream)
        assert system.demo.stats.overflows == 0
        assert system.demo.stats.requests >= 2 * (len(KINDS) * TURNS + CALLS + 1)


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_site_that_is_told_its_tools_in_words_never_sees_more_than_its_window(
    window: int, redis_server: RedisServer
) -> None:
    """Schemas, calls and results take their room as texts."""
    many = [
        {"type": "function", "function": {**TOOL["function"], "name": name, "description": name * 20}}
        for name in ("look", "read", "write")
    ]
    async with whole_system(
        Shape.SERVE, redis_server.url, demo=site(window), limit_s=LIMIT_S, **settings(window), **IN_WORDS
    ) as system:
        for stream in (True, False):
            seen = await looping(system, window, "text_tools", stream=stream)
            assert "trimmed" in seen
            seen = await growing(system, "plain", window, stream=stream, tools=many)
            assert "rolled_over" in seen
        assert system.demo.stats.overflows == 0
        assert system.demo.stats.requests >= 2 * (CALLS + TURNS)


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_server_without_sessions_never_sees_more_than_its_window(
    window: int, redis_server: RedisServer
) -> None:
    """Each request brings the whole history, trimmed anew."""
    async with whole_system(
        Shape.SERVE,
        redis_server.url,
        demo=site(window, DemoKind.OPENAI),
        limit_s=LIMIT_S,
        **settings(window),
        **OPENAI,
    ) as system:
        for stream in (True, False):
            assert "trimmed" in await growing(system, "cjk", window, stream=stream)
        assert "trimmed" in await looping(system, window, stream=False)
        await one_huge(system, window, stream=True)
        assert system.demo.stats.overflows == 0


async def test_the_site_refuses_what_nobody_counts(redis_server: RedisServer) -> None:
    """So that the test above can fail."""
    uncounted = {**settings(2000), **NATIVE, "MIX2API_BUDGET": "false"}
    async with whole_system(Shape.SERVE, redis_server.url, demo=site(2000), **uncounted) as system:
        answer = await system.client.ask(KINDS["cjk"](2000), stream=False)
        assert answer.status == 400
        assert answer.error()["code"] == "context_length_exceeded"
        assert system.demo.stats.overflows == 1

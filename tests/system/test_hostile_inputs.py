"""Answers and requests that were made to be expensive: no step of the process is long, and others are served meanwhile.

The limit of a step is a number of function calls (`counted`); without portions each of these answers takes millions in one.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trio
from counted import CountedSteps
from linear.inputs import HISTORIES, TEXTS, body, native_calls
from redis_server import RedisServer
from upstreams.loopback import Connection, serving
from whole_system import Shape, WholeSystem, whole_system

from mix2api.actors.tool_calls import CALLS_MAX
from mix2api.tools.text.recognition import ENCLOSURES_MAX
from mix2api.upstreams.port import ToolInputAvailable
from mix2api.vocabulary import Detail
from mix2api.wire.turn import Message

_LIMIT = 120_000
_TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_START = {"type": "start", "messageMetadata": {"sessionId": "s"}}
_ENCLOSURE = '{"tool_calls": [{"name": "read", "arguments": {"a": 1}}]}'


def frames(*payloads: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(each) + b"\n\n" for each in payloads)


def said(*texts: str) -> bytes:
    deltas = ({"type": "text-delta", "delta": text} for text in texts)
    return _HEAD + frames(_START, *deltas, {"type": "finish"}) + b"data: [DONE]\n\n"


def called(count: int) -> bytes:
    calls = (
        {"type": "tool-input-available", "toolCallId": each.call_id, "toolName": "read", "input": {}}
        for each in native_calls(count)
        if isinstance(each, ToolInputAvailable)
    )
    return _HEAD + frames(_START, *calls, {"type": "finish"}) + b"data: [DONE]\n\n"


ANSWERS: dict[str, tuple[bytes, str | None]] = {
    "braces": (said(TEXTS["braces"](40_000)), None),
    "nested lists": (said(TEXTS["lists in arguments"](40_000)), None),
    "numbers": (said(TEXTS["numbers in arguments"](10_000)), None),
    "enclosures": (said(*[_ENCLOSURE] * (ENCLOSURES_MAX + 1)), Detail.TOO_MANY),
    "enclosures in one frame": (said(_ENCLOSURE * (ENCLOSURES_MAX + 1)), Detail.TOO_MANY),
    "native calls": (called(CALLS_MAX), None),
    "native calls, one too many": (called(CALLS_MAX + 1), Detail.TOO_MANY),
}


def answering(hostile: bytes) -> Callable[[Connection], Any]:
    """A site that answers `hostile`, but to whoever asks for quiet a stream that never ends."""

    async def serve(connection: Connection) -> None:
        asked = await connection.request()
        if b"quiet" not in asked:
            await connection.send(hostile)
            return
        await connection.send(_HEAD + frames(_START))
        while True:
            await connection.send(frames({"type": "text-delta", "delta": "."}))
            await trio.sleep(0.005)  # the pace of the stream; nobody waits for it

    return serve


async def live(system: WholeSystem, seen: list[int]) -> None:
    """Asks whether the process lives, for ever."""
    while True:
        seen.append((await system.client.get("/health/live")).status)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_expensive_answer_holds_nobody_up(
    *, name: str, stream: bool, redis_server: RedisServer
) -> None:
    hostile, detail = ANSWERS[name]
    async with (
        serving([answering(hostile)]) as site,
        whole_system(Shape.SERVE, redis_server.url, UPSTREAM_API_BASE=site.url) as system,
        system.client.asking("quiet", stream=True) as quiet,
        trio.open_nursery() as nursery,
    ):
        await quiet.head()
        await quiet.read_until(lambda body: body.count(b'"."') >= 2)
        lives: list[int] = []
        nursery.start_soon(live, system, lives)
        with CountedSteps().installed() as counted:
            answer = await system.client.ask("go", stream=stream, tools=[_TOOL])
        assert counted.longest <= _LIMIT, counted.task
        assert set(lives) == {200}
        seen = quiet.body.count(b'"."')
        await quiet.read_until(lambda body: body.count(b'"."') > seen)
        if detail is None:
            assert answer.status == 200
            assert answer.finish_reason() in {"stop", "tool_calls"}
        else:
            error = (answer.chunks()[-1] if stream else answer.json())["error"]
            assert error["code"] == "upstream_error"
            assert detail in {line["detail"] for line in system.log_lines()}
        nursery.cancel_scope.cancel()


def asked(messages: list[Message]) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": messages})


REQUESTS: dict[str, tuple[bytes, int]] = {
    "parts": (body(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}] * 10_000}]), 200),
    "too many parts": (body(messages=[{"role": "user", "content": [{"type": "x"}] * 60_000}]), 400),
    "numbers": (body(tools=[{**_TOOL, "x": [0] * 90_000}]), 200),
    "messages": (asked(HISTORIES["turns"](1600)), 200),
    "calls": (asked(HISTORIES["calls and results"](2000)), 200),
    "legacy results": (asked(HISTORIES["calls first, results by name behind them all"](200)), 200),
    "too many legacy results": (asked(HISTORIES["calls first, results by name behind them all"](1100)), 400),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_an_expensive_request_takes_no_long_step(name: str, redis_server: RedisServer) -> None:
    given, status = REQUESTS[name]
    async with (
        serving([answering(said("so"))]) as site,
        whole_system(Shape.SERVE, redis_server.url, UPSTREAM_API_BASE=site.url) as system,
    ):
        with CountedSteps().installed() as counted:
            async with system.client.request("POST", "/v1/chat/completions", given) as conversation:
                answer = await conversation.answer()
        assert answer.status == status
        assert counted.longest <= _LIMIT, counted.task

"""The inputs of `paths.py`: usual requests and answers, and those that were made to be expensive.

The six that were seen to freeze a process stand in `SYSTEM_ANSWERS` and `SYSTEM_BODIES` at the size at which they did.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted, UpstreamEvent
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

OFFERED = ("read", "write")
_CALL = '{"tool_call": {"name": "write", "arguments": {"text": '
_ENCLOSURE = '{"tool_calls": [{"name": "read", "arguments": {"a": 1}}]}'

TEXTS: dict[str, Callable[[int], str]] = {
    "words": lambda n: "word " * n,
    "braces": lambda n: "{" * n,
    "lists in arguments": lambda n: _CALL + "[" * n,
    "closed lists in arguments": lambda n: _CALL + "[" * n + "]" * n,
    "numbers in arguments": lambda n: _CALL + "[" + "0," * n,
    "enclosures": lambda n: _ENCLOSURE * n,
    "backticks": lambda n: "` " * n,
    "fences": lambda n: "```json\n{}\n```\n" * n,
    "unclosed strings": lambda n: _CALL + '"' + 'x"x' * n,
    "escapes": lambda n: _CALL + '"' + "\\n\\u4e2d" * n,
    "quotes": lambda n: _CALL + '"' * n,
    "a long head": lambda n: '{"tool_call"' + " " * n,
    "white space": lambda n: " \n" * n,
}

ANSWERS: dict[str, Callable[[int], list[UpstreamEvent]]] = {
    "native calls": lambda n: [
        each
        for number in range(n)
        for each in (
            ToolInputStarted(f"c{number}", "read"),
            ToolInputDelta(f"c{number}", '{"a":1}'),
            ToolInputAvailable(f"c{number}", "read", '{"a":1}'),
        )
    ],
    "pieces of one call": lambda n: [ToolInputStarted("c", "read"), *[ToolInputDelta("c", '"')] * n],
}


def _body(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


BODIES: dict[str, Callable[[int], bytes]] = {
    "text": lambda n: _body(messages=[{"role": "user", "content": "a, " * n * 10}]),
    "parts": lambda n: _body(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}] * n}]),
    "messages": lambda n: _body(messages=[{"role": "user", "content": "hi"}] * (n // 16)),
    "numbers": lambda n: _body(tools=[{"type": "x", "y": [0] * n}]),
    "lists": lambda n: _body(tools=[{"type": "x", "y": [[]] * n}]),
    "keys": lambda n: _body(tools=[{"type": "x", "y": {f"k{number}": 1 for number in range(n)}}]),
}


def _calling(number: int) -> Message:
    call = MessageToolCall(id=f"call_{number}", function=FunctionCall("read", '{"path": "/a", "limit": 10}'))
    return Message(role="assistant", tool_calls=[call])


def _legacy(n: int) -> list[Message]:
    names = [f"tool_{number % 7}" for number in range(n)]
    return [
        Message(role="user", content="go"),
        *(Message(role="assistant", function_call=FunctionCall(name, "{}")) for name in names),
        *(Message(role="function", name=name, content="done") for name in names),
    ]


HISTORIES: dict[str, Callable[[int], list[Message]]] = {
    "turns": lambda n: [
        each
        for number in range(n)
        for each in (Message(role="user", content=f"and {number}"), Message(role="assistant", content="yes"))
    ],
    "calls and results": lambda n: [
        Message(role="user", content="go"),
        *(
            each
            for number in range(n)
            for each in (
                _calling(number),
                Message(role="tool", tool_call_id=f"call_{number}", content="done"),
            )
        ),
    ],
    "legacy calls, then results by name": _legacy,
}


def _frames(*payloads: dict[str, Any]) -> bytes:
    told = ({"type": "start", "messageMetadata": {"sessionId": "s"}}, *payloads, {"type": "finish"})
    return b"".join(b"data: " + msgspec.json.encode(each) + b"\n\n" for each in told) + b"data: [DONE]\n\n"


def _text(text: str) -> bytes:
    return _frames({"type": "text-delta", "delta": text})


def _native(n: int) -> bytes:
    return _frames(
        *(
            {
                "type": "tool-input-available",
                "toolCallId": f"c{number}",
                "toolName": "read",
                "input": {"a": 1},
            }
            for number in range(n)
        )
    )


_SEVEN_MB = 7_000_000

SYSTEM_ANSWERS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: _text("nothing"),
    "7 MB of words": lambda: _text("word " * (_SEVEN_MB // 5)),
    "7 MB of braces": lambda: _text("{" * _SEVEN_MB),
    "7 MB of nested lists": lambda: _text(_CALL + "[" * _SEVEN_MB),
    "7 MB of one string": lambda: _text(_CALL + '"' + "x" * _SEVEN_MB + '"}}}'),
    "7 MB of numbers": lambda: _text(_CALL + "[" + "0," * (_SEVEN_MB // 2) + "0]}}}"),
    "40,000 enclosures": lambda: _frames(*[{"type": "text-delta", "delta": _ENCLOSURE}] * 40_000),
    "7 MB of enclosures in one frame": lambda: _text(_ENCLOSURE * (_SEVEN_MB // len(_ENCLOSURE))),
    "60,000 native calls": lambda: _native(60_000),
    "256 native calls": lambda: _native(256),
}
"""To be made before anything is measured: making them takes longer than reading them."""


def _conversation(messages: list[Message]) -> bytes:
    ask = Message(role="user", content="hostile:nothing;")
    return msgspec.json.encode({"model": "m", "messages": [*messages, ask]})


def _results(n: int) -> bytes:
    """Ends with the results themselves: each is told to the log."""
    return msgspec.json.encode(
        {"model": "m", "messages": [Message(role="user", content="hostile:nothing;"), *_legacy(n)[1:]]}
    )


def _parts(n: int, text: str = "a") -> bytes:
    parts = [{"type": "text", "text": "hostile:nothing;"}, *[{"type": "text", "text": text}] * (n - 1)]
    return _body(messages=[{"role": "user", "content": parts}])


SYSTEM_BODIES: dict[str, Callable[[], bytes]] = {
    "4 MB of text": lambda: _conversation([Message(role="user", content="word " * 800_000)]),
    "4 MB of braces and commas in a text": lambda: _conversation(
        [Message(role="user", content="{a, " * 1_000_000)]
    ),
    "4 MB in 2,000 messages with calls": lambda: _conversation(
        [Message(role="user", content="x" * 1_900_000), *HISTORIES["calls and results"](1000)[1:]] * 1
        + [Message(role="assistant", content="y" * 1_900_000)]
    ),
    "5,000 messages": lambda: _conversation(HISTORIES["turns"](2499)),
    "300,000 parts": lambda: _body(messages=[{"role": "user", "content": [{"type": "x"}] * 300_000}]),
    "10,000 parts of 400 bytes": lambda: _parts(10_000, "a" * 370),
    "100,000 values in a tool": lambda: _body(
        tools=[{"type": "function", "function": {"name": "read", "parameters": {"x": [0] * 99_000}}}],
        messages=[{"role": "user", "content": "hostile:nothing;"}],
    ),
    "256 legacy results": lambda: _results(256),
    "1,000 legacy results": lambda: _results(1000),
    "10,000 legacy results": lambda: _results(10_000),
}

"""Requests and answers of any size: the usual ones, and those that were made to be expensive."""

from collections.abc import Callable
from typing import Any

import msgspec

from mix2api.upstreams.port import (
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputDelta,
    ToolInputStarted,
    ToolOutputSeen,
    UpstreamEvent,
)
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

USER = Message(role="user", content="go on")


def asking(number: int, arguments: str = '{"path": "/a"}') -> Message:
    called = MessageToolCall(id=f"call_{number}", function=FunctionCall(f"tool_{number % 7}", arguments))
    return Message(role="assistant", tool_calls=[called])


def bringing(number: int) -> Message:
    return Message(role="tool", tool_call_id=f"call_{number}", content="done")


def asking_by_name(number: int) -> Message:
    return Message(role="assistant", function_call=FunctionCall(f"tool_{number % 7}", "{}"))


def bringing_by_name(number: int) -> Message:
    return Message(role="function", name=f"tool_{number % 7}", content="done")


def _parallel(n: int) -> Message:
    calls = [MessageToolCall(id=f"call_{each}", function=FunctionCall("tool", "{}")) for each in range(n)]
    return Message(role="assistant", tool_calls=calls)


_TEXT: dict[str, Any] = {"type": "text", "text": "a word"}
_IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:,"}}

HISTORIES: dict[str, Callable[[int], list[Message]]] = {
    "turns": lambda n: [USER, Message(role="assistant", content="<think>hm</think>yes"), USER] * n,
    "instructions": lambda n: [Message(role="system", content="be kind")] * n + [USER],
    "calls and results": lambda n: [
        USER,
        *(each for number in range(n) for each in (asking(number), bringing(number))),
    ],
    "parallel calls, results from the last": lambda n: [
        USER,
        _parallel(n),
        *(bringing(number) for number in reversed(range(n))),
    ],
    "parallel calls, results by name": lambda n: [
        USER,
        _parallel(n),
        *(Message(role="function", name="tool", content="done") for _ in range(n)),
    ],
    "calls first, results by name behind them all": lambda n: [
        USER,
        *(asking_by_name(number) for number in range(n)),
        *(bringing_by_name(number) for number in range(n)),
    ],
    "legacy calls and results": lambda n: [
        USER,
        *(each for number in range(n) for each in (asking_by_name(number), bringing_by_name(number))),
    ],
    "parts": lambda n: [Message(role="user", content=[_TEXT, _IMAGE] * n)],
    "parts of an answer": lambda n: [USER, Message(role="assistant", content=[_TEXT] * n), USER],
    "words beside an image": lambda n: [
        Message(role="user", content=[{"type": "text", "text": "w " * n}, _IMAGE])
    ],
    "empty answers": lambda n: [USER, *[Message(role="assistant", content="")] * n, USER],
    "adjacent answers": lambda n: [USER, *[Message(role="assistant", content="so")] * n, USER],
    "arguments of many values": lambda n: [
        USER,
        asking(1, "[" + "0," * n + "0]"),
        bringing(1),
    ],
}


def tools(n: int) -> list[dict[str, Any]]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    return [
        {"type": "function", "function": {"name": f"tool_{number}", "parameters": schema}}
        for number in range(n)
    ]


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


BODIES: dict[str, Callable[[int], bytes]] = {
    "messages": lambda n: body(messages=[{"role": "user", "content": "hi"}] * n),
    "parts": lambda n: body(messages=[{"role": "user", "content": [_TEXT] * n}]),
    "calls": lambda n: body(messages=[{"role": "user", "content": "hi"}, msgspec.to_builtins(_parallel(n))]),
    "tools": lambda n: body(tools=tools(n)),
    "numbers": lambda n: body(response_format={"type": "json_schema", "x": [0] * n}),
    "lists": lambda n: body(tools=[{"type": "x", "y": [[]] * n}]),
    "keys": lambda n: body(logit_bias={str(number): 1 for number in range(n)}),
    "unknown fields": lambda n: body(surprise=[{}] * n),
    "an escaped text": lambda n: body(messages=[{"role": "user", "content": '\n"' * n}]),
}

_CALL = '{"tool_call": {"name": "write", "arguments": {"text": '

TEXTS: dict[str, Callable[[int], str]] = {
    "words": lambda n: "word " * n,
    "braces": lambda n: "{" * n,
    "brackets": lambda n: "[" * n,
    "lists in arguments": lambda n: _CALL + "[" * n,
    "lists in arguments, closed": lambda n: _CALL + "[" * n + "]" * n + "}}}",
    "objects in arguments": lambda n: _CALL + '{"a":' * n,
    "numbers in arguments": lambda n: _CALL + "[" + "0," * n + "0]}}}",
    "backticks": lambda n: "`" * n,
    "fences": lambda n: "```json\n{}\n```\n" * n,
    "unclosed strings": lambda n: _CALL + '"' + 'x"x' * n,
    "escapes": lambda n: _CALL + '"' + "\\n\\u4e2d" * n,
    "quotes": lambda n: _CALL + '"' * n,
    "a long head": lambda n: '{"tool_call"' + " " * n,
    "white space": lambda n: " \n" * n,
    "surplus brackets": lambda n: '{"tool_call": {"name": "read"}}' + "} " * n,
    "tags that open nothing": lambda n: "<tool_call> a [b] <c> " * n,
    "calls in tags": lambda n: '<tool_call>{"name": "read"}</tool_call>' * n,
    "a value in tags": lambda n: "<function=read><parameter=a>" + "</para \n" * n,
    "parameters": lambda n: "<function=read>" + "<parameter=a>1</parameter>" * n,
    "thought": lambda n: "<think>" + "</thin {\n" * n,
    "a final answer": lambda n: '{"final": "' + "word \\n" * n,
    "blocks behind prose": lambda n: "So:\n" + '```json\n{"tool_call": {"name": "read"}}\n```\n' * n,
}


def native_calls(n: int) -> list[UpstreamEvent]:
    return [
        event
        for number in range(n)
        for event in (
            ToolInputStarted(f"c{number}", "read"),
            ToolInputDelta(f"c{number}", '{"path": '),
            ToolInputDelta(f"c{number}", '"/a"}'),
            ToolInputAvailable(f"c{number}", "read", '{"path": "/a"}'),
        )
    ]


def _side_by_side(n: int) -> list[UpstreamEvent]:
    return [
        *(ToolInputStarted(f"c{number}", "read") for number in range(n)),
        *(ToolInputAvailable(f"c{number}", "read", "{}") for number in reversed(range(n))),
    ]


ANSWERS: dict[str, Callable[[int], list[UpstreamEvent]]] = {
    "texts": lambda n: [Text("word ")] * n,
    "native calls": native_calls,
    "native calls side by side": _side_by_side,
    "pieces of one call": lambda n: [ToolInputStarted("c", "read"), *[ToolInputDelta("c", '"')] * n],
    "one call again and again": lambda n: [ToolInputAvailable("c", "read", "[" + "0," * n + "0]")] * 5,
    "calls that the site runs": lambda n: [
        each
        for number in range(n)
        for each in (ToolInputStarted(f"c{number}", "read"), ToolOutputSeen(f"c{number}"))
    ],
    "broken calls": lambda n: [ToolInputBroken(f"c{number}", "read") for number in range(n)],
    "calls that nobody offered": lambda n: [ToolInputStarted(f"c{number}", "fly") for number in range(n)],
}

"""A call as a request of the Responses API. Pure.

Three cases:

- The client speaks the same API: the body is its own, field by field as it came.
- The client speaks Chat Completions: messages become input items, tools lose their wrapper, and the fields that the two APIs
  name differently are renamed. All other fields go up as they came; a server refuses those that it does not know.
- Something is asked of a response that the server keeps: there is no body, but for what the client sent.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from mix2api.tools.legacy import modern_history
from mix2api.upstreams.port import UpstreamCall
from mix2api.wire.roomy import json_of
from mix2api.wire.turn import RESULT_ROLES, Message, Turn, is_text

_ROOM: Final = 1024
"""Bytes beside what the client sent."""
_WRITTEN: Final = frozenset(
    {
        *(
            "messages",
            "tools",
            "tool_choice",
            "stream",
            "stream_options",
            "response_format",
            "reasoning_effort",
        ),
        *("verbosity", "max_tokens", "max_completion_tokens"),
    }
)
"""Fields of Chat Completions that stand elsewhere in a request of this API, or nowhere."""
_WITHOUT_EFFECT: Final = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "logit_bias": {},
}
"""Fields that this API lacks, with the values that mean the same as none."""
_DONE_HERE: Final = frozenset({"stop"})
"""Fields that this API lacks, and that are heeded before the answer leaves."""


def request_body(call: UpstreamCall) -> bytes:
    """The JSON body; empty where the request has none."""
    turn = call.turn
    if turn.operation is not None:
        return json_of(dict(turn.given), _room(turn)) if turn.given else b""
    body = _relayed(turn) if turn.is_responses else _translated(call)
    return json_of(body, _room(turn))


def _room(turn: Turn) -> int:
    return _ROOM + sum(len(bytes(value)) for value in turn.given.values()) * 5 // 4


def _relayed(turn: Turn) -> dict[str, Any]:
    body: dict[str, Any] = {**turn.given, "stream": turn.stream}
    if turn.max_tokens is not None:
        body["max_output_tokens"] = turn.max_tokens
    return body


def _translated(call: UpstreamCall) -> dict[str, Any]:
    turn = call.turn
    given = turn.given or {name: Raw(msgspec.json.encode(value)) for name, value in turn.sampling.items()}
    passed = {name: raw for name, raw in given.items() if name not in _WRITTEN and not _is_idle(name, raw)}
    body: dict[str, Any] = {"model": turn.model, **passed, "input": list(_items(call.messages))}
    body |= {"stream": turn.stream, "store": False}
    if turn.tools:
        body["tools"] = [_tool(tool) for tool in turn.tools]
        if turn.tool_choice is not None:
            body["tool_choice"] = _choice(turn.tool_choice)
        if turn.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = turn.parallel_tool_calls
    if turn.max_tokens is not None:
        body["max_output_tokens"] = turn.max_tokens
    if (effort := turn.sampling.get("reasoning_effort")) is not None:
        body["reasoning"] = {"effort": effort}
    text = {
        "format": _format(turn.sampling.get("response_format")),
        "verbosity": turn.sampling.get("verbosity"),
    }
    said = {name: value for name, value in text.items() if value is not None}
    return body | ({"text": said} if said else {})


def _is_idle(name: str, raw: Raw) -> bool:
    """Whether a field says nothing that this API could not be told."""
    if name in _DONE_HERE:
        return True
    value = msgspec.json.decode(bytes(raw)) if name in _WITHOUT_EFFECT else raw
    return name in _WITHOUT_EFFECT and value in (None, _WITHOUT_EFFECT[name])


def _items(messages: list[Message]) -> Iterator[dict[str, Any]]:
    for message in modern_history(messages):
        if message.role in RESULT_ROLES:
            output = message.content if isinstance(message.content, str) else _parts(message, "input")
            yield {"type": "function_call_output", "call_id": message.tool_call_id or "", "output": output}
            continue
        if message.content:
            way = "output" if message.role == "assistant" else "input"
            content = message.content if isinstance(message.content, str) else _parts(message, way)
            yield {"role": message.role, "content": content}
        for call in message.tool_calls or ():
            if call.function is not None:
                called = {"name": call.function.name, "arguments": call.function.arguments}
                yield {"type": "function_call", "call_id": call.id, **called}


def _parts(message: Message, way: str) -> list[dict[str, Any]]:
    return [_part(part, way) for part in message.content or () if isinstance(part, dict)]


def _part(part: dict[str, Any], way: str) -> dict[str, Any]:
    if is_text(part):
        return {"type": f"{way}_text", "text": part["text"]}
    image = part.get("image_url")
    if part.get("type") == "image_url" and isinstance(image, dict):
        return {"type": "input_image", "image_url": image.get("url"), "detail": image.get("detail") or "auto"}
    file = part.get("file")
    if part.get("type") == "file" and isinstance(file, dict):
        return {"type": "input_file", **file}
    return part


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A function without its wrapper; `strict` is written, because its default is another one in this API."""
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        return tool
    return {"type": "function", "strict": False, "parameters": None, **function}


def _choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    function = choice.get("function") if isinstance(choice, dict) else None
    return {"type": "function", "name": function.get("name")} if isinstance(function, dict) else choice


def _format(wanted: Any) -> dict[str, Any] | None:
    """`response_format` as `text.format`."""
    if not isinstance(wanted, dict):
        return None
    schema = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(schema, dict):
        return {"type": "json_schema", **schema}
    return wanted

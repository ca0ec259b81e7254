"""A call as a request of Chat Completions. Pure.

The body is the client's own, field by field as it came (`Turn.given`). Only these fields are written here: `stream` and
`stream_options`, because every stream is asked for its usage; what the edge has brought into OpenAI's form (legacy functions,
Anthropic's blocks); and the messages and the output limit where the budget changed them.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from mix2api.tools.legacy import modern_history
from mix2api.upstreams.openai.options import OpenAiOptions
from mix2api.upstreams.port import UpstreamCall
from mix2api.wire.roomy import json_of
from mix2api.wire.turn import Message, Turn

_ROOM: Final = 1024
"""Bytes beside what the client sent."""
_LIMITS: Final = ("max_completion_tokens", "max_tokens")
"""Where a client states its output limit; the first wins."""


def request_body(call: UpstreamCall) -> bytes:
    """The JSON body."""
    turn = call.turn
    body: dict[str, Any] = {"model": turn.model, "messages": None, **turn.sampling, **turn.given}
    body["messages"] = _messages(call)
    if turn.tools:  # servers refuse a choice without tools
        body |= _missing_tool_fields(turn)
    if turn.max_tokens is not None:
        place = next((name for name in _LIMITS if name in turn.given), _LIMITS[-1])
        body[place] = turn.max_tokens
    body["stream"] = turn.stream
    body.pop("stream_options", None)
    if turn.stream:
        body["stream_options"] = _stream_options(turn.given.get("stream_options"))
    return json_of(body, _ROOM + sum(len(bytes(value)) for value in turn.given.values()) * 5 // 4)


def request_headers(call: UpstreamCall, options: OpenAiOptions) -> tuple[tuple[str, str], ...]:
    """The header fields, the credential among them."""
    headers = [
        ("accept", "text/event-stream" if call.turn.stream else "application/json"),
        ("content-type", "application/json"),
        ("x-request-id", call.request_id),
    ]
    is_account_s = call.base_url is not None
    authorization = call.authorization if is_account_s else options.authorization or call.authorization
    if authorization:
        headers.append(("authorization", authorization))
    return tuple(headers)


def _missing_tool_fields(turn: Turn) -> dict[str, Any]:
    """The fields about tools that the turn has, and that the client did not send in this form."""
    said = {
        "tools": turn.tools,
        "tool_choice": turn.tool_choice,
        "parallel_tool_calls": turn.parallel_tool_calls,
    }
    return {name: value for name, value in said.items() if value is not None and name not in turn.given}


def _stream_options(given: Raw | None) -> dict[str, Any]:
    """The client's own, and the demand for usage: without it no server tells any in a stream."""
    said = None if given is None else msgspec.json.decode(given)
    return {**(said if isinstance(said, dict) else {}), "include_usage": True}


def _messages(call: UpstreamCall) -> Raw | list[Any]:
    """The messages as they came, each that nobody changed; the whole list at once where that is all of them."""
    given = call.turn.given.get("messages")
    if given is None:
        return list(modern_history(call.messages))
    came = call.turn.messages
    if len(came) == len(call.messages) and all(map(_is, came, call.messages)):
        return given
    raws = msgspec.json.decode(given, type=list[Raw])
    known = (
        {id(message): raw for message, raw in zip(came, raws, strict=False)} if len(raws) == len(came) else {}
    )
    return [known.get(id(message), message) for message in call.messages]


def _is(one: Message, other: Message) -> bool:
    return one is other

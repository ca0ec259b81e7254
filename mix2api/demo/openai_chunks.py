"""The chunks of a stream of Chat Completions as bytes. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

CREATED_S: Final = 1_767_225_600
"""Unix seconds that the demo's answers bear: always the same, so that recordings can be compared."""
FINGERPRINT: Final = "fp_demo"

_encode: Final = msgspec.json.encode

UNKNOWN: Final = (
    b": a comment, to be skipped\n\n",
    (
        b"event: weather\nid: 7\nretry: 1000\n"
        b'data: {"choices":[{"index":0,\r\ndata: "delta":{"x_note":"many-lined"}}]}\r\n\r\n'
    ),
    b'data: {"choices":[{"index":0,"delta":{},"x_sky":"clear"}],"x_provider":"demo"}\n\n',
)
"""What a reader must take: a comment, other fields, CRLF, data of several lines, fields that no reference has."""


def head_of(chat_id: str, model: str) -> dict[str, Any]:
    """What is the same in every chunk."""
    return {
        "id": f"chatcmpl-{chat_id}",
        "object": "chat.completion.chunk",
        "created": CREATED_S,
        "model": model,
        "system_fingerprint": FINGERPRINT,
    }


def chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One chunk with one choice."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: %b\n\n" % _encode({**head, "choices": [choice]})


def usage_chunk(head: dict[str, Any], usage: dict[str, Any]) -> bytes:
    """The last chunk of a stream that was asked for its usage."""
    return b"data: %b\n\n" % _encode({**head, "choices": [], "usage": usage})


def error_chunk(message: str) -> bytes:
    """An error in place of a chunk."""
    return b"data: %b\n\n" % _encode({"error": {"message": message, "type": "server_error", "code": None}})


def usage_object(counts: Mapping[str, int]) -> dict[str, Any]:
    """The token figures in OpenAI's form."""
    return {
        "prompt_tokens": counts["inputTokens"],
        "completion_tokens": counts["outputTokens"],
        "total_tokens": counts["totalTokens"],
        "prompt_tokens_details": {"cached_tokens": counts["cachedInputTokens"]},
        "completion_tokens_details": {"reasoning_tokens": counts["reasoningTokens"]},
    }


def finish_word(finish: str | None) -> str | None:
    """The protocol's `finish_reason` for one of the site's reasons."""
    return None if finish is None else finish.replace("-", "_")

"""The bytes of the mock upstream's answers: both wires, frame by frame, ready to send.

Every chunk of text is 40 bytes long and opens with `@` and the sender's CLOCK_MONOTONIC in nanoseconds (20 digits):
the load generator reads that clock on the same machine, so the way of one chunk through a target is measured
without any correlation. `@` stands nowhere else in an answer, which makes it the chunk counter as well.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "@"
TEXT_BYTES = 40
STAMP_DIGITS = 20
_STAMP = "0" * STAMP_DIGITS
_FILLER = " and so it goes on, and on"[: TEXT_BYTES - STAMP_DIGITS - len(MARK)]

END_OF_BODY = b"0\r\n\r\n"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Wire:
    """One dialect of streaming, as HTTP/1.1 chunks of one frame each."""

    opening: tuple[bytes, ...]
    """Frames before the first text."""
    before: bytes
    """A text frame up to its stamp."""
    after: bytes
    """A text frame from its stamp on."""
    closing: tuple[bytes, ...]
    """Frames after the last text, `[DONE]` and the end of the HTTP body included."""

    def frames(self, texts: int) -> Iterator[bytes]:
        """A whole answer; each text is stamped at the moment it is asked for."""
        yield from self.opening
        before, after, now = self.before, self.after, time.monotonic_ns
        for _ in range(texts):
            yield b"%b%020d%b" % (before, now(), after)
        yield from self.closing


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _frame(value: object) -> bytes:
    return _chunk(b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n")


def _wire(opening: list[object], text: object, closing: list[object]) -> Wire:
    before, after = _frame(text).split(_STAMP.encode())
    done = _chunk(b"data: [DONE]\n\n") + END_OF_BODY
    return Wire(
        opening=tuple(map(_frame, opening)),
        before=before,
        after=after,
        closing=(*map(_frame, closing), done),
    )


def _text() -> str:
    return f"{MARK}{_STAMP}{_FILLER}"


def mix_wire(number: int) -> Wire:
    """The UI message stream of the `mix` site, for the session with this number."""
    ids = {"sessionId": f"s{number:08d}", "exchangeId": f"x{number:08d}"}
    return _wire(
        [
            {"type": "start", "messageId": f"m{number:08d}", "messageMetadata": ids},
            {"type": "start-step"},
            {"type": "text-start", "id": "t0"},
        ],
        {"type": "text-delta", "id": "t0", "delta": _text()},
        [
            {"type": "text-end", "id": "t0"},
            {"type": "finish-step"},
            {"type": "finish", "finishReason": "stop"},
        ],
    )


def openai_wire() -> Wire:
    """OpenAI's chat completion chunks."""

    def chunk(delta: object, finish_reason: str | None = None) -> object:
        return {
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "bench",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        }

    return _wire(
        [chunk({"role": "assistant", "content": ""})],
        chunk({"content": _text()}),
        [chunk({}, "stop")],
    )


def openai_answer(texts: int) -> bytes:
    """A whole HTTP response with the same text as a stream of `texts` chunks, in one JSON body."""
    stamp = f"{time.monotonic_ns():0{STAMP_DIGITS}d}"
    body = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": "bench",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _text().replace(_STAMP, stamp) * texts},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 10 * texts, "total_tokens": 10 + 10 * texts},
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body

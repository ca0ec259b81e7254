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
_NUMBER, _PADDING = 424_242, "(padding)"
_PADDINGS = tuple(b"x7Qk0pZr9TbYd3We"[: 3 + step * 5 % 13] for step in range(13))
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


@dataclass(frozen=True, slots=True)
class VariedWire(Wire):
    """A dialect whose text frames differ in more than their text."""

    text: bytes
    """A text frame without its chunk's border, with places for its number, its stamp and its padding."""
    first: int
    """The number of the first text frame."""

    def frames(self, texts: int) -> Iterator[bytes]:
        """A whole answer; each text is stamped at the moment it is asked for."""
        yield from self.opening
        text, now, paddings = self.text, time.monotonic_ns, _PADDINGS
        for number in range(self.first, self.first + texts):
            fields = {b"number": number, b"stamp": now(), b"padding": paddings[number % len(paddings)]}
            payload = text % fields
            yield b"%x\r\n%b\r\n" % (len(payload), payload)
        yield from self.closing


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _frame(value: object) -> bytes:
    return _chunk(b"data: %b\n\n" % _encoded(value))


_DONE = _chunk(b"data: [DONE]\n\n") + END_OF_BODY


def _wire(opening: list[object], text: object, closing: list[object]) -> Wire:
    before, after = _frame(text).split(_STAMP.encode())
    return Wire(
        opening=tuple(map(_frame, opening)),
        before=before,
        after=after,
        closing=(*map(_frame, closing), _DONE),
    )


def _template(payload: bytes) -> bytes:
    """A text frame's payload as `VariedWire` takes it."""
    for word, place in ((_STAMP, b"%(stamp)020d"), (_NUMBER, b"%(number)d"), (_PADDING, b"%(padding)b")):
        payload = payload.replace(str(word).encode(), place)
    return payload


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


def padded_wire() -> VariedWire:
    """The same as OpenAI writes it today: with fields that say nothing, and a padding that differs in every chunk."""

    def chunk(delta: object, finish_reason: str | None = None) -> object:
        return {
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "bench",
            "service_tier": "default",
            "system_fingerprint": None,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
            "usage": None,
            "obfuscation": _PADDING,
        }

    return _varied(
        [_frame(chunk({"role": "assistant", "content": ""}))],
        b"data: %b\n\n" % _encoded(chunk({"content": _text()})),
        [_frame(chunk({}, "stop"))],
    )


def responses_wire(texts: int) -> VariedWire:
    """The events of the Responses API, each with its number and its padding. As with OpenAI, the last four have the whole text."""
    said = "x" * TEXT_BYTES * texts  # without marks: these events repeat what was counted
    part = {"type": "output_text", "annotations": [], "logprobs": []}
    message = {"id": "msg_bench", "type": "message", "role": "assistant"}
    begun = {"id": "resp_bench", "object": "response", "created_at": 1, "model": "bench"}
    usage = {"input_tokens": 10, "output_tokens": 10 * texts, "total_tokens": 10 + 10 * texts}
    at = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    whole = message | {"status": "completed", "content": [part | {"text": said}]}
    empty = message | {"status": "in_progress", "content": []}
    starting = {"response": begun | {"status": "in_progress", "output": []}}
    completed = {"response": begun | {"status": "completed", "output": [whole], "usage": usage}}
    opening = (
        _event("response.created", 0, **starting),
        _event("response.in_progress", 1, **starting),
        _event("response.output_item.added", 2, output_index=0, item=empty),
        _event("response.content_part.added", 3, **at, part=part | {"text": ""}),
    )
    fields = at | {"delta": _text(), "logprobs": [], "obfuscation": _PADDING}
    text = _event("response.output_text.delta", _NUMBER, **fields)
    last = len(opening) + texts
    closing = (
        _event("response.output_text.done", last, **at, text=said, logprobs=[]),
        _event("response.content_part.done", last + 1, **at, part=part | {"text": said}),
        _event("response.output_item.done", last + 2, output_index=0, item=whole),
        _event("response.completed", last + 3, **completed),
    )
    return _varied([*map(_chunk, opening)], text, [*map(_chunk, closing)])


def _varied(opening: list[bytes], text: bytes, closing: list[bytes]) -> VariedWire:
    return VariedWire(
        opening=tuple(opening),
        before=b"",
        after=b"",
        closing=(*closing, _DONE),
        text=_template(text),
        first=len(opening),
    )


def _event(kind: str, number: int, **fields: object) -> bytes:
    """One event of the Responses API."""
    said = _encoded({"type": kind, "sequence_number": number, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), said)


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

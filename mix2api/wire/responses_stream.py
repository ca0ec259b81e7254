"""The events of a streamed response as bytes, in the API's order, numbered from 0. Pure.

`response.created` and `response.in_progress`; for each item `output_item.added`, its part, its deltas, and the same in reverse;
then `response.completed`, `incomplete` or `failed`, and `[DONE]`, as the Open Responses specification has it.
"""

from typing import Any, Final

import msgspec

from mix2api.errors import ErrorBody
from mix2api.events.kinds import Usage
from mix2api.vocabulary import EndReason, FinishReason, RequestId
from mix2api.wire.chat_answer import PIECE_CHARS
from mix2api.wire.error_answer import DONE
from mix2api.wire.responses_answer import (
    Item,
    Items,
    ResponseFrame,
    summary_part,
    text_part,
    usage_object,
)
from mix2api.wire.roomy import json_of, room_for

_encode: Final = msgspec.json.Encoder().encode
_SHORT: Final = 120
"""Characters that fit into the encoder's first buffer, however they are written."""
_ROOM: Final = 8192
_DELTAS: Final = {
    "message": "response.output_text.delta",
    "reasoning": "response.reasoning_summary_text.delta",
    "function_call": "response.function_call_arguments.delta",
}


class ResponseWriter:
    """The events of one stream. Methods give whole events; the items are kept, for the last event repeats them."""

    def __init__(self, frame: ResponseFrame) -> None:
        self._frame = frame
        self._number = -1
        self._items = Items(frame.run_id)
        self._is_open = False
        """The last item grows."""
        self._head = b""
        self._middle = b""
        """Of the last item's deltas: what stands before their number, and between number and text."""
        self._call: int | None = None
        """The index of the call that the last item is."""

    def opening(self) -> bytes:
        """What every stream begins with."""
        response = self._frame.response("in_progress", [])
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def text(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._begun("message") + self._delta(text)

    def reasoning(self, text: str) -> bytes:
        """A piece of reasoning."""
        return self._begun("reasoning") + self._delta(text)

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> bytes:
        """A piece of a tool call; `call_id` and `name` come with the first piece of each index, and calls one after another."""
        begun = b""
        if not (self._is_open and self._call == index):
            begun = self._done() + self._begin("function_call", call_id=call_id or "", name=name or "")
            self._call = index
        return begun + (self._delta(arguments) if arguments else b"")

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """All that ends a successful stream."""
        begun = b"" if self._items.all else self._begin("message")
        incomplete = reason in {FinishReason.LENGTH, FinishReason.CONTENT_FILTER}
        status = "incomplete" if incomplete else "completed"
        done = begun + self._done(status)
        response = self._frame.finished(self._items.output(status), reason, usage)
        return done + self._last(f"response.{status}", response)

    def failure(
        self, error: ErrorBody, end_reason: EndReason, request_id: RequestId, usage: Usage | None
    ) -> bytes:
        """All that ends a failing stream: what had come stays as it is, and the item under way is not called whole."""
        told = {
            "code": error.code or error.type,
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "end_reason": end_reason.value,
            "request_id": request_id,
        }
        output = self._items.output("incomplete" if self._is_open else "completed")
        counts = None if usage is None else usage_object(usage)
        response = self._frame.response("failed", output, error=told, usage=counts)
        return self._last("response.failed", response)

    def _begun(self, kind: str) -> bytes:
        if self._is_open and self._items.all[-1].kind == kind:
            return b""
        return self._done() + self._begin(kind)

    def _begin(self, kind: str, *, call_id: str = "", name: str = "") -> bytes:
        item = self._items.begin(kind, call_id=call_id, name=name)
        self._is_open, self._call = True, None
        place: dict[str, Any] = {"item_id": item.item_id, "output_index": len(self._items.all) - 1}
        begun = self._event(
            "response.output_item.added", output_index=place["output_index"], item=item.told("in_progress")
        )
        match kind:
            case "message":
                begun += self._event(
                    "response.content_part.added", **place, content_index=0, part=text_part("")
                )
                self._template(kind, place | {"content_index": 0, "logprobs": []})
            case "reasoning":
                begun += self._event(
                    "response.reasoning_summary_part.added", **place, summary_index=0, part=summary_part("")
                )
                self._template(kind, place | {"summary_index": 0})
            case _:
                self._template(kind, place)
        return begun

    def _template(self, kind: str, fields: dict[str, Any]) -> None:
        word = _DELTAS[kind]
        self._head = f'event: {word}\ndata: {{"type":"{word}","sequence_number":'.encode()
        self._middle = b"," + _encode(fields)[1:-1] + b',"delta":'

    def _delta(self, text: str) -> bytes:
        if len(text) > PIECE_CHARS:
            return b"".join(
                self._delta(text[start : start + PIECE_CHARS]) for start in range(0, len(text), PIECE_CHARS)
            )
        self._items.all[-1].pieces.append(text)
        self._number += 1
        encoded = _encode(text) if len(text) <= _SHORT else json_of(text, room_for(text) + 2)
        return b"%b%d%b%b}\n\n" % (self._head, self._number, self._middle, encoded)

    def _done(self, status: str = "completed") -> bytes:
        """Ends the item that grows."""
        if not self._is_open:
            return b""
        self._is_open = False
        item = self._items.all[-1]
        text, index = item.text, len(self._items.all) - 1
        ended = self._ended(item, text, {"item_id": item.item_id, "output_index": index})
        told = item.told(status, text)
        return ended + self._event("response.output_item.done", len(text), output_index=index, item=told)

    def _ended(self, item: Item, text: str, place: dict[str, Any]) -> bytes:
        size = len(text)
        match item.kind:
            case "message":
                at = place | {"content_index": 0}
                done = self._event("response.output_text.done", size, **at, text=text, logprobs=[])
                return done + self._event("response.content_part.done", size, **at, part=text_part(text))
            case "reasoning":
                at = place | {"summary_index": 0}
                done = self._event("response.reasoning_summary_text.done", size, **at, text=text)
                part = summary_part(text)
                return done + self._event("response.reasoning_summary_part.done", size, **at, part=part)
            case _:
                named = place | {"name": item.name}
                return self._event("response.function_call_arguments.done", size, **named, arguments=text)

    def _last(self, word: str, response: dict[str, Any]) -> bytes:
        chars = sum(len(piece) for item in self._items.all for piece in item.pieces)
        return self._event(word, chars, response=response) + DONE

    def _event(self, word: str, chars: int = 0, **fields: Any) -> bytes:
        """One event; `chars` of content are in it."""
        self._number += 1
        told = {"type": word, "sequence_number": self._number, **fields}
        return b"event: %b\ndata: %b\n\n" % (word.encode(), json_of(told, _ROOM + 4 * chars))

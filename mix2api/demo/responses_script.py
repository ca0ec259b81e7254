"""A streamed answer in events of the Responses API, faults included: the steps of `script` in other words. Pure.

Order: `created`, `in_progress`; for each item its beginning, its pieces, its end; then `completed` or `incomplete`. There is no
`[DONE]`, as OpenAI's own streams have none.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import msgspec
from attrs import field, frozen

from mix2api.demo.answers import Call
from mix2api.demo.responses_objects import ResponseHead, finished, items_of
from mix2api.demo.script import Break, Ending, Frame, Pause, Script, Step, error_text
from mix2api.demo.words import Word

_UNKNOWN: Final = "response.weather.changed"
_BREAKS: Final = (Word.ERROR_MID, Word.ERROR_NO_FINISH, Word.ABORT, Word.CUT, Word.CUT_MID_FRAME)


@frozen(kw_only=True)
class ResponseScript(Script):
    """What such an answer is made of."""

    head: ResponseHead
    numbers: Iterator[int] = field(factory=count, init=False)
    items: list[dict[str, Any]] = field(init=False)

    @items.default
    def _items(self) -> list[dict[str, Any]]:
        return items_of(self.answer, self.head)

    def steps(self) -> Iterator[Step]:
        """The whole stream."""
        begun = self.head.response("in_progress", [])
        yield self._event("response.created", response=begun)
        if Word.SILENT in self.words:
            yield Pause(3_600_000)
        if Word.ERROR_BEFORE in self.words:
            yield from self._failed(error_text(self.words, Word.ERROR_BEFORE))
            return
        yield self._event("response.in_progress", response=begun)
        for place, item in enumerate(self.items):
            yield from self._item(place, item)
            if item["type"] == "message" and self._breaks:
                yield from self._broken()
                return
        told = None if self.words.text(Word.USAGE) == "none" else self.usage
        response = finished(self.answer, self.head, told)
        yield self._event(f"response.{response['status']}", response=response)
        yield Ending()

    def _item(self, place: int, item: dict[str, Any]) -> Iterator[Step]:
        at = {"item_id": item["id"], "output_index": place}
        empty: dict[str, dict[str, Any]] = {
            "message": {"content": []},
            "reasoning": {"summary": []},
            "function_call": {"arguments": ""},
        }
        yield self._event("response.output_item.added", output_index=place, item=item | empty[item["type"]])
        match item["type"]:
            case "reasoning":
                yield from self._pieces(
                    "reasoning_summary_text", at | {"summary_index": 0}, list(self.answer.reasoning)
                )
            case "message":
                yield from self._message(at | {"content_index": 0}, item)
            case _:
                yield from self._call(at, item)
        called = None
        if item["type"] == "function_call":
            called = Call(item["call_id"], item["name"], item["arguments"])
        yield self._event("response.output_item.done", called=called, output_index=place, item=item)

    def _message(self, at: dict[str, Any], item: dict[str, Any]) -> Iterator[Step]:
        part = item["content"][0]
        yield self._event("response.content_part.added", **at, part=part | {"text": ""})
        for number, piece in enumerate(self.answer.pieces, 1):
            yield self._event("response.output_text.delta", said=piece, **at, delta=piece, logprobs=[])
            yield from self._pause()
            if number == self._half:
                yield from self._middle()
                if self._breaks:
                    return
        if not self.answer.pieces:
            yield from self._middle()
        yield self._event("response.output_text.done", **at, text=part["text"], logprobs=[])
        yield self._event("response.content_part.done", **at, part=part)

    def _call(self, at: dict[str, Any], item: dict[str, Any]) -> Iterator[Step]:
        text, size = item["arguments"], self.answer.size
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        yield from self._pieces("function_call_arguments", at, pieces)
        yield self._event("response.function_call_arguments.done", **at, arguments=text, name=item["name"])

    def _pieces(self, what: str, at: dict[str, Any], pieces: list[str]) -> Iterator[Step]:
        for piece in pieces:
            yield self._event(f"response.{what}.delta", **at, delta=piece)
            yield from self._pause()

    def _pause(self) -> Iterator[Step]:
        if self.pace_ms:
            yield Pause(self.pace_ms)

    def _middle(self) -> Iterator[Step]:
        if Word.UNKNOWN_FRAMES in self.words:
            yield Frame(b": a comment, to be skipped\n\n")
            yield self._event(_UNKNOWN, sky={"clear": True})
        if Word.BAD_JSON in self.words:
            yield Frame(b'data: {"type":"response.output_text.delta","delta":\n\n')
        if Word.SILENCE in self.words:
            yield Pause(self.words.number(Word.SILENCE, 0))

    @property
    def _breaks(self) -> bool:
        """Whether the stream ends in the middle of its text."""
        return any(word in self.words for word in _BREAKS)

    def _broken(self) -> Iterator[Step]:
        """How it ends there."""
        words = self.words
        if Word.ERROR_MID in words:
            yield from self._failed(error_text(words, Word.ERROR_MID))
        elif Word.ERROR_NO_FINISH in words:
            message = error_text(words, Word.ERROR_NO_FINISH)
            yield self._event("error", code="server_error", message=message, param=None)
            yield Ending()
        elif Word.ABORT in words:
            yield self._event("response.cancelled", response=self.head.response("cancelled", []))
            yield Ending()
        elif Word.CUT in words:
            yield Ending() if words.text(Word.CUT) == "body" else Break()
        else:
            cut = self._event("response.output_text.delta", delta="cut in two").data
            yield Break(cut, words.text(Word.CUT_MID_FRAME) == "reset")

    def _failed(self, message: str) -> Iterator[Step]:
        error = {"code": "server_error", "message": message}
        yield self._event("response.failed", response=self.head.response("failed", [], error=error))
        yield Ending()

    def _event(self, kind: str, said: str = "", called: Call | None = None, **fields: Any) -> Frame:
        told = {"type": kind, "sequence_number": next(self.numbers), **fields}
        return Frame(b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(told)), said, called)

"""A streamed answer as a series of steps, in the order of the protocol, faults included. Pure: nothing is sent here.

Order: `start` with the ids, `start-step`, reasoning, text, tool calls, `finish-step`, `finish`, `[DONE]`. What a
directive does "in the middle" happens after the first half of the text's deltas, rounded up.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Final

import msgspec
from attrs import frozen

from mix2api.demo import frames
from mix2api.demo.answers import Answer, Call
from mix2api.demo.contexts import tokens
from mix2api.demo.directives import CallForm, Directives
from mix2api.demo.frames import frame
from mix2api.demo.identities import Ids
from mix2api.demo.token_count import TokenCount
from mix2api.demo.words import Word

SITE_TOOL: Final = "web_search"
"""The tool that the site runs itself."""
_BROKEN_INPUT: Final = '{"x":'


@frozen
class Frame:
    """Bytes for one write, and what they add to the site's own answer."""

    data: bytes
    said: str = ""
    called: Call | None = None


@frozen
class Pause:
    """Nothing for that long."""

    ms: int


@frozen
class Silence:
    """Nothing for ever."""


@frozen
class Ending:
    """The last bytes, written together with the end of the body."""

    data: bytes = b""


@frozen
class Break:
    """The connection is gone: after half of `data`, or at a frame's border if that is empty."""

    data: bytes = b""
    reset: bool = False
    """RST instead of FIN."""


Step = Frame | Pause | Silence | Ending | Break


@frozen(kw_only=True)
class Script:
    """What a streamed answer is made of."""

    answer: Answer
    ids: Ids
    words: Directives
    pace_ms: int
    usage: Mapping[str, int]
    """As `usage_of` gives it."""

    def steps(self) -> Iterator[Step]:
        """The whole stream, `[DONE]` or the fault included."""
        yield self._start()
        if Word.SILENT in self.words:
            yield Silence()
        if Word.ERROR_BEFORE in self.words:
            yield from self._error_before()
            return
        yield from self._opening()
        yield from self._reasoning()
        yield from self._first_half()
        yield from self._middle()
        fault = self._fault()
        if fault is not None:
            yield from fault
            return
        yield from self._second_half()
        yield from self._calls()
        yield from self._finish()

    def _start(self) -> Frame:
        ids = self.ids.at("start", self.words)
        metadata = {"messageMetadata": ids} if ids else {}
        top = self.ids.at("top", self.words)
        return Frame(frame("start", messageId=f"msg_{self.ids.exchange}", **metadata, **top))

    def _error_before(self) -> Iterator[Step]:
        yield Frame(frame("error", errorText=error_text(self.words, Word.ERROR_BEFORE)))
        yield Ending(frames.DONE)

    def _opening(self) -> Iterator[Step]:
        yield Frame(frame("start-step"))
        yield from self._site_tool()

    def _paced(self, deltas: Iterable[Frame]) -> Iterator[Step]:
        for delta in deltas:
            if self.pace_ms:
                yield Pause(self.pace_ms)
            yield delta

    def _site_tool(self) -> Iterator[Step]:
        if Word.SERVER_TOOL not in self.words:
            return
        id_ = f"site_{self.ids.exchange}"
        yield Frame(
            frame("tool-input-available", toolCallId=id_, toolName=SITE_TOOL, input={"query": "weather"})
        )
        if self.words.text(Word.SERVER_TOOL) == "throws":
            yield Frame(frame("tool-output-error", toolCallId=id_, errorText="tool failed"))
        else:
            yield Frame(frame("tool-output-available", toolCallId=id_, output={"sky": "clear"}))
        yield Frame(frame("finish-step"))
        yield Frame(frame("start-step"))

    def _reasoning(self) -> Iterator[Step]:
        if not self.answer.reasoning:
            return
        yield Frame(frame("reasoning-start", id="r1"))
        yield from self._paced(
            Frame(frame("reasoning-delta", id="r1", delta=piece)) for piece in self.answer.reasoning
        )
        yield Frame(frame("reasoning-end", id="r1"))

    @property
    def _half(self) -> int:
        return (len(self.answer.pieces) + 1) // 2

    @property
    def _has_text(self) -> bool:
        # A turn of nothing but tool calls has no text part; any other turn has one, if an empty one.
        return bool(self.answer.pieces) or not (self.answer.calls or Word.BAD_TOOL in self.words)

    def _first_half(self) -> Iterator[Step]:
        if self._has_text:
            yield from self._text_start()
        yield from self._deltas(0, self._half)

    def _second_half(self) -> Iterator[Step]:
        yield from self._deltas(self._half, len(self.answer.pieces))
        if self._has_text:
            yield from self._text_end()

    def _text_start(self) -> Iterator[Step]:
        yield Frame(frame("text-start", id="t1"))

    def _text_end(self) -> Iterator[Step]:
        yield Frame(frame("text-end", id="t1"))

    def _deltas(self, start: int, stop: int) -> Iterator[Step]:
        pieces = (self.answer.pieces[place] for place in range(start, stop))
        return self._paced(map(self._delta, pieces))

    def _delta(self, piece: str) -> Frame:
        return Frame(frames.text_delta(piece), said=piece)

    def _middle(self) -> Iterator[Step]:
        """What happens between the halves and does not end the stream."""
        words = self.words
        ids = self.ids.at("middle", words)
        if ids:
            yield Frame(frame("message-metadata", messageMetadata=ids))
        if Word.UNKNOWN_FRAMES in words:
            yield from map(Frame, frames.UNKNOWN)
        if Word.BAD_JSON in words:
            yield Frame(frames.BROKEN)
        if Word.SILENCE in words:
            yield Pause(words.number(Word.SILENCE, 0))

    def _fault(self) -> tuple[Step, ...] | None:
        """How the stream ends in the middle, if it does."""
        words = self.words
        if Word.ERROR_MID in words:
            error = Frame(frame("error", errorText=error_text(words, Word.ERROR_MID)))
            failed = Frame(frame("finish", finishReason="error"))
            return error, Frame(frame("finish-step")), failed, Ending(frames.DONE)
        if Word.ERROR_NO_FINISH in words:
            return Frame(frame("error", errorText=error_text(words, Word.ERROR_NO_FINISH))), Ending()
        if Word.ABORT in words:
            return Frame(frame("abort", reason="the site gave up")), Ending(frames.DONE)
        if Word.CUT in words:
            return (Ending(),) if words.text(Word.CUT) == "body" else (Break(),)
        if Word.CUT_MID_FRAME in words:
            return (Break(frames.text_delta("cut in two"), words.text(Word.CUT_MID_FRAME) == "reset"),)
        return None

    def _calls(self) -> Iterator[Step]:
        calls = self.answer.calls
        match self.answer.form:
            case CallForm.INTERLEAVED:
                yield from map(_call_start, calls)
                yield from self._paced(in_turns([self._inputs(call) for call in calls]))
                yield from map(_call_whole, calls)
            case CallForm.DELTAS:
                for call in calls:
                    yield _call_start(call)
                    yield from self._paced(self._inputs(call))
                    yield _call_whole(call)
            case CallForm.WHOLE | CallForm.TEXT:
                yield from map(_call_whole, calls)
        if Word.BAD_TOOL in self.words:
            yield from self._broken_call()

    def _inputs(self, call: Call) -> Iterator[Frame]:
        text, size = call.arguments, self.answer.size
        for start in range(0, len(text), size):
            piece = text[start : start + size]
            yield Frame(frame("tool-input-delta", toolCallId=call.id, inputTextDelta=piece))

    def _broken_call(self) -> Iterator[Step]:
        id_, name = f"bad_{self.ids.exchange}", self.words.text(Word.BAD_TOOL)
        why = "the arguments are no JSON"
        yield Frame(frame("tool-input-start", toolCallId=id_, toolName=name))
        yield Frame(frame("tool-input-delta", toolCallId=id_, inputTextDelta=_BROKEN_INPUT))
        yield Frame(
            frame("tool-input-error", toolCallId=id_, toolName=name, input=_BROKEN_INPUT, errorText=why)
        )
        yield Frame(frame("tool-output-error", toolCallId=id_, errorText=why))

    def _finish(self) -> Iterator[Step]:
        place = self.words.text(Word.USAGE, "data")
        usage = self.usage
        yield Frame(frame("finish-step"))
        if place == "data":
            yield Frame(frame("data-usage", data=usage))
        if place == "metadata":
            yield Frame(frame("message-metadata", messageMetadata={"usage": usage}))
        metadata: dict[str, object] = dict(self.ids.at("finish", self.words))
        if place == "finish":
            metadata["usage"] = usage
        reason = {} if self.answer.finish is None else {"finishReason": self.answer.finish}
        told = {"messageMetadata": metadata} if metadata else {}
        yield Frame(frame("finish", **reason, **told))
        yield Ending(frames.DONE)


def error_text(words: Directives, word: Word) -> str:
    """What an error says: the directive's own text, or that it was asked for."""
    return words.text(word, f"an error, as asked for by {word}")


def usage_of(answer: Answer, asked: int, count: TokenCount) -> dict[str, int]:
    """Token figures by the site's own count; `asked` is what the session held when the answer began."""
    reasoning = count.texts(["".join(answer.reasoning)])
    arguments = [call.arguments for call in answer.calls]
    if count.of_text is None:  # a text of numbers knows its length: an endless one is never made
        text = tokens(answer.chars + sum(map(len, arguments)))
    else:
        text = count.texts(["".join(answer.pieces), *arguments])
    return {
        "inputTokens": asked,
        "outputTokens": text + reasoning,
        "totalTokens": asked + text + reasoning,
        "reasoningTokens": reasoning,
        "cachedInputTokens": 0,
    }


def _call_start(call: Call) -> Frame:
    return Frame(frame("tool-input-start", toolCallId=call.id, toolName=call.name))


def _call_whole(call: Call) -> Frame:
    given = msgspec.Raw(call.arguments.encode())
    data = frame("tool-input-available", toolCallId=call.id, toolName=call.name, input=given)
    return Frame(data, called=call)


def in_turns(inputs: list[Iterator[Frame]]) -> Iterator[Frame]:
    """One piece of each call in turn, until all are through."""
    for pieces in zip_longest(*inputs):
        yield from (piece for piece in pieces if piece is not None)

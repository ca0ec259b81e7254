"""A streamed answer in chunks of Chat Completions, faults included: the steps of `script` in other words. Pure.

Order: a chunk with the role, reasoning, text, tool calls, the finish, the usage if it was asked for, `[DONE]`.
"""

from collections.abc import Iterator

from attrs import field, frozen

from mix2api.demo import frames, openai_chunks
from mix2api.demo.answers import Call
from mix2api.demo.directives import CallForm
from mix2api.demo.openai_chunks import chunk, error_chunk, finish_word, usage_object
from mix2api.demo.script import Break, Ending, Frame, Pause, Script, Step, error_text, in_turns
from mix2api.demo.words import Word


@frozen(kw_only=True)
class ChatScript(Script):
    """What such an answer is made of."""

    model: str
    tells_usage: bool
    head: dict[str, object] = field(init=False)

    @head.default
    def _head(self) -> dict[str, object]:
        return openai_chunks.head_of(self.ids.exchange, self.model)

    def _start(self) -> Frame:
        return Frame(chunk(self.head, {"role": "assistant", "content": "", "refusal": None}))

    def _error_before(self) -> Iterator[Step]:
        yield Frame(error_chunk(error_text(self.words, Word.ERROR_BEFORE)))
        yield Ending(frames.DONE)

    def _opening(self) -> Iterator[Step]:
        yield from ()

    def _reasoning(self) -> Iterator[Step]:
        return self._paced(
            Frame(chunk(self.head, {"reasoning_content": piece})) for piece in self.answer.reasoning
        )

    def _text_start(self) -> Iterator[Step]:
        yield from ()

    def _text_end(self) -> Iterator[Step]:
        yield from ()

    def _delta(self, piece: str) -> Frame:
        return Frame(chunk(self.head, {"content": piece}), said=piece)

    def _middle(self) -> Iterator[Step]:
        if Word.UNKNOWN_FRAMES in self.words:
            yield from map(Frame, openai_chunks.UNKNOWN)
        if Word.BAD_JSON in self.words:
            yield Frame(b'data: {"choices":[{"delta":\n\n')
        if Word.SILENCE in self.words:
            yield Pause(self.words.number(Word.SILENCE, 0))

    def _fault(self) -> tuple[Step, ...] | None:
        words = self.words
        if Word.ERROR_MID in words:
            return Frame(error_chunk(error_text(words, Word.ERROR_MID))), Ending(frames.DONE)
        if Word.ERROR_NO_FINISH in words:
            return Frame(error_chunk(error_text(words, Word.ERROR_NO_FINISH))), Ending()
        if Word.ABORT in words:
            return (Ending(frames.DONE),)  # as gateways end a stream whose upstream has died
        if Word.CUT in words:
            return (Ending(),) if words.text(Word.CUT) == "body" else (Break(),)
        if Word.CUT_MID_FRAME in words:
            cut = chunk(self.head, {"content": "cut in two"})
            return (Break(cut, words.text(Word.CUT_MID_FRAME) == "reset"),)
        return None

    def _calls(self) -> Iterator[Step]:
        calls = list(enumerate(self.answer.calls))
        if self.answer.form is CallForm.INTERLEAVED:
            yield from (self._call_start(index, call) for index, call in calls)
            yield from self._paced(in_turns([self._pieces_of(index, call) for index, call in calls]))
        elif self.answer.form is CallForm.WHOLE:
            yield from (self._call_start(index, call, call.arguments) for index, call in calls)
        else:
            for index, call in calls:
                yield self._call_start(index, call)
                yield from self._paced(self._pieces_of(index, call))
        if Word.BAD_TOOL in self.words:
            broken = Call(f"bad_{self.ids.exchange}", self.words.text(Word.BAD_TOOL), "")
            yield self._call_start(len(calls), broken, '{"x":')

    def _call_start(self, index: int, call: Call, arguments: str = "") -> Frame:
        called = {"index": index, "id": call.id, "type": "function"}
        function = {"name": call.name, "arguments": arguments}
        return Frame(chunk(self.head, {"tool_calls": [{**called, "function": function}]}), called=call)

    def _pieces_of(self, index: int, call: Call) -> Iterator[Frame]:
        text, size = call.arguments, self.answer.size
        for start in range(0, len(text), size):
            function = {"arguments": text[start : start + size]}
            yield Frame(chunk(self.head, {"tool_calls": [{"index": index, "function": function}]}))

    def _finish(self) -> Iterator[Step]:
        if self.answer.finish is not None:
            yield Frame(chunk(self.head, {}, finish_word(self.answer.finish)))
        if self.tells_usage and self.words.text(Word.USAGE) != "none":
            usage = usage_object(self.usage)
            yield Frame(openai_chunks.usage_chunk(self.head, usage))
        yield Ending(frames.DONE)

"""What the site answers, before it is put into frames: a function of what was asked and of the directives alone.

Without a directive the answer is the numbered text: `chunks` deltas of `size` characters, the n-th (from 1) being
`<digest>-<n, five digits> ` filled up with dots and a final space, where the digest is the first eight hex digits of
the SHA-256 of the newest user text. So a test knows every byte that it must get, and in which order.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, overload

import msgspec
from attrs import field, frozen

from mix2api.demo.contexts import Asked
from mix2api.demo.directives import CallForm, CallGroup, Directives, WantedCall
from mix2api.demo.options import DemoOptions
from mix2api.demo.words import Word

FOREIGN: Final = "\u2028🙂漢字 "
"""Raw LINE SEPARATOR (which is no line end in SSE), a character outside the BMP, CJK."""


@frozen
class NumberedText(Sequence[str]):
    """The deltas of the numbered answer, made when they are asked for: a long answer takes no memory."""

    digest: str
    chunks: int
    size: int
    """Characters per delta; a delta is never shorter than its number."""
    foreign: str = ""

    def __len__(self) -> int:
        return self.chunks

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self.chunks))]
        if not 0 <= index < self.chunks:
            raise IndexError(index)
        head = f"{self.digest}-{index + 1:05d} {self.foreign}"
        return head if len(head) >= self.size else head.ljust(self.size - 1, ".") + " "


def numbered_text(asked: str, chunks: int, size: int, *, foreign: bool = False) -> NumberedText:
    """The numbered answer to a user text; `"".join` of it is what a client must have got."""
    digest = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return NumberedText(digest, chunks, size, FOREIGN if foreign else "")


@frozen
class Call:
    """A tool call that the site makes; `arguments` is a JSON object's text."""

    id: str
    name: str
    arguments: str


@frozen(kw_only=True)
class Answer:
    """What the site says in one turn."""

    pieces: Sequence[str] = field(repr=False)
    """The text's deltas."""
    reasoning: tuple[str, ...] = field(default=(), repr=False)
    calls: tuple[Call, ...] = ()
    form: CallForm = CallForm.DELTAS
    finish: str | None = "stop"
    """The protocol's `finishReason`; None is left out."""
    size: int = 24
    """Characters per delta, for call arguments too."""


def compose(asked: Asked, words: Directives, options: DemoOptions, call_ids: Sequence[str]) -> Answer:
    """The answer to a turn. `call_ids` are fresh ids, one for each call of the turn's group (`group_of`)."""
    size = words.number(Word.SIZE, options.size)
    group = group_of(asked, words)
    native = group is not None and group.form is not CallForm.TEXT
    calls = group.calls if group is not None and native else ()
    return Answer(
        pieces=_pieces(asked, words, options, group),
        reasoning=_cut(words.text(Word.REASONING), size),
        calls=tuple(Call(id_, call.name, call.arguments) for id_, call in zip(call_ids, calls, strict=False)),
        form=group.form if group is not None else CallForm.DELTAS,
        finish=_finish(words, calls_tools=native or Word.BAD_TOOL in words),
        size=size,
    )


def group_of(asked: Asked, words: Directives) -> CallGroup | None:
    """The tool calls that are due: the n-th group of the user text after n rounds of results."""
    return words.groups[asked.step] if asked.step < len(words.groups) else None


def _pieces(asked: Asked, words: Directives, options: DemoOptions, group: CallGroup | None) -> Sequence[str]:
    size = words.number(Word.SIZE, options.size)
    if group is not None and group.form is CallForm.TEXT:
        return _cut(words.text(Word.SAY) + _protocol_text(group.calls), size)
    if asked.outcomes and group is None:
        return _cut("RESULTS " + "; ".join(f"{each.name}={each.content}" for each in asked.outcomes), size)
    if Word.SAY in words:
        return _cut(words.text(Word.SAY), size)
    if Word.HUGE in words:
        return ("x" * words.number(Word.HUGE, 1),)
    if group is not None or Word.BAD_TOOL in words:
        return ()
    chunks = words.number(Word.CHUNKS, options.chunks)
    return numbered_text(asked.text, chunks, size, foreign=Word.UNICODE in words)


def _cut(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def _protocol_text(calls: tuple[WantedCall, ...]) -> str:
    """Tool calls as a site without native ones writes them."""
    wanted = [{"name": call.name, "arguments": msgspec.Raw(call.arguments.encode())} for call in calls]
    return msgspec.json.encode({"tool_calls": wanted}).decode()


def _finish(words: Directives, *, calls_tools: bool) -> str | None:
    if Word.NO_REASON in words:
        return None
    if Word.FINISH in words:
        return words.text(Word.FINISH)
    if Word.LENGTH in words:
        return "length"
    if Word.CONTENT_FILTER in words:
        return "content-filter"
    return "tool-calls" if calls_tools else "stop"

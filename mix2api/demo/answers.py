"""The site's answers, before they are put into frames: a function of the prompt and its directives alone.

Without a directive the site answers in sentences (`sentences`), calls the tools that the words ask for, and quotes their
results. With `[[chunks]]`, `[[size]]` or `[[unicode]]` it answers the numbered text: `chunks` deltas of `size` characters,
the n-th (from 1) being `<digest>-<n, five digits> ` filled up with dots and a final space, where the digest is the first
eight hex digits of the SHA-256 of the newest user text. In both cases a test can compute every
character of the answer in advance: `answer_text` gives the text that belongs to a prompt.
"""

from collections.abc import Sequence
from typing import Any, Final, overload

import msgspec
from attrs import field, frozen

from mix2api.demo.arguments import arguments_for
from mix2api.demo.contexts import Asked, ToolOutcome
from mix2api.demo.directives import (
    CallForm,
    CallGroup,
    Directives,
    WantedCall,
    find_directives,
    without_directives,
)
from mix2api.demo.offers import Offer, OfferedTool
from mix2api.demo.options import DemoOptions
from mix2api.demo.picks import READ_CHARS, Pick, picks_of
from mix2api.demo.sentences import answer_about, answer_from, digest_of
from mix2api.demo.series import listed_values
from mix2api.demo.words import Word

FOREIGN: Final = "\u2028🙂漢字 "
"""Raw LINE SEPARATOR (which is no line end in SSE), a character outside the BMP, CJK."""
_CHUNKS: Final = 16
"""Numbered deltas where only their size or their characters were asked for."""
_NUMBERED: Final = frozenset({Word.CHUNKS, Word.SIZE, Word.UNICODE})
_SHAPING: Final = _NUMBERED | {Word.SAY, Word.HUGE, Word.BAD_TOOL}
"""Words that say what the answer is: with one of them the site calls no tool by itself."""
_OBSERVED: Final = "Observation:"
"""Begins the user message in which smolagents, and others in the form of ReAct, tell what a tool returned."""
_CLOSING: Final = frozenset({"final_answer", "finish"})
"""Names of the tool by whose call such an agent's loop ends."""


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

    @property
    def chars(self) -> int:
        """Characters of the whole, without making it: only numbers of more than five digits make a delta longer."""
        total, first = 0, 1
        while first <= self.chunks:
            last = min(self.chunks, max(99_999, 10 * first - 1))
            total += (last - first + 1) * len(self[first - 1])
            first = last + 1
        return total

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
    return NumberedText(digest_of(asked), chunks, size, FOREIGN if foreign else "")


def answer_text(prompt: str, *outcomes: ToolOutcome, options: DemoOptions | None = None) -> str:
    """The text of the answer to a prompt as a client must have got it, where no tool is called.

    Args:
        prompt: the newest user text, directives and all.
        outcomes: the results that came last, if tools were called before.
        options: of the site; as it is without any if None.

    Raises:
        WrongDirective: a word of the table with a value that it cannot have.
    """
    words = find_directives(prompt)
    asked = Asked(prompt, outcomes, step=len(words.groups))
    return "".join(compose(asked, words, options or DemoOptions(), None, ()).pieces)


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

    @property
    def chars(self) -> int:
        """Characters of the text."""
        return self.pieces.chars if isinstance(self.pieces, NumberedText) else sum(map(len, self.pieces))


def compose(
    asked: Asked, words: Directives, options: DemoOptions, group: CallGroup | None, call_ids: Sequence[str]
) -> Answer:
    """The answer to a turn.

    Args:
        asked: what the turn asks for.
        words: the directives of its text.
        options: of the site.
        group: the calls that are due (`group_of`).
        call_ids: fresh ids, one for each of them.
    """
    size = words.number(Word.SIZE, options.size)
    native = group is not None and group.form is not CallForm.TEXT
    calls = group.calls if group is not None and native else ()
    return Answer(
        pieces=_pieces(asked, words, options, group),
        reasoning=cut(words.text(Word.REASONING), size),
        calls=tuple(Call(id_, call.name, call.arguments) for id_, call in zip(call_ids, calls, strict=False)),
        form=group.form if group is not None else CallForm.DELTAS,
        finish=_finish(words, calls_tools=native or Word.BAD_TOOL in words),
        size=size,
    )


def group_of(asked: Asked, words: Directives) -> CallGroup | None:
    """The tool calls that a directive makes due: the n-th group of the user text after n rounds of results."""
    return words.groups[asked.step] if asked.step < len(words.groups) else None


def is_shaped(words: Directives, options: DemoOptions) -> bool:
    """Whether directives or options say what the answer is, so that the words are not looked at for tools."""
    return bool(words.groups) or options.chunks is not None or not _SHAPING.isdisjoint(words.values)


def wanted_group(asked: Asked, offer: Offer) -> CallGroup | None:
    """The calls that the words ask for: of the n-th tool that they ask for, after n rounds of results.

    A tool that gets a list ("read a.txt and b.txt") is called for all of it at once, or in one round after another where
    an answer may hold one call only. An agent that puts results into user messages gets its closing call after the first
    one: its loop ends with that call only. If the client demands a call and the words ask for none, the site calls the first
    tool that was offered.
    """
    plain = without_directives(asked.text)[:READ_CHARS]
    if plain.startswith(_OBSERVED):
        return _closing(offer, plain)
    picks = picks_of(plain, offer.tools)
    due = [
        _group(offer, pick.tool, calls)
        for pick in picks
        if (filled := arguments_for(pick, plain)).found or pick.certain
        for calls in _rounds(listed_values(filled.values, pick.clause), offer)
    ]
    if asked.step < len(due):
        return due[asked.step]
    if not (offer.must and offer.tools):
        return None
    demanded = picks[-1] if picks else Pick(offer.tools[0], plain)
    return _group(offer, demanded.tool, (arguments_for(demanded, plain).values,))


def _closing(offer: Offer, observed: str) -> CallGroup | None:
    tool = next((each for each in offer.tools if each.name in _CLOSING), None)
    if tool is None:
        return None
    required = tool.parameters.get("required")
    told = observed.removeprefix(_OBSERVED).strip()
    values = (
        {key: told for key in required or () if isinstance(key, str)} if isinstance(required, list) else {}
    )
    return _group(offer, tool, (values,))


def _rounds(calls: tuple[dict[str, Any], ...], offer: Offer) -> tuple[tuple[dict[str, Any], ...], ...]:
    return tuple((each,) for each in calls) if offer.single else (calls,)


def _group(offer: Offer, tool: OfferedTool, calls: tuple[dict[str, Any], ...]) -> CallGroup:
    form = CallForm.TEXT if offer.in_words else CallForm.DELTAS
    return CallGroup(form, tuple(WantedCall(tool.name, msgspec.json.encode(each).decode()) for each in calls))


def _pieces(asked: Asked, words: Directives, options: DemoOptions, group: CallGroup | None) -> Sequence[str]:
    size = words.number(Word.SIZE, options.size)
    if group is not None and group.form is CallForm.TEXT:
        return cut(words.text(Word.SAY) + _protocol_text(group.calls), size)
    if asked.outcomes and group is None:
        return cut(answer_from(without_directives(asked.text), asked.outcomes), size)
    if Word.SAY in words:
        return cut(words.text(Word.SAY), size)
    if Word.HUGE in words:
        return ("x" * words.number(Word.HUGE, 1),)
    if group is not None or Word.BAD_TOOL in words:
        return ()
    if options.chunks is None and _NUMBERED.isdisjoint(words.values):
        return cut(answer_about(asked.text, without_directives(asked.text)), size)
    chunks = words.number(Word.CHUNKS, options.chunks or _CHUNKS)
    return numbered_text(asked.text, chunks, size, foreign=Word.UNICODE in words)


def cut(text: str, size: int) -> tuple[str, ...]:
    """The deltas of a text."""
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

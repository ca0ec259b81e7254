"""Finds the calls in a text that a site without native tool calls writes, while it is being written.

    recogniser = Recogniser(OfferedTools(names=frozenset({"read"})))
    recogniser.feed('Let me look. {"tool_calls": [{"name": "read", "argum')   # Plain("Let me look. ")
    recogniser.feed('ents": {"path": "/a"}}]}')   # CallBegan(0, "read"), CallArguments(0, '{"path": "/a"}'), CallEnded(0)

Ordinary text flows at once. What may open a call is held, for as short as it can be; once it is one, arguments stream, and
nothing of its form gets out; if it is none, what was held flows, in order (`mix2api.tools.text.trials`). What stands in tags
of thought is thought, and is never read. How the text is cut into pieces changes nothing but the cut of what comes out.
"""

import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from mix2api.tools.text.closers import UpTo
from mix2api.tools.text.enclosures import Enclosure
from mix2api.tools.text.heads import Head
from mix2api.tools.text.heads import Verdict as HeadVerdict
from mix2api.tools.text.markup import Markup
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import Broken, Gathered, Piece, Plain, Why
from mix2api.tools.text.prose import OPEN, Prose
from mix2api.tools.text.tags import OPENERS, Mark, NoTagError, Tag, TagReader
from mix2api.tools.text.trials import Trial, Verdict

ENCLOSURES_MAX: Final = 256
"""Enclosures, and calls in tags, in one answer, as many as calls (`mix2api.actors.tool_calls`). A model that calls writes one."""

_SPACE: Final = re.compile(r"[\s\ufeff]+")
_SURPLUS: Final = re.compile(r"[}\])]+")
_BACKTICKS: Final = re.compile(r"`+")
_NEXT_CALL: Final = Tag(Mark.CALL)
"""What stands unwritten before a further call within one pair of tags."""


@frozen(kw_only=True)
class Reading:
    """How an answer's text is read, beside the tools."""

    thought_apart: bool = True
    """Thought is told as such; else it stays in the text, with its tags, and is not read either."""
    final: bool = True
    """`{"final": …}` is the answer itself. Not where the caller asked for JSON: it may have asked for that object."""


class Recogniser:
    """One answer's."""

    done: Final = False

    def __init__(self, offered: OfferedTools, reading: Reading | None = None) -> None:
        self._offered = offered
        self._reading = reading if reading is not None else Reading()
        self._out = Gathered()
        self._prose = Prose(self._out)
        self._take: Callable[[str, int], int] = self._read_prose
        self._head = Head()
        self._tag = TagReader()
        self._held: list[str] = []
        """What the head has read, or white space behind a unit or thought."""
        self._trial = Trial.of(Enclosure(offered, self._out), self._out)
        """The unit that is being read, or was read last; there is one before the first."""
        self._is_open = False
        """Whether what that unit is depends on what follows."""
        self._is_behind_unit = False
        """Whether a unit, and not thought, was read last."""
        self._fenced = False
        self._tagged = False
        """Whether the last unit stood in tags: closing ones that follow are its own."""
        self._thought = UpTo(">")
        self._thought_tag = Tag(Mark.THOUGHT)
        self._quoted = False
        """Whether thought that stays in the text has just ended: then the white space behind it stays too."""
        self._opened = 0

    @property
    def crowded(self) -> bool:
        """Whether the text opened more than `ENCLOSURES_MAX` enclosures; nothing of it is to be read then."""
        return self._opened > ENCLOSURES_MAX

    def feed(self, text: str) -> list[Piece]:
        """The next piece of the text; what it makes certain."""
        calm = self._prose.calm
        # Looking for one character at a time takes a tenth of the time that a pattern of all takes in long chunks.
        if (
            calm
            and text
            and "`" not in text
            and (
                calm is not OPEN
                or ("{" not in text and "<" not in text and "[" not in text and "~" not in text)
            )
        ):
            # The hot path: nearly every delta of nearly every answer.
            self._out.spoken = True
            if text.isspace():
                self._prose.see_space(text)
            else:
                self._prose.seen = text
            return [Plain(text)]
        position = 0
        while position < len(text):
            position = self._take(text, position)
        return self._out.take()

    def end(self) -> list[Piece]:
        """There is no more text. To be asked once."""
        if self._take == self._read_head:
            self._end_head()
        elif self._take in {self._read_tag, self._behind_mention}:
            self._prose.reject(self._tag.text)
        elif self._take == self._read_mention:
            self._out.plain(self._thought.end())
        elif self._take == self._read_unit:
            self._end_unit()
        elif self._take == self._read_thought:
            self._think(self._thought.end())
        elif self._take == self._read_prose:
            self._prose.end()
        self._settle()
        return self._out.take()

    def _settle(self) -> None:
        """The answer is over: what waits for what follows has its calls, unless text has followed."""
        if self._waits:
            self._emit(self._trial)

    def _end_head(self) -> None:
        if self._head.named:
            self._out.put(Broken(Why.CUT))
        else:
            self._prose.reject("".join(self._held))

    # --- ordinary text

    def _read_prose(self, text: str, position: int) -> int:
        position = self._prose.feed(text, position)
        if self._prose.candidate == "{":
            self._head = Head(final=self._reading.final)
            self._held = ["{"]
            self._take = self._read_head
        elif self._prose.candidate:
            self._tag = TagReader()
            self._tag.take(self._prose.candidate)
            self._take = self._read_tag
        return position

    def _read_head(self, text: str, position: int) -> int:
        char = text[position]
        verdict = self._head.take(char)
        if verdict is HeadVerdict.NO:
            self._prose.reject("".join(self._held))
            self._take = self._read_prose
            return position
        self._held.append(char)
        if verdict is HeadVerdict.YES:
            head = "".join(self._held)
            trial = self._begin(head, lambda out: Enclosure(self._offered, out))
            trial.unit.feed(head)
            self._look(trial)
        return position + 1

    def _read_tag(self, text: str, position: int) -> int:
        """Where ordinary text may have come to a tag."""
        try:
            tag = self._tag.take(text[position])
        except NoTagError:
            self._prose.reject(self._tag.text)
            self._take = self._read_prose
            return position
        if tag is None:
            return position + 1
        if tag.mark in OPENERS:
            self._begin_markup(tag)
        elif tag.mark is not Mark.THOUGHT:
            self._prose.reject(self._tag.text)
            self._take = self._read_prose
        elif self._prose.begins_anew:
            self._begin_thought(tag)
        else:
            self._thought_tag = tag
            self._take = self._behind_mention
        return position + 1

    def _behind_mention(self, text: str, position: int) -> int:
        """Behind a tag of thought within a line: a line end makes it one, anything else a mention of the tag."""
        if text[position] in "\r\n":
            self._begin_thought(self._thought_tag)
            return position
        self._prose.reject(self._tag.text)
        self._prose.calm = ""
        self._thought = UpTo(self._thought_tag.closer, any_case=True)
        self._take = self._read_mention
        return position

    def _read_mention(self, text: str, position: int) -> int:
        """Text from a mentioned tag to its closing one, or to the line's end: nothing in it is a call."""
        end = text.find("\n", position)
        line = text[position : end if end >= 0 else len(text)]
        read = 0
        while read < len(line) and not self._thought.closed:
            part, read = self._thought.feed(line, read)
            self._out.plain(part)
        if self._thought.closed or end >= 0:
            behind = self._thought.met if self._thought.closed else self._thought.end()
            self._prose.go_on(behind, fenced=False)
            self._take = self._read_prose
        return position + read

    # --- units: enclosures, and calls in tags

    def _begin_markup(self, tag: Tag, text: str | None = None) -> None:
        trial = self._begin(
            self._tag.text if text is None else text, lambda out: Markup(self._offered, out, tag)
        )
        self._tagged = True
        self._look(trial)

    def _begin(self, head: str, unit: Callable[[Gathered], Enclosure | Markup]) -> Trial:
        """A unit begins; what waited is a part of it, or turns out to be text."""
        is_behind = not self._prose.candidate
        begins_anew, fenced = is_behind or self._prose.begins_anew, self._prose.fenced
        before, waits = self._trial, self._waits
        held = self._held if is_behind else self._prose.accept()
        is_example = fenced and self._out.spoken
        if waits and before.is_example and not is_example:
            self._say([*before.raw, *held])
            held, waits = [], False
        out = Gathered(before.out.calls if waits else self._out.calls)
        if waits:
            self._trial = before.succeed(unit(out), out, is_example=is_example)
        else:
            self._trial = Trial.of(unit(out), out, is_example=is_example, begins_anew=begins_anew)
        self._trial.raw += [*held, head]
        self._held = []
        self._is_open = self._tagged = False
        self._fenced = fenced
        self._take = self._read_unit
        return self._trial

    @property
    def _waits(self) -> bool:
        """Whether what the last unit is depends on what follows, and no text has."""
        return self._is_open and not self._prose.flowed

    def _read_unit(self, text: str, position: int) -> int:
        trial = self._trial
        end = trial.unit.feed(text, position)
        if not trial.is_call:
            trial.raw.append(text[position:end])
        self._look(trial)
        return end

    def _look(self, trial: Trial) -> None:
        """What of a unit is certain goes out."""
        if trial.is_call:
            self._emit(trial)
        if trial.unit.ended:
            self._end_unit()

    def _emit(self, trial: Trial) -> None:
        for piece in trial.take():
            self._out.put(piece)
        self._out.calls = trial.out.calls

    def _end_unit(self) -> None:
        trial = self._trial
        trial.unit.end()
        self._fenced = self._fenced or (isinstance(trial.unit, Markup) and trial.unit.fenced)
        self._held = []
        self._is_behind_unit = True
        self._take = self._read_behind
        if trial.is_call:
            self._opened += 1
            self._emit(trial)
            return
        verdict = trial.verdict(self._offered, spoken=self._out.spoken)
        if verdict is Verdict.TEXT:
            self._prose.go_on("".join(trial.raw), fenced=self._fenced)
            self._take = self._read_prose
            return
        self._opened += 1
        self._is_open = verdict is Verdict.OPEN
        if not self._is_open:
            self._emit(trial)

    # --- behind a unit, or thought

    def _read_behind(self, text: str, position: int) -> int:
        """Behind a unit: surplus brackets, closing tags and the end of its code block are its own."""
        space = _SPACE.match(text, position)
        if space is not None:
            self._held.append(space[0])
            return space.end()
        char = text[position]
        surplus = _SURPLUS.match(text, position) if self._is_behind_unit else None
        if surplus is not None:
            self._keep(surplus[0])
            return surplus.end()
        if self._fenced and char == "`":
            self._take = self._read_closing
        elif self._tagged and char in "<[":
            self._tag = TagReader()
            self._take = self._read_behind_tag
        elif self._tagged and char == "{":
            self._begin_markup(_NEXT_CALL, "")
        else:
            self._leave()
        return position

    def _keep(self, text: str) -> None:
        """A part of the unit's form: with the unit it is text, or nothing."""
        if self._is_open:
            self._trial.raw += [*self._held, text]
        self._held = []

    def _read_behind_tag(self, text: str, position: int) -> int:
        try:
            tag = self._tag.take(text[position])
        except NoTagError:
            self._leave(self._tag.text)
            return position
        if tag is None:
            return position + 1
        if tag.mark is Mark.END:
            self._keep(self._tag.text)
            self._take = self._read_behind
        elif tag.mark in OPENERS:
            self._begin_markup(tag)
        elif tag.mark is Mark.THOUGHT:
            self._leave()
            self._begin_thought(tag)
        else:
            self._leave(self._tag.text)
        return position + 1

    def _leave(self, head: str = "") -> None:
        """Ordinary text goes on, with `head` if that has been read of it."""
        before = self._trial.raw if self._is_open else []
        held = self._held if self._out.spoken or before or self._quoted else []
        self._held, self._quoted = [], False
        self._prose.resume(before, held, fenced=self._fenced)
        self._tagged = False
        self._take = self._read_prose
        if head:
            self._prose.reject(head)

    def _read_closing(self, text: str, position: int) -> int:
        run = _BACKTICKS.match(text, position)
        if run is not None:
            self._keep(run[0])
            return run.end()
        self._fenced = False
        self._take = self._read_behind
        return position

    # --- thought

    def _begin_thought(self, tag: Tag) -> None:
        waiting = self._trial.raw if self._waits else []
        held = self._prose.accept()
        if self._out.spoken or waiting or not self._reading.thought_apart:
            self._say([*waiting, *held])
        self._thought, self._thought_tag = UpTo(tag.closer, any_case=True), tag
        if not self._reading.thought_apart:
            self._think(self._tag.text)
        self._is_open = self._is_behind_unit = False
        self._take = self._read_thought

    def _read_thought(self, text: str, position: int) -> int:
        part, position = self._thought.feed(text, position)
        self._think(part)
        if self._thought.closed:
            self._quoted = not self._reading.thought_apart
            if self._quoted:
                self._think(self._thought.met)
            self._fenced = self._tagged = False
            self._held = []
            self._take = self._read_behind
        return position

    def _think(self, text: str) -> None:
        self._out.thought(text, apart=self._reading.thought_apart)

    def _say(self, held: list[str]) -> None:
        for text in held:
            self._out.plain(text)


def recognise(text: str, offered: OfferedTools, reading: Reading | None = None) -> list[Piece]:
    """The same for a whole answer."""
    recogniser = Recogniser(offered, reading)
    return recogniser.feed(text) + recogniser.end()

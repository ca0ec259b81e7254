"""Finds the calls in a text that a site without native tool calls writes, while it is being written.

    recogniser = Recogniser(frozenset({"read"}))
    recogniser.feed('Let me look. {"tool_calls": [{"name": "read", "argum')   # Plain("Let me look. ")
    recogniser.feed('ents": {"path": "/a"}}]}')   # CallBegan(0, "read"), CallArguments(0, '{"path": "/a"}'), CallEnded(0)

Ordinary text flows at once. From a brace on that may open an enclosure it is held, for as short as it can be; once it is
one, arguments and final text stream, and nothing of the enclosure itself gets out; if it is none, what was held flows, in
order. How the text is cut into pieces changes nothing but the cut of the pieces that come out.
"""

import re
from collections.abc import Callable
from typing import Final

from mix2api.tools.text.enclosures import Enclosure
from mix2api.tools.text.heads import Head, Verdict
from mix2api.tools.text.pieces import Broken, Gathered, Piece, Plain, Why
from mix2api.tools.text.prose import Prose

ENCLOSURES_MAX: Final = 256
"""Enclosures in one answer, as many as calls (`mix2api.actors.tool_calls`). A model that calls writes one."""

_SPACE: Final = re.compile(r"[\s\ufeff]+")
_SURPLUS: Final = re.compile(r"[}\])]+")
_BACKTICKS: Final = re.compile(r"`+")


class Recogniser:
    """One answer's."""

    def __init__(self, offered: frozenset[str]) -> None:
        self._offered = offered
        self._out = Gathered()
        self._prose = Prose(self._out)
        self._take: Callable[[str, int], int] = self._read_prose
        self._head = Head()
        self._held: list[str] = []
        """What the head has read, or white space behind an enclosure."""
        self._enclosure = Enclosure(offered, self._out)
        self._fenced = False
        self._opened = 0

    @property
    def crowded(self) -> bool:
        """Whether the text opened more than `ENCLOSURES_MAX` enclosures; nothing of it is to be read then."""
        return self._opened > ENCLOSURES_MAX

    def feed(self, text: str) -> list[Piece]:
        """The next piece of the text; what it makes certain."""
        calm = self._prose.calm
        # Looking for one character, twice, takes a tenth of the time that a pattern of both takes in long chunks.
        if calm and text and calm[0] not in text and calm[-1] not in text:
            # The hot path: nearly every delta of nearly every answer.
            self._out.spoken = True
            if not text.isspace():
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
        elif self._take == self._read_enclosure:
            self._enclosure.end()
        elif self._take == self._read_prose:
            self._prose.end()
        return self._out.take()

    def _end_head(self) -> None:
        if self._head.named:
            self._out.put(Broken(Why.CUT))
        else:
            self._prose.reject("".join(self._held))

    def _read_prose(self, text: str, position: int) -> int:
        position = self._prose.feed(text, position)
        if self._prose.candidate:
            self._head = Head()
            self._held = ["{"]
            self._take = self._read_head
        return position

    def _read_head(self, text: str, position: int) -> int:
        char = text[position]
        verdict = self._head.take(char)
        if verdict is Verdict.NO:
            self._prose.reject("".join(self._held))
            self._take = self._read_prose
            return position
        self._held.append(char)
        if verdict is Verdict.YES:
            self._begin_enclosure("".join(self._held))
        return position + 1

    def _begin_enclosure(self, head: str) -> None:
        self._opened += 1
        self._fenced = self._prose.accept()
        self._enclosure = Enclosure(self._offered, self._out)
        self._enclosure.feed(head)
        self._take = self._read_enclosure
        if self._enclosure.ended:
            self._end_enclosure()

    def _read_enclosure(self, text: str, position: int) -> int:
        position = self._enclosure.feed(text, position)
        if self._enclosure.ended:
            self._end_enclosure()
        return position

    def _end_enclosure(self) -> None:
        self._enclosure.end()
        self._held = []
        self._take = self._read_behind

    def _read_behind(self, text: str, position: int) -> int:
        """Behind an enclosure: surplus brackets and the end of its code block are its own."""
        space = _SPACE.match(text, position)
        if space is not None:
            self._held.append(space[0])
            return space.end()
        surplus = _SURPLUS.match(text, position)
        if surplus is not None:
            return surplus.end()
        if self._fenced and text[position] == "`":
            self._take = self._read_closing
            return position
        self._prose.resume("".join(self._held) if self._out.spoken else "", fenced=self._fenced)
        self._take = self._read_prose
        return position

    def _read_closing(self, text: str, position: int) -> int:
        run = _BACKTICKS.match(text, position)
        if run is not None:
            return run.end()
        self._fenced = False
        self._held = []
        self._take = self._read_behind
        return position


def recognise(text: str, offered: frozenset[str]) -> list[Piece]:
    """The same for a whole answer."""
    recogniser = Recogniser(offered)
    return recogniser.feed(text) + recogniser.end()

"""What a site's text turns out to be, piece by piece, and the list in which the pieces gather. Content lives here.

Structs, not attrs, because ordinary text makes one of them per delta and they cost a quarter.
"""

from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct


class Why(StrEnum):
    """Why a call in text did not become one. Closed; says nothing of the text."""

    NOT_OFFERED = "not_offered"
    FORBIDDEN = "forbidden"
    """The client has the tool, but does not allow it in this turn."""
    NO_NAME = "no_name"
    ARGUMENTS = "arguments"
    """They are no object, or cannot be read as one."""
    CUT = "cut"
    """The text ended within the call."""


class Plain(Struct, frozen=True, gc=False):
    """Ordinary text, as it came."""

    text: str


class Thought(Struct, frozen=True, gc=False):
    """A piece of what the model thought, without the tags around it."""

    text: str


class FinalText(Struct, frozen=True, gc=False):
    """A piece of the answer that stood in `{"final": …}`, without its quotes and escapes."""

    text: str


class CallBegan(Struct, frozen=True, gc=False):
    """A call of an offered tool. `index` counts those of one answer from 0."""

    index: int
    name: str
    given_id: str | None = None
    """The id that the site wrote, as it wrote it; None if it wrote none before the arguments."""


class CallArguments(Struct, frozen=True, gc=False):
    """A piece of a call's arguments; all pieces together are the text of one JSON object, if the call ends."""

    index: int
    text: str


class CallEnded(Struct, frozen=True, gc=False):
    """The call is whole."""

    index: int


class Dropped(Struct, frozen=True, gc=False):
    """A call that does not concern the client: nothing of it came or comes."""

    why: Why


class Broken(Struct, frozen=True, gc=False):
    """A call that cannot be read."""

    why: Why
    index: int | None = None
    """The call, if it had begun: it never ends, and what came of its arguments is no JSON."""


class Stopped(Struct, frozen=True, gc=False):
    """The answer has come to a stop sequence of the caller's; nothing of what follows is to be read."""


Piece = Plain | Thought | FinalText | CallBegan | CallArguments | CallEnded | Dropped | Broken | Stopped


class CallReader(Protocol):
    """Reads calls out of text (`mix2api.tools.text.recognition`)."""

    def feed(self, text: str) -> list[Piece]:
        """What is known of the text so far, in order."""
        ...

    def end(self) -> list[Piece]:
        """What is left of it."""
        ...

    @property
    def crowded(self) -> bool:
        """Whether the text opened more enclosures than an answer may have."""
        ...

    @property
    def done(self) -> bool:
        """Whether all that follows is ordinary text, so that nobody need read it any more."""
        ...


# Runs of text that are no call's, beside the indexes of calls.
_PLAIN: Final = -1
_FINAL: Final = -2
_THOUGHT: Final = -3


class Gathered:
    """Pieces in order; neighbours of one kind become one, so that a delta of the site's is about one for the client."""

    def __init__(self, calls: int = 0) -> None:
        self.spoken = False
        """Whether any text but thought came so far, in all lists together."""
        self.calls = calls
        """Calls that have begun, in this list and before it."""
        self._pieces: list[Piece] = []
        self._run: int | None = None
        self._texts: list[str] = []

    def plain(self, text: str) -> None:
        """Ordinary text."""
        self._add(_PLAIN, text)

    def final(self, text: str) -> None:
        """Text of a `final`."""
        self._add(_FINAL, text)

    def thought(self, text: str, *, apart: bool) -> None:
        """Thought: apart from the text, or as a part of it that says nothing."""
        spoken = self.spoken
        self._add(_THOUGHT if apart else _PLAIN, text)
        self.spoken = spoken

    def begin(self, name: str, given_id: str | None) -> int:
        """A call; gives its index."""
        index = self.calls
        self.calls += 1
        self.put(CallBegan(index, name, given_id))
        return index

    def arguments(self, index: int, text: str) -> None:
        """Argument text of a call that has begun."""
        self._add(index, text)

    def put(self, piece: Piece) -> None:
        """Any other piece, or a whole one of these."""
        self.spoken = self.spoken or type(piece) is FinalText
        self._close_run()
        self._pieces.append(piece)

    def take(self) -> list[Piece]:
        """What has gathered; the list begins anew."""
        self._close_run()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _add(self, run: int, text: str) -> None:
        if not text:
            return
        if run != self._run:
            self._close_run()
            self._run = run
            self.spoken = self.spoken or run < 0
        self._texts.append(text)

    def _close_run(self) -> None:
        if self._run is None:
            return
        text = "".join(self._texts)
        if self._run == _PLAIN:
            self._pieces.append(Plain(text))
        elif self._run == _FINAL:
            self._pieces.append(FinalText(text))
        elif self._run == _THOUGHT:
            self._pieces.append(Thought(text))
        else:
            self._pieces.append(CallArguments(self._run, text))
        self._run = None
        self._texts = []

"""The grammar of JSON as models write it: tokens in, a well-formed order of members and containers out.

Tolerated: missing and surplus commas, `(` for `{`, closers that are missing or of the wrong kind. What no reading makes
sense of is a *flaw*; the structure goes on after it, so that what follows keeps its place. Every token costs constant
time, but for closers that close several containers, each of which was opened once.
"""

from enum import StrEnum, auto
from typing import Final, Protocol

MAX_NESTING: Final = 128
"""Containers within each other that a reader is told of, as many as a request may have (`mix2api.wire.chat_request`)."""

_OPENER_OF: Final = {"}": ord("{"), "]": ord("["), ")": ord("(")}
_LIST: Final = ord("[")
_PARENTHESIS: Final = ord("(")


class Reader(Protocol):
    """Who is told. Between `begin_string` and `end_string` there are only `text` and `escape`."""

    def open(self, bracket: str) -> None:
        """A container begins: `{` or `[`."""

    def close(self, bracket: str) -> None:
        """The innermost one ends: `}` or `]`."""

    def begin_string(self, *, key: bool) -> None:
        """A string in quotes begins, as a member's key or as a value."""

    def text(self, run: str) -> None:
        """Text of the string as it is meant; may hold quotes, backslashes and control characters."""

    def escape(self, raw: str) -> None:
        r"""One valid JSON escape of the string, as it was written: `\n`, `\u4e2d`."""

    def end_string(self) -> None:
        """The string is whole."""

    def bare(self, word: str, *, key: bool) -> None:
        """A word without quotes: a number, `true`, `null`, or a string that lacks its quotes."""

    def colon(self) -> None:
        """After a key."""

    def comma(self) -> None:
        """After a value; another may or may not follow."""

    def space(self, run: str) -> None:
        """White space outside strings."""

    def flaw(self) -> None:
        """Something here has no reading."""


class _Place(StrEnum):
    START = auto()
    KEY = auto()
    COLON = auto()
    VALUE = auto()
    AFTER = auto()


class Structure:
    """One value, which must be a container: the first token is an opening bracket."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._open = bytearray()
        """The opening brackets; a byte each, because a hostile text may open millions."""
        self._counts = dict.fromkeys(_OPENER_OF.values(), 0)
        self._place = _Place.START
        self._in_key = False

    @property
    def done(self) -> bool:
        """Whether the value is whole."""
        return self._place is _Place.AFTER and not self._open

    @property
    def expects_key(self) -> bool:
        """Whether a word or string that begins now is a member's key."""
        if self._place is _Place.AFTER:
            return self._open[-1] != _LIST
        return self._place is _Place.KEY

    @property
    def expects_member_value(self) -> bool:
        """Whether a key and its colon have just been read."""
        return self._place is _Place.VALUE and self._open[-1] != _LIST

    @property
    def overflows(self) -> bool:
        """Whether a word that begins now is more likely what stands after a value whose last bracket is missing."""
        return self._place is _Place.AFTER and len(self._open) == 1

    def has_open(self, closer: str) -> bool:
        """Whether there is a container for this closing bracket, its own or one that takes any."""
        return bool(self._counts[_OPENER_OF[closer]] or self._counts[_PARENTHESIS])

    def open(self, bracket: str) -> None:
        """One of `{[(`. The reader is not told of one that is too deep, only that this is a flaw."""
        too_deep = len(self._open) >= MAX_NESTING
        if too_deep or self.expects_key:
            self._reader.flaw()
        self._before_value()
        self._open.append(ord(bracket))
        self._counts[ord(bracket)] += 1
        if not too_deep:
            self._reader.open("[" if bracket == "[" else "{")
        self._place = _Place.VALUE if bracket == "[" else _Place.KEY

    def close(self, closer: str) -> None:
        """One of `}])`: the innermost container, or all down to the one that it belongs to."""
        opener = _OPENER_OF[closer]
        if self._open[-1] not in {_PARENTHESIS, opener} and self._counts[opener]:
            while self._open[-1] != opener:
                self._close_one()
        self._close_one()

    def _close_one(self) -> None:
        if self._place is _Place.COLON or self.expects_member_value:
            self._reader.flaw()
        bracket = self._open.pop()
        self._counts[bracket] -= 1
        self._place = _Place.AFTER
        if len(self._open) < MAX_NESTING:
            self._reader.close("]" if bracket == _LIST else "}")

    def comma(self) -> None:
        """Between members or elements; a surplus one counts for nothing."""
        if self._place is _Place.AFTER:
            self._reader.comma()
        elif self._place is _Place.COLON or self.expects_member_value:
            self._reader.flaw()
        self._place = _Place.VALUE if self._open[-1] == _LIST else _Place.KEY

    def colon(self) -> None:
        """Between key and value."""
        if self._place is _Place.COLON:
            self._reader.colon()
            self._place = _Place.VALUE
        else:
            self._reader.flaw()

    def begin_string(self) -> None:
        """A quote that opens."""
        self._begin_item()
        self._reader.begin_string(key=self._in_key)

    def end_string(self) -> None:
        """A quote that closes."""
        self._reader.end_string()
        self._end_item()

    def bare(self, word: str) -> None:
        """A whole word without quotes."""
        self._begin_item()
        self._reader.bare(word, key=self._in_key)
        self._end_item()

    def _begin_item(self) -> None:
        self._in_key = self.expects_key
        if not self._in_key:
            self._before_value()
        elif self._place is _Place.AFTER:
            self._reader.comma()

    def _end_item(self) -> None:
        self._place = _Place.COLON if self._in_key else _Place.AFTER

    def _before_value(self) -> None:
        """Puts in what was left out before a value: a colon, or a comma between two elements."""
        if self._place is _Place.COLON:
            self._reader.colon()
        elif self._place is _Place.AFTER:
            self._reader.comma()

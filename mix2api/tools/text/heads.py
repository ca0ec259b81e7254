"""Decides, character by character, whether a brace in ordinary text opens an enclosure.

It says no with the first character that cannot stand there, so that text is held for as short as it can be; it says yes
when a call's first member or the text of a `final` begins. A call without any member is one too: a broken one.
"""

from collections.abc import Generator
from enum import StrEnum, auto
from typing import Final

from mix2api.tools.text.enclosures import CALL_KEYS, FINAL_KEY
from mix2api.tools.text.loose_tokens import COLONS, QUOTES

_ENCLOSURE_KEYS: Final = (*sorted(CALL_KEYS), FINAL_KEY)
_QUOTES: Final = {opening: closing for opening, closing in QUOTES.items() if opening != "`"}
"""Backticks behind a brace are Markdown's."""
_LONGEST_KEY: Final = 32
"""Characters of a call's first key; those that mean something are shorter."""
_NOTHING: Final = "null"

_Steps = Generator[None, str, str]


class Verdict(StrEnum):
    """What a head says after a character."""

    MORE = auto()
    YES = auto()
    NO = auto()


class _NoHeadError(Exception):
    """This character cannot stand in a head."""


class Head:
    """One brace's, which has been read already.

    Args:
        final: whether an enclosure may hold the answer itself.
    """

    def __init__(self, *, final: bool = True) -> None:
        self._keys = _ENCLOSURE_KEYS if final else tuple(sorted(CALL_KEYS))
        self.named = False
        """Whether a key of an enclosure and its colon have been read: what comes is no ordinary text any more."""
        self._steps = self._enclosure()
        next(self._steps)

    def take(self, char: str) -> Verdict:
        """The next character."""
        try:
            self._steps.send(char)
        except StopIteration:
            return Verdict.YES
        except _NoHeadError:
            return Verdict.NO
        return Verdict.MORE

    def _enclosure(self) -> _Steps:
        char = yield from _solid()
        key = yield from _enclosure_key(char, self._keys)
        self.named = True
        char = yield from _solid()
        if key == FINAL_KEY and char in _QUOTES:
            return char
        if key != FINAL_KEY and char in "[{(":
            char = yield from _calls(char)
            if char != "]":
                return char
        else:
            yield from _nothing(char)
        char = yield from _solid()
        if char == "}":
            return char
        _expect(char == ",")
        char = yield from _solid()
        # A second key of the protocol: whatever its value is, this is no ordinary text.
        return (yield from _enclosure_key(char, _ENCLOSURE_KEYS))


def _solid() -> _Steps:
    """The next character that is no white space."""
    while (char := (yield)).isspace():
        pass
    return char


def _expect(condition: bool) -> None:  # noqa: FBT001 - it reads like an assertion
    if not condition:
        raise _NoHeadError


def _enclosure_key(char: str, keys: tuple[str, ...]) -> _Steps:
    """A key of an enclosure, with its colon; refused with the first letter that differs."""
    closing = _QUOTES.get(char, "")
    key = "" if closing else char
    _expect(any(known.startswith(key) for known in keys))
    while (char := (yield)) != closing and (closing or not (char in COLONS or char.isspace())):
        key += char
        _expect(any(known.startswith(key) for known in keys))
    _expect(key in keys)
    if closing or char.isspace():
        char = yield from _solid()
    _expect(char in COLONS)
    return key


def _calls(bracket: str) -> _Steps:
    """The first call up to its first key's colon, or to the end of an empty list."""
    char = yield from _solid()
    if bracket == "[":
        if char == "]":
            return char
        _expect(char in "{(")
        char = yield from _solid()
    if char in "})":
        return char
    return (yield from _call_key(char))


def _call_key(char: str) -> _Steps:
    """Any key: what a call begins with is not known, but it is a word."""
    closing = _QUOTES.get(char, "")
    length = 0
    if closing:
        char = yield
    while char.isalnum() or char in "_-":
        length += 1
        _expect(length <= _LONGEST_KEY)
        char = yield
    _expect(length > 0 and (char == closing or not closing))
    if closing or char.isspace():
        char = yield from _solid()
    _expect(char in COLONS)
    return char


def _nothing(char: str) -> Generator[None, str, None]:
    """`null`: the site writes all keys of the protocol and uses one."""
    _expect(char == _NOTHING[0])
    for expected in _NOTHING[1:]:
        _expect((yield) == expected)

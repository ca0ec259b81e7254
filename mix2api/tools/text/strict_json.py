r"""Writes what a loose reading finds as strict JSON text. What was strict already comes out as it went in, spaces too."""

import re
from collections.abc import Callable
from typing import Final

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final = {
    "true": "true",
    "false": "false",
    "null": "null",
    "True": "true",
    "False": "false",
    "None": "null",
    "undefined": "null",
}
_TO_ESCAPE: Final = re.compile(r'["\\\x00-\x1f]')
_SHORT_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NO_SPACE: Final = re.compile(r"[^ \t\r\n]")


def escaped(text: str) -> str:
    """The inside of a JSON string that means this text."""
    return _TO_ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return _SHORT_ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"


def scalar(word: str) -> str:
    """The JSON text of a value without quotes: a number or literal as it is, Python's literals as JSON's, else a string."""
    if word in _WORDS:
        return _WORDS[word]
    return word if _NUMBER.fullmatch(word) else f'"{escaped(word)}"'


class JsonWriter:
    """One container's text, given away as it grows; a `Reader` of `mix2api.tools.text.loose_structure`."""

    def __init__(self, write: Callable[[str], None], flaw: Callable[[], None]) -> None:
        self._write = write
        self._flaw = flaw
        self._due: list[str] = []
        """A comma and the space behind it, which are written only if a further member follows."""

    def open(self, bracket: str) -> None:
        """A container begins."""
        self._item(bracket)

    def close(self, bracket: str) -> None:
        """A container ends; a comma before that was one too many."""
        self._write("".join(self._due[1:]) + bracket)
        self._due = []

    def begin_string(self, *, key: bool) -> None:  # noqa: ARG002 - the reader's form
        """A string begins."""
        self._item('"')

    def text(self, run: str) -> None:
        """Text of a string."""
        self._write(escaped(run))

    def escape(self, raw: str) -> None:
        """An escape of a string, valid as it is."""
        self._write(raw)

    def end_string(self) -> None:
        """A string ends."""
        self._write('"')

    def bare(self, word: str, *, key: bool) -> None:
        """A word without quotes; a key gets them."""
        self._item(f'"{escaped(word)}"' if key else scalar(word))

    def colon(self) -> None:
        """After a key."""
        self._write(":")

    def comma(self) -> None:
        """After a value."""
        self._due = [","]

    def space(self, run: str) -> None:
        """White space, as JSON knows it."""
        plain = _NO_SPACE.sub(" ", run)
        if self._due:
            self._due.append(plain)
        else:
            self._write(plain)

    def flaw(self) -> None:
        """What has no reading has no text."""
        self._flaw()

    def _item(self, text: str) -> None:
        self._write("".join(self._due) + text)
        self._due = []

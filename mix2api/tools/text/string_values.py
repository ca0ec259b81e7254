"""Where the strings of an enclosure go: decoded as they come, collected to a word, or read as arguments once more.

Each is told `text` and `escape` any number of times and `end_string` once.
"""

from collections.abc import Callable
from typing import Final

from mix2api.tools.text.loose_tokens import Tokens
from mix2api.tools.text.strict_json import JsonWriter
from mix2api.tools.text.text_calls import TextCall

_SIMPLE: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)
_HALF: Final = "\ufffd"
"""For half a character (a surrogate without its other one), which no encoder takes."""


class Nowhere:
    """A string that nobody asked for."""

    def text(self, run: str) -> None:
        """Forgets it."""

    def escape(self, raw: str) -> None:
        """Forgets it."""

    def end_string(self) -> None:
        """Nothing follows from it."""


class Decoded:
    """Gives what the string means, as it grows."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._high: int | None = None

    def text(self, run: str) -> None:
        """A run without escapes."""
        self._end_half()
        self._write(run)

    def escape(self, raw: str) -> None:
        """One escape; of two that are halves of a character nothing comes before the second."""
        if raw[1] == "u":
            self._unit(int(raw[-4:], 16))
        else:
            self._end_half()
            self._write(_SIMPLE[raw[1]])

    def end_string(self) -> None:
        """The closing quote."""
        self._end_half()

    def _unit(self, unit: int) -> None:
        if unit in _LOW and self._high is not None:
            self._write(chr(0x10000 + ((self._high - _HIGH.start) << 10) + unit - _LOW.start))
            self._high = None
            return
        self._end_half()
        if unit in _HIGH:
            self._high = unit
        else:
            self._write(_HALF if unit in _LOW else chr(unit))

    def _end_half(self) -> None:
        if self._high is not None:
            self._write(_HALF)
            self._high = None


class Word(Decoded):
    """Gives the whole string at its end."""

    def __init__(self, give: Callable[[str], None]) -> None:
        self._parts: list[str] = []
        super().__init__(self._parts.append)
        self._give = give

    def end_string(self) -> None:
        """Gives it."""
        super().end_string()
        self._give("".join(self._parts))


class StringArguments(Decoded):
    """A call's arguments as a string that holds JSON: what it means is read as JSON in its turn."""

    def __init__(self, call: TextCall) -> None:
        super().__init__(self._read)
        self._call = call
        self._tokens: Tokens | None = None
        self._begun = False

    def end_string(self) -> None:
        """The arguments are whole, or never will be. An empty string is no arguments."""
        super().end_string()
        if not self._begun:
            self._call.begin_arguments()
            self._call.arguments("{}")
        elif self._tokens is not None:
            self._tokens.end()
            if not self._tokens.whole:
                self._call.flaw()
        self._call.end_arguments()

    def _read(self, text: str) -> None:
        if not self._begun:
            text = text.lstrip()
            if not text:
                return
            self._begin(text[0])
        if self._tokens is not None:
            end = self._tokens.feed(text)
            # One bracket too many is a common slip; anything else behind the object makes it doubtful.
            if text[end:].strip(" \t\r\n}])"):
                self._call.flaw()

    def _begin(self, first: str) -> None:
        self._begun = True
        if first in "{(":
            self._tokens = Tokens(JsonWriter(self._call.arguments, self._call.flaw))
        else:
            self._call.flaw()
        self._call.begin_arguments()

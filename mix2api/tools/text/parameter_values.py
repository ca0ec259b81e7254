"""A parameter's value as models write it between tags, as JSON by its schema.

Tags hold text: `<parameter=count>5</parameter>` is a number where the schema wants one, and a string where it wants a string.
A value that can only be a string streams; any other is looked at as a whole.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from mix2api.tools.text.loose_tokens import Tokens
from mix2api.tools.text.strict_json import JsonWriter, escaped, scalar

_STRING: Final = "string"
_CONTAINERS: Final = {"{": "object", "[": "array"}
_DECODED_CHARS: Final = 1_000_000
"""Characters of a value that are decoded to see whether they are JSON: 20 ms, in one step. A longer one is read loosely."""


class ParameterValue:
    """One value.

    Args:
        write: takes JSON text.
        types: what the value may be (`OfferedTools.types_of`); empty if nobody says.
        lined: whether the value stands on lines of its own: the first and the last line end are the form's.
    """

    def __init__(self, write: Callable[[str], None], types: frozenset[str], *, lined: bool) -> None:
        self._write = write
        self._types = types
        self._lined = lined
        self._streams = types == {_STRING}
        self._parts: list[str] = []
        self._begun = False
        self._line_end = ""
        """Of a string that streams: a line end that may be the form's."""
        if self._streams:
            write('"')

    def text(self, run: str) -> None:
        """A piece of the value."""
        if not run:
            return
        if not self._streams:
            self._parts.append(run)
            return
        if self._lined:
            run = self._inside(self._line_end + run)
        self._write(escaped(run))

    def _inside(self, run: str) -> str:
        """The text of a lined value without its first line end, and without what may be its last one."""
        if not self._begun:
            if run == "\r":
                self._line_end = run
                return ""
            run = _without_first(run)
            self._begun = True
        end = len(run) - _line_end_chars(run)
        self._line_end = run[end:]
        return run[:end]

    def end(self) -> None:
        """The value is whole."""
        if self._streams:
            self._write(("" if self._line_end.endswith("\n") else escaped(self._line_end)) + '"')
            return
        value = "".join(self._parts)
        if self._lined:
            value = _without_last(_without_first(value))
        self._write(self._json(value))

    def _json(self, value: str) -> str:
        """JSON text that means the value."""
        word, types = value.strip(), self._types
        if word[:1] in _CONTAINERS and (not types or _CONTAINERS[word[0]] in types):
            return _container(word) or _quoted(value)
        if _STRING in types and not (word == "null" and "null" in types):
            return _quoted(value)
        written = scalar(word)
        return _quoted(value) if written[0] == '"' else written


def _quoted(value: str) -> str:
    return f'"{escaped(value)}"'


def _container(word: str) -> str | None:
    """The JSON text of an object or a list, however it is written; None if it is none."""
    if len(word) <= _DECODED_CHARS:
        try:
            msgspec.json.decode(word)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            pass
        else:
            return word
    parts: list[str] = []
    flaws: list[None] = []
    tokens = Tokens(JsonWriter(parts.append, lambda: flaws.append(None)))
    end = tokens.feed(word)
    tokens.end()
    return "".join(parts) if tokens.whole and end == len(word) and not flaws else None


def _without_first(value: str) -> str:
    return value[2:] if value.startswith("\r\n") else value.removeprefix("\n")


def _without_last(value: str) -> str:
    return value[: len(value) - _line_end_chars(value)] if value.endswith("\n") else value


def _line_end_chars(value: str) -> int:
    """Characters at the end that are a line end, or its beginning."""
    if value.endswith("\r\n"):
        return 2
    return int(value.endswith(("\n", "\r")))

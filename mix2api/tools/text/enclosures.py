"""Reads one enclosure, the object in which a site writes calls or its final answer, and tells it as pieces.

    {"tool_calls": [{"name", "arguments", "id"?}]}   {"tool_call": {…}}   {"final": "…"}

Also what is seen instead: OpenAI's `function` around name and arguments, other words for arguments, arguments as a JSON
string. Members that are none of these are read over, so that nothing of an enclosure gets out.
"""

from enum import StrEnum, auto
from typing import Final

from mix2api.tools.text.loose_tokens import Tokens
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import Gathered
from mix2api.tools.text.strict_json import JsonWriter
from mix2api.tools.text.string_values import Decoded, Nowhere, StringArguments, Word
from mix2api.tools.text.text_calls import TextCall

CALL_KEYS: Final = frozenset({"tool_calls", "tool_call"})
FINAL_KEY: Final = "final"
_NAME_KEYS: Final = frozenset({"name", "tool_name", "function"})
_ID_KEYS: Final = frozenset({"id", "tool_call_id"})
_ARGUMENT_KEYS: Final = frozenset({"arguments", "args", "parameters", "input"})
_NOTHING: Final = frozenset({"null", "None", "undefined"})


class _Level(StrEnum):
    """What a container of the enclosure is."""

    ENCLOSURE = auto()
    CALLS = auto()
    CALL = auto()
    FUNCTION = auto()
    ARGUMENTS = auto()
    OTHER = auto()


class Enclosure:
    """One of them; the `Reader` of its own tokens.

    Args:
        offered: what may be called.
        out: where the pieces go.
        bare: there is no enclosure around the call, or the list of calls: a tag stands before it.
    """

    def __init__(self, offered: OfferedTools, out: Gathered, *, bare: bool = False) -> None:
        self._offered = offered
        self._out = out
        self._tokens = Tokens(self)
        self._bare = bare
        self.foreign = False
        """Whether the enclosure has a key that is none of the protocol's."""
        self._levels: list[_Level] = []
        self._key = ""
        self._call: TextCall | None = None
        self._writer: JsonWriter | None = None
        """While arguments are read that are an object."""
        self._string: Decoded | Nowhere | JsonWriter = Nowhere()
        """Where the string goes that is being read."""

    @property
    def ended(self) -> bool:
        """Whether the text goes on without it."""
        return self._tokens.ended

    def feed(self, text: str, position: int = 0) -> int:
        """Reads on from there; gives where the enclosure ended, or the text."""
        return self._tokens.feed(text, position)

    def end(self) -> None:
        """There is no more of it. To be asked once, also if all its brackets were closed."""
        self._tokens.end()
        if self._call is not None:
            self._call.end(cut=True)

    def open(self, bracket: str) -> None:
        """Of the reader: a container."""
        level = self._level_of(bracket)
        if level is _Level.CALL:
            self._call = TextCall(self._offered, self._out)
        elif level is _Level.ARGUMENTS and self._writer is None and self._call is not None:
            self._writer = JsonWriter(self._call.arguments, self._call.flaw)
            self._call.begin_arguments()
        if self._writer is not None:
            self._writer.open(bracket)
        self._levels.append(level)

    def _level_of(self, bracket: str) -> _Level:
        match self._levels[-1] if self._levels else None:
            case None if self._bare:
                return _Level.CALLS if bracket == "[" else _Level.CALL
            case None:
                return _Level.ENCLOSURE
            case _Level.ARGUMENTS:
                return _Level.ARGUMENTS
            case _Level.ENCLOSURE if self._key in CALL_KEYS:
                return _Level.CALLS if bracket == "[" else _Level.CALL
            case _Level.CALLS if bracket == "{":
                return _Level.CALL
            case _Level.CALL | _Level.FUNCTION if self._call is not None:
                return self._level_in_call(self._call, bracket)
            case _:
                return _Level.OTHER

    def _level_in_call(self, call: TextCall, bracket: str) -> _Level:
        if self._key == "function" and bracket == "{":
            return _Level.FUNCTION
        if self._key not in _ARGUMENT_KEYS or not call.takes_arguments:
            return _Level.OTHER
        if bracket == "{":
            return _Level.ARGUMENTS
        _no_object(call)
        return _Level.OTHER

    def close(self, bracket: str) -> None:
        """Of the reader: its end."""
        level = self._levels.pop()
        if self._writer is not None:
            self._writer.close(bracket)
            if self._levels[-1] is not _Level.ARGUMENTS and self._call is not None:
                self._writer = None
                self._call.end_arguments()
        elif level is _Level.CALL and self._call is not None:
            self._call.end(cut=False)
            self._call = None

    def begin_string(self, *, key: bool) -> None:
        """Of the reader: a string."""
        if self._writer is not None:
            self._writer.begin_string(key=key)
            self._string = self._writer
        else:
            self._string = Word(self._take_key) if key else self._value()

    def _take_key(self, key: str) -> None:
        self._key = key
        if self._levels[-1] is _Level.ENCLOSURE and key not in CALL_KEYS and key != FINAL_KEY:
            self.foreign = True

    def _value(self) -> Decoded | Nowhere:
        """Where the value of the member goes whose key was read last."""
        level = self._levels[-1]
        if level is _Level.ENCLOSURE and self._key == FINAL_KEY:
            return Decoded(self._out.final)
        if level not in {_Level.CALL, _Level.FUNCTION} or self._call is None:
            return Nowhere()
        if self._key in _NAME_KEYS:
            return Word(self._call.name)
        if self._key in _ID_KEYS:
            return Word(self._call.given_id)
        if self._key in _ARGUMENT_KEYS and self._call.takes_arguments:
            return StringArguments(self._call)
        return Nowhere()

    def text(self, run: str) -> None:
        """Of the reader: a run of the string."""
        self._string.text(run)

    def escape(self, raw: str) -> None:
        """Of the reader: an escape of the string."""
        self._string.escape(raw)

    def end_string(self) -> None:
        """Of the reader: the string's end."""
        self._string.end_string()

    def bare(self, word: str, *, key: bool) -> None:
        """Of the reader: a word without quotes is a string that lacks them, but nothing where it says nothing."""
        if self._writer is not None:
            self._writer.bare(word, key=key)
        elif key:
            self._take_key(word)
        else:
            value = self._value()
            value.text("" if word in _NOTHING else word)
            value.end_string()

    def colon(self) -> None:
        """Of the reader: after a key."""
        if self._writer is not None:
            self._writer.colon()

    def comma(self) -> None:
        """Of the reader: after a value."""
        if self._writer is not None:
            self._writer.comma()

    def space(self, run: str) -> None:
        """Of the reader: white space between tokens."""
        if self._writer is not None:
            self._writer.space(run)

    def flaw(self) -> None:
        """Of the reader: outside arguments what has no reading is read over."""
        if self._writer is not None:
            self._writer.flaw()


def _no_object(call: TextCall) -> None:
    call.flaw()
    call.begin_arguments()
    call.end_arguments()

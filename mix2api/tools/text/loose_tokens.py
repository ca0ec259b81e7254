r"""The tokens of JSON as models write it, from text that comes in any pieces.

Besides JSON's own: quotes of other kinds, words without quotes, raw line ends and unescaped quotes within strings,
escapes that JSON does not know, full-width colons and commas. A quote closes a string only if something follows that may
follow a string; so `"say "hi" to"` is one string, and a closing quote is known as such one character later.

How the text is cut into pieces changes nothing: no decision looks at where a piece ends. Runs are taken by one match
each, so the work grows with the text and never with what was read before.
"""

# ruff: noqa: RUF001 - curly and full-width marks are what models write, and what is read here

import re
from collections.abc import Callable
from typing import Final

from mix2api.tools.text.loose_structure import Reader, Structure

QUOTES: Final = {'"': '"', "'": "'", "`": "`", "“": "”", "”": "”", "‘": "’", "’": "’"}
"""Opening quotes with their closing ones."""
COLONS: Final = ":："
COMMAS: Final = ",，"
_OPENERS: Final = "{[("
_CLOSERS: Final = "}])"
_SIMPLE_ESCAPES: Final = '"\\/bfnrt'
_UNICODE_LENGTH: Final = 6
"""Of a backslash, `u` and four digits."""

_SPACE: Final = re.compile(r"[\s\ufeff]+")
_IN_STRING: Final = {quote: re.compile(rf"[^{quote}\\]+") for quote in set(QUOTES.values())}
_IN_KEY: Final = re.compile(r"[^:：,，{}\[\]()\n]+")
# A value may hold colons (addresses) and full-width commas (sentences).
_IN_VALUE: Final = re.compile(r"[^,{}\[\]()\n]+")
_HEX: Final = frozenset("0123456789abcdefABCDEF")


class Tokens:
    """Reads one container, beginning at its opening bracket."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._structure = Structure(reader)
        self._take: Callable[[str, int], int] = self._between
        self._left = False
        self._quote = ""
        self._curly = False
        self._in_key = False
        self._gap: list[str] = []
        self._escape = ""
        self._word: list[str] = []
        self._brackets = 0

    @property
    def whole(self) -> bool:
        """Whether the container was closed, by however many brackets."""
        return self._structure.done

    def feed(self, text: str, position: int = 0) -> int:
        """Reads on from there; gives where it stopped: at the end of the text, or behind the container."""
        while position < len(text) and not self._left and not self._structure.done:
            position = self._take(text, position)
        return position

    @property
    def ended(self) -> bool:
        """Whether nothing more of the text belongs to the container, closed or not."""
        return self._left or self._structure.done

    def end(self) -> None:
        """There is no more text: a quote that might have closed a string did, a last word is whole."""
        if self._take == self._after_quote:
            self._end_string()
        elif self._take == self._bare:
            self._end_bare()

    def _between(self, text: str, position: int) -> int:
        char = text[position]
        space = _SPACE.match(text, position)
        if space is not None:
            self._reader.space(space[0])
            return space.end()
        if self._punctuation(char):
            return position + 1
        if self._leaves(char):
            self._left = True
            return position
        self._in_key = self._structure.expects_key
        if char in QUOTES:
            self._quote, self._curly = QUOTES[char], char not in "\"'`"
            self._structure.begin_string()
            self._take = self._string
            return position + 1
        self._take = self._bare
        return position

    def _punctuation(self, char: str) -> bool:
        if char in _OPENERS:
            self._structure.open(char)
        elif char in _CLOSERS:
            self._structure.close(char)
        elif char in COMMAS:
            self._structure.comma()
        elif char in COLONS:
            self._structure.colon()
        else:
            return False
        return True

    def _leaves(self, char: str) -> bool:
        """A code fence ends what stands in it, and prose after a value means that a last bracket is missing."""
        if char == "`":
            return not self._structure.expects_member_value
        return self._structure.overflows and char not in QUOTES

    def _string(self, text: str, position: int) -> int:
        run = _IN_STRING[self._quote].match(text, position)
        if run is not None:
            self._reader.text(run[0])
            return run.end()
        if text[position] == "\\":
            self._escape = "\\"
            self._take = self._escaped
        else:
            self._take = self._after_quote
        return position + 1

    def _escaped(self, text: str, position: int) -> int:
        char = text[position]
        escape = self._escape + char
        if len(escape) > 2:  # noqa: PLR2004 - within a \u escape
            return self._unicode(escape, position)
        if char == "u":
            self._escape = escape
            return position + 1
        if char in _SIMPLE_ESCAPES:
            self._reader.escape(escape)
        else:
            self._reader.text(char if char in "'\n" else escape)
        self._take = self._string
        return position + 1

    def _unicode(self, escape: str, position: int) -> int:
        if escape[-1] not in _HEX:
            self._reader.text(escape[:-1])
            self._take = self._string
            return position
        self._escape = escape
        if len(escape) == _UNICODE_LENGTH:
            self._reader.escape(escape)
            self._take = self._string
        return position + 1

    def _after_quote(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space is not None:
            self._gap.append(space[0])
            return space.end()
        if self._closes(text[position]):
            self._end_string()
        else:
            self._reader.text(self._quote + "".join(self._gap))
            self._gap = []
            self._take = self._string
        return position

    def _closes(self, char: str) -> bool:
        """Whether a quote before this character (and white space) closed the string."""
        if char in _CLOSERS:
            return self._structure.has_open(char)
        if char in COLONS or char in _OPENERS:
            return self._in_key
        if char == "，":
            # Sentences go on like that after quoted words; only who quotes keys so also separates so.
            return self._curly
        if char in QUOTES:
            return bool(self._gap)
        return char == ","

    def _end_string(self) -> None:
        self._structure.end_string()
        if self._gap:
            self._reader.space("".join(self._gap))
            self._gap = []
        self._take = self._between

    def _bare(self, text: str, position: int) -> int:
        run = (_IN_KEY if self._in_key else _IN_VALUE).match(text, position)
        if run is not None:
            self._word.append(run[0])
            return run.end()
        char = text[position]
        if self._belongs(char):
            self._word.append(char)
            return position + 1
        self._end_bare()
        return position

    def _belongs(self, char: str) -> bool:
        """Whether a bracket or comma is the word's own, as in `f(a, b)`."""
        if self._in_key or char == "\n":
            return False
        if char in _OPENERS:
            self._brackets += 1
            return True
        if not self._brackets:
            return False
        self._brackets -= char in _CLOSERS
        return True

    def _end_bare(self) -> None:
        text = "".join(self._word)
        word = text.rstrip()
        self._structure.bare(word)
        if len(word) < len(text):
            self._reader.space(text[len(word) :])
        self._word = []
        self._brackets = 0
        self._take = self._between

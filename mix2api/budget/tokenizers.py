r"""Text to a number of tokens: exactly, by a vocabulary, or roughly, by the kinds of characters. No I/O.

An exact count takes about 0.3 ms for a kilobyte of plain text. Whoever counts more than that calls from a thread
(`mix2api.counting.service`): tiktoken works without the interpreter lock.

Tiktoken's own patterns have `\s+(?!\S)`: the last space before a word goes with the word, and the spaces before it are a piece
of their own. Only an engine that backtracks can look ahead, and it takes up to twice the time (ADR 109). So a text gets marks,
and a pattern that looks ahead nowhere cuts it into the same pieces. A mark is a `0` before that last space. Digits never share a
piece with spaces, and a `0` is one token in both vocabularies: the marks are subtracted from the count.
"""

import re
from typing import Final, Protocol

from attrs import define, field

from mix2api.budget.encodings import EncodingName
from mix2api.budget.estimate import estimated_tokens
from mix2api.budget.windows import PERIOD, Run, windows


class Tokenizer(Protocol):
    """Counts tokens. Safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """Names the way of counting: counts under one name can be compared and kept."""
        ...

    def count(self, text: str) -> int:
        """The tokens of a text; 0 for an empty one. A text that looks like a special token is counted as text."""
        ...


class Encoder(Protocol):
    """What is used of `tiktoken.Encoding`."""

    def encode_ordinary(self, text: str, /) -> list[int]:
        """The tokens of a text. By its own pattern tiktoken panics (a `BaseException`) on about a million spaces."""
        ...


_PANIC: Final = "PanicException"
"""The class that Rust's panics are raised as. No module exports it."""
_RARE: Final = "\t\x0b\x0c\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""With the blank, all that the patterns take for space, line ends apart. Python's `\\s` has four control characters besides."""
_RARE_OR_BLANK: Final = re.compile(f"[{_RARE} ](?=[{_RARE} ][^{_RARE} \r\n])")
_BLANKS: Final = re.compile(r"  (?=[^ \r\n])")
"""Enough for a text without rare spaces. It begins with a literal, so it is found five times as fast."""
_PERIODS_KEPT: Final = 4096
"""Characters whose period is remembered: 4,096 x 100 bytes."""


@define(eq=False)
class ExactTokenizer:
    """Counts as tiktoken does, whatever the text is."""

    encoding: EncodingName
    _encoder: Encoder
    """By `EncodingForm.counted`."""
    _periods: dict[str, int] = field(factory=dict, init=False)
    panics: int = field(default=0, init=False)
    """Windows that tiktoken panicked at and that were estimated instead. None is known; 0 is expected."""

    @property
    def name(self) -> str:
        """The encoding's name."""
        return self.encoding.value

    def count(self, text: str) -> int:
        """The tokens of a text."""
        if len(text) <= PERIOD:  # one window: most messages are so short
            return self._whole(text)
        total = 0
        for window in windows(text):
            total += self._period(window.run) if window.run is not None else self._whole(window.text)
        return total

    def _whole(self, text: str) -> int:
        with_marks, marks = marked(text)
        try:
            return len(self._encoder.encode_ordinary(with_marks)) - marks
        except BaseException as fault:
            if type(fault).__name__ != _PANIC:
                raise
            self.panics += 1
            return estimated_tokens(text)

    def _period(self, run: Run) -> int:
        """The tokens that the periods of a run take: what a run gets when it is longer by one of them."""
        character = run.character
        if character not in self._periods:
            if len(self._periods) >= _PERIODS_KEPT:
                self._periods.clear()
            longer, shorter = (self._whole(character * (count * PERIOD)) for count in (3, 2))
            self._periods[character] = longer - shorter
        return self._periods[character] * run.periods


class EstimatingTokenizer:
    """Needs no vocabulary and no memory (`MIX2API_TOKENIZER=estimate`); `mix2api.budget.estimate` says how wrong it is."""

    name: Final = "estimate"

    def count(self, text: str) -> int:
        """The tokens of a text, roughly."""
        return estimated_tokens(text)


def marked(text: str) -> tuple[str, int]:
    """The text with its marks, and their number. A line end is never followed by one: it always ends its piece."""
    if any(rare in text for rare in _RARE):
        return _RARE_OR_BLANK.subn(r"\g<0>0", text)
    return _BLANKS.subn(" 0 ", text)

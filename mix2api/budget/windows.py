"""A text cut so that its parts have the tokens of the whole: nothing that tiktoken is given is long. Pure.

A piece of a megabyte takes tiktoken a second in one call, and each token becomes a Python number under the interpreter lock.
Tiktoken's own pattern overflows the stack at a run of about a million spaces, which panics. So a text goes to tiktoken in
windows. There are three kinds of cuts:

1. A *border*: a place where the pattern always ends a piece, whatever stands around it. Nearly every text has one within
   a few characters. The count does not change.
2. A *long run* of one character loses whole periods of it; what a period takes is added (`Window.run`). The count does
   not change: a merge of equal tokens repeats itself (`tests/budget` compares with the whole for hundreds of
   characters in both vocabularies).
3. A *hard cut*, in a piece of more than a window that is no such run: nobody's words, but an attacker's. The count
   changes by a token or two for each 16,384 characters.
"""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

WINDOW: Final = 16_384
"""Characters that are counted in one call: some 3 ms without the interpreter lock. With it, a border is looked for and the
tokens become numbers: 0.1 ms, and 1.2 ms where there is no border."""
PERIOD: Final = 3072
"""Characters of a run that are left out at once: digits are cut in threes, and the longest tokens of one character
have a power of two of them, at most 1,024."""
_KEPT: Final = 2 * PERIOD
"""Characters of a run that stay, at least, so that its ends are merged as before."""
_LETTERS: Final = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0391-\u03a1\u03a3-\u03c9\u0400-\u0481\u048a-\u052f"
    "\u05d0-\u05ea\u0621-\u063a\u0641-\u064a\u0904-\u0939\u0e01-\u0e30"  # Hebrew, Arabic, Devanagari, Thai
    "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3"
)
"""Letters to Python and to tiktoken alike, whatever their Unicode versions are. Texts in other scripts have borders at
their figures."""
_STOPS: Final = '\\s,.;:!?()\\[\\]{}<>="/\\\\+*_#|\\-\u3001\u3002\u300a-\u300f\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\u201c\u201d\u2026'
"""No letter, no digit, no mark, and no apostrophe: none of these ever belongs to the letter or digit before it."""
_BORDER: Final = re.compile(rf"(?s).*(?:[{_LETTERS}](?=[{_STOPS}0-9])|[0-9](?=[{_STOPS}{_LETTERS}]))")


@frozen
class Run:
    """What was left out of a window: so many periods of one character."""

    character: str
    periods: int


@frozen
class Window:
    """A part of a text."""

    text: str
    run: Run | None = None
    is_hard: bool = False
    """The cut behind it may change the count."""


def windows(text: str) -> Iterator[Window]:
    """The parts of a text, in order. Linear: no character is looked at more than a few times."""
    place, carried = 0, ""
    while place < len(text) or carried:
        end = min(len(text), place + WINDOW)
        part = carried + text[place:end]
        carried = ""
        if end == len(text) and len(part) <= WINDOW:
            yield Window(part)
            return
        border = last_border(part)
        if border is not None:
            place = end - (len(part) - border)
            yield Window(part[:border])
            continue
        run_end = _run_end(text, end)
        kept, periods = _shortened(part, run_end - end)
        if periods:
            yield Window("", Run(part[-1], periods))
            place, carried = run_end, kept
            continue
        yield Window(part, is_hard=end < len(text))
        place = end


def last_border(text: str) -> int | None:
    """The last place where a cut changes no count; None if there is none."""
    border = _BORDER.match(text)
    return None if border is None else border.end()


def _run_end(text: str, end: int) -> int:
    """Where the run ends that the character before `end` is in. Compared in blocks, which costs next to nothing."""
    block = text[end - 1] * WINDOW
    while text.startswith(block, end):
        end += WINDOW
    after = text[end : end + WINDOW]
    return end + len(after) - len(after.lstrip(block[0]))


def _shortened(part: str, more: int) -> tuple[str, int]:
    """A part and the rest of the run at its end, without as many periods as can go; and how many went."""
    character = part[-1]
    before = part.rstrip(character)
    length = len(part) - len(before) + more
    periods = max(0, length - _KEPT) // PERIOD
    return before + character * (length - periods * PERIOD), periods

"""An answer's text as it comes, handed out in parts that can be counted one by one. Pure.

A part ends at a border (`mix2api.budget.windows`), so the tokens of the parts are those of the whole. The answer is never held
as a whole for its count alone.
"""

from typing import Final

from attrs import define, field

from mix2api.budget.windows import last_border

_PART_CHARS: Final = 4096
"""A part has at least so many characters: half a millisecond of counting, which a thread is worth."""
_MOST_CHARS: Final = 65_536
"""Without a border for so long the part ends anyway, and the count may change by a token or two. Words, code and base64
have a border every few characters."""


@define(eq=False)
class AnswerText:
    """The text of one answer."""

    _pieces: list[str] = field(factory=list, init=False)
    _chars: int = field(default=0, init=False)
    _looked_at: int = field(default=0, init=False)
    """Characters among which there was no border at the last look."""

    def add(self, piece: str) -> str | None:
        """Takes a piece; gives a part that is to be counted, if there is one. Linear in all pieces together."""
        self._pieces.append(piece)
        self._chars += len(piece)
        if self._chars < max(_PART_CHARS, 2 * self._looked_at) and self._chars < _MOST_CHARS:
            return None
        text = "".join(self._pieces)
        border = last_border(text)
        if border is None and len(text) < _MOST_CHARS:
            self._keep(text, looked_at=len(text))
            return None
        place = len(text) if border is None else border
        self._keep(text[place:], looked_at=0)
        return text[:place]

    def rest(self) -> str:
        """What has not been handed out: the last part. Nothing is held afterwards."""
        text = "".join(self._pieces)
        self._keep("", looked_at=0)
        return text

    def _keep(self, text: str, *, looked_at: int) -> None:
        self._pieces = [text]
        self._chars = len(text)
        self._looked_at = looked_at

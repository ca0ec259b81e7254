"""Thought in tags at the beginning of an answer that nobody reads for calls: of a conversation without tools.

Models think first; a tag further down is one that the answer talks about. So all that follows costs nothing.
"""

from typing import Final

from mix2api.tools.text.closers import UpTo
from mix2api.tools.text.pieces import Piece, Plain, Thought
from mix2api.tools.text.tags import FIRST, Mark, NoTagError, TagReader


class LeadingThought:
    """One answer's; a `mix2api.tools.text.pieces.CallReader` that finds no calls."""

    crowded: Final = False

    def __init__(self) -> None:
        self.done = False
        """Whether text that is no thought has begun."""
        self._space: list[str] = []
        self._tag: TagReader | None = None
        self._thought: UpTo | None = None
        self._has_thought = False

    def feed(self, text: str) -> list[Piece]:
        """The next piece of the text."""
        pieces: list[Piece] = []
        position = 0
        while position < len(text):
            if self.done:
                pieces.append(Plain(text[position:]))
                break
            if self._thought is not None:
                part, position = self._thought.feed(text, position)
                if part:
                    pieces.append(Thought(part))
                if self._thought.closed:
                    self._thought = None
            else:
                position = self._outside(text, position, pieces)
        return pieces

    def end(self) -> list[Piece]:
        """There is no more text."""
        if self._thought is not None:
            rest = self._thought.end()
            return [Thought(rest)] if rest else []
        return [] if self.done else self._plain()

    def _outside(self, text: str, position: int, pieces: list[Piece]) -> int:
        """Before thought, or behind it: white space, or a tag, or the answer."""
        char = text[position]
        if self._tag is None and char.isspace():
            self._space.append(char)
            return position + 1
        if self._tag is None and char in FIRST:
            self._tag = TagReader()
        try:
            tag = self._tag.take(char) if self._tag is not None else None
        except NoTagError:
            tag = None
            self.done = True
        if tag is not None and tag.mark is Mark.THOUGHT:
            self._thought, self._tag, self._space = UpTo(tag.closer, any_case=True), None, []
            self._has_thought = True
        elif self.done or self._tag is None or tag is not None:
            read = tag is not None
            pieces += self._plain()
            self.done = True
            return position + read
        return position + 1

    def _plain(self) -> list[Piece]:
        """What was held is text; white space behind thought is not."""
        space = "" if self._has_thought else "".join(self._space)
        held = space + ("" if self._tag is None else self._tag.text)
        return [Plain(held)] if held else []

"""Text up to the tag that ends it, from pieces of any cut. Pure and linear: a character is looked at twice at most."""


class UpTo:
    """Gives the text before a closing tag.

    Args:
        closer: the tag; its first character stands in it once, so that no beginning of it overlaps another.
        any_case: whether the closer may be written in other cases. Models open thought with `<Think>` and close it with
            `</think>`.
    """

    def __init__(self, closer: str, *, any_case: bool = False) -> None:
        self._closer = closer.lower() if any_case else closer
        self._any_case = any_case
        self._met = ""
        """The beginning of the closer that the text ends with so far."""
        self.closed = False
        """Whether the closer has been read."""

    def feed(self, text: str, position: int) -> tuple[str, int]:
        """Reads on from there; gives text that stands before the closer, and where it stopped."""
        if self._met:
            return self._go_on(text, position)
        start = text.find(self._closer[0], position)
        if start < 0:
            return text[position:], len(text)
        self._met = self._closer[0]
        return text[position:start], start + 1

    def _go_on(self, text: str, position: int) -> tuple[str, int]:
        wanted = self._closer[len(self._met) :]
        found = text[position : position + len(wanted)]
        if wanted.startswith(found.lower() if self._any_case else found):
            self._met += found
            self.closed = len(self._met) == len(self._closer)
            return "", position + len(found)
        met, self._met = self._met, ""
        return met, position

    @property
    def met(self) -> str:
        """The closer as it was written, as far as it has been read."""
        return self._met

    def end(self) -> str:
        """There is no more text: what looked like the beginning of the closer was text."""
        met, self._met = self._met, ""
        return "" if self.closed else met

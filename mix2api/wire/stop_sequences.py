r"""Where an answer ends by the caller's `stop`, in text that comes in any pieces. Pure.

Sites take `stop` and do not heed it, and a ReAct loop then reads an observation that the model made up. So what may be the
beginning of a stop sequence is held until it is known, and the answer ends before the sequence that is whole first
(OpenAI API reference, "Create chat completion": "The returned text will not contain the stop sequence.").

Knuth, Morris and Pratt's search: linear in the text for each sequence, and at C's speed where no sequence has begun.
"""

from typing import Final

SEQUENCES_MAX: Final = 64
"""Sequences of one request. OpenAI takes four; each is searched for in every delta."""
SEQUENCE_CHARS: Final = 1024
"""Characters of one. A table of that length is made for each, 0.1 ms."""


def stops_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """The sequences in a request's `stop`, each once; empty ones stop nothing."""
    given = [stop] if isinstance(stop, str) else stop or ()
    return tuple(filter(None, dict.fromkeys(given)))


class StopSequences:
    """One answer's.

    Args:
        stops: at least one, none empty.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._searches = [_Search(stop) for stop in stops]
        self._held = ""
        self.met = False
        """Whether the answer has come to its end."""

    def feed(self, text: str) -> str:
        """The next piece of the text; gives what may leave of it and of what was held."""
        ends = [
            (end, -len(search.stop)) for search in self._searches if (end := search.feed(text)) is not None
        ]
        known = self._held + text
        if ends:
            end, length = min(ends)
            self.met, self._held = True, ""
            return known[: len(known) - len(text) + end + length]
        hold = max(search.matched for search in self._searches)
        self._held = known[len(known) - hold :]
        return known[: len(known) - hold]

    def release(self) -> str:
        """Something else than text comes, or nothing more: what was held is no stop sequence."""
        held, self._held = self._held, ""
        for search in self._searches:
            search.matched = 0
        return held


class _Search:
    """For one sequence."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.matched = 0
        """Characters of the sequence that the text ends with."""
        self._shorter = _borders(stop)

    def feed(self, text: str) -> int | None:
        """Reads on; the place behind the whole sequence, if there is one."""
        stop, shorter, matched, position = self.stop, self._shorter, self.matched, 0
        while position < len(text):
            if not matched:
                position = text.find(stop[0], position)
                if position < 0:
                    break
                matched = 1
            else:
                matched = _grown(stop, shorter, matched, text[position])
            position += 1
            if matched == len(stop):
                return position
        self.matched = matched
        return None


def _borders(stop: str) -> list[int]:
    """For each beginning of the sequence the length of the longest shorter one that it ends with."""
    borders = [0]
    for char in stop[1:]:
        borders.append(_grown(stop, borders, borders[-1], char))
    return borders


def _grown(stop: str, borders: list[int], matched: int, char: str) -> int:
    """How much of the sequence the text ends with, with one more character."""
    while matched and stop[matched] != char:
        matched = borders[matched - 1]
    return matched + (stop[matched] == char)

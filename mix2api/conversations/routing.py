"""Routing: which published definition a message is for. The decision is data, with the score of each definition. Pure.

A definition's pattern is text in which `*` stands for anything. It is compared with the whole message; case and the amount of
white space do not count. A definition that matches has the score that its publisher gave it, any other has 0. The highest score
wins; of equal ones the higher version, then the smaller id. No regular expressions: those of a stranger may run for ever.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from mix2api.steps import Steps, at_once

PATTERN_CHARS_MAX: Final = 500
"""Characters of a pattern."""
SCORE_MIN: Final = 0.001
"""The least score that a publisher may give: 0 would be no match."""
SCORE_DEFAULT: Final = 0.5
"""The score of a definition whose publisher gave none. A catch-all (`*`) would be given less."""

_SLICE: Final = 65_536
"""Characters of one step."""


@frozen(kw_only=True)
class Candidate:
    """What routing knows of an ACTIVE definition."""

    definition_id: str
    version: int
    pattern: str = field(repr=False)
    score: float
    """From `SCORE_MIN` to 1."""


@frozen(kw_only=True)
class Decision:
    """How a message was routed."""

    ranking: tuple[str, ...]
    """Ids of all definitions that match, the best first; empty for a miss."""
    scores: Mapping[str, float]
    """By id, of all definitions that were considered."""


def route(message: str, candidates: Iterable[Candidate]) -> Steps[Decision]:
    """Routes a message. A step is one definition, or a slice of the message: 3 ms at most.

    Args:
        message: the user's.
        candidates: all ACTIVE definitions, in any order.
    """
    normal = yield from normal_steps(message)
    matching: list[Candidate] = []
    scores: dict[str, float] = {}
    for candidate in candidates:
        yield
        is_match = _matches(at_once(normal_steps(candidate.pattern)), normal)
        scores[candidate.definition_id] = candidate.score if is_match else 0.0
        if is_match:
            matching.append(candidate)
    matching.sort(key=lambda one: (-one.score, -one.version, one.definition_id))
    return Decision(ranking=tuple(one.definition_id for one in matching), scores=scores)


def normal_steps(text: str) -> Steps[str]:
    """A text in which neither case nor the amount of white space counts, slice by slice."""
    parts: list[str] = []
    gap = False
    for start in range(0, len(text), _SLICE):
        piece = text[start : start + _SLICE].casefold()
        words = piece.split()
        gap = gap or piece[0].isspace()
        if words:
            parts += [" "] * (gap and bool(parts))
            parts.append(" ".join(words))
            gap = piece[-1].isspace()
        yield
    return "".join(parts)


def _matches(pattern: str, text: str) -> bool:
    """Whether the pieces between the stars stand in the text in their order: each is looked for once, from where the last ended."""
    first, *pieces = pattern.split("*")
    if not pieces:
        return first == text
    *middle, last = pieces
    position = len(first)
    if not text.startswith(first):
        return False
    for piece in middle:
        position = text.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return len(text) - len(last) >= position and text.endswith(last)

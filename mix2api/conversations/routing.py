"""Routing: which published definition a message is for. The decision is data, with the score of each definition. Pure.

A definition's pattern is text in which `*` stands for anything. It is compared with the whole message; case and the amount of
white space do not count. A definition that matches has the score that its publisher gave it, any other has 0. The highest score
wins; of equal ones the higher version, then the smaller id. No regular expressions: those of a stranger may run for ever.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from mix2api.steps import Steps

PATTERN_CHARS_MAX: Final = 500
"""Characters of a pattern."""
SCORE_DEFAULT: Final = 0.5
"""The score of a definition whose publisher gave none. A catch-all (`*`) would be given less."""


@frozen(kw_only=True)
class Candidate:
    """What routing knows of an ACTIVE definition."""

    definition_id: str
    version: int
    pattern: str = field(repr=False)
    score: float
    """Above 0, 1 at most."""


@frozen(kw_only=True)
class Decision:
    """How a message was routed."""

    ranking: tuple[str, ...]
    """Ids of all definitions that match, the best first; empty for a miss."""
    scores: Mapping[str, float]
    """By id, of all definitions that were considered."""


def route(message: str, candidates: Iterable[Candidate]) -> Steps[Decision]:
    """Routes a message. A step is one definition: 2 ms for a message of 1 MB.

    Args:
        message: the user's.
        candidates: all ACTIVE definitions, in any order.
    """
    normal = _normal(message)
    matching: list[Candidate] = []
    scores: dict[str, float] = {}
    for candidate in candidates:
        yield
        is_match = _matches(_normal(candidate.pattern), normal)
        scores[candidate.definition_id] = candidate.score if is_match else 0.0
        if is_match:
            matching.append(candidate)
    matching.sort(key=lambda one: (-one.score, -one.version, one.definition_id))
    return Decision(ranking=tuple(one.definition_id for one in matching), scores=scores)


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


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

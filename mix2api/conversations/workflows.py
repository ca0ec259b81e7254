"""Drafts and definitions of workflows: graphs that are kept, edited, published and routed to. Pure.

A draft is a graph that the model made, or a person's edit of it. Publishing a draft makes a definition: a copy of the graph
under a key, with a version of its own, a pattern and a score. A plan has a copy of its graph, too: later edits change no plan.

The structs rest sealed, their graphs beside them. Patterns and keys are content.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mix2api.conversations.graph import Graph
from mix2api.conversations.planner import SourceType
from mix2api.conversations.routing import SCORE_DEFAULT, Candidate
from mix2api.conversations.views import View, time_of
from mix2api.vocabulary import Digest

KEY_PATTERN: Final = "[a-z0-9][a-z0-9._-]{0,63}"
"""Keys of drafts and definitions, as a regular expression."""
VERSION_MAX: Final = 2**53
"""The largest version that a caller may name: the largest integer that every JSON reader keeps."""
_KEY_CHARS: Final = 8
"""Of the digest, in the key of a draft that nobody has named: unique enough for a person's eyes."""
_NAMESAKES_MAX: Final = 20
"""Drafts that began as the same graph, and were edited into other ones."""


class DefinitionStatus(StrEnum):
    """Whether messages are routed to a definition."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class Draft(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft, without its graph."""

    draft_id: str
    key: str
    version: int
    """Grows by one with each edit and each publication. 1: nobody has touched the draft."""
    source: SourceType
    pattern: str | None = None
    score: float = SCORE_DEFAULT
    created_ms: int
    updated_ms: int
    definition_id: str | None = None
    """The newest definition that was published of it."""

    def __repr__(self) -> str:
        return "Draft(...)"


class Definition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A definition, without its graph."""

    definition_id: str
    key: str
    version: int
    """Of those under the same key, from 1."""
    status: DefinitionStatus
    pattern: str
    score: float
    draft_id: str
    created_ms: int
    updated_ms: int

    def __repr__(self) -> str:
        return "Definition(...)"


class Settled(Struct, frozen=True, kw_only=True):
    """What a caller has settled about a draft; None: as it was."""

    key: str | None = None
    pattern: str | None = None
    score: float | None = None

    def __repr__(self) -> str:
        return "Settled(...)"


def new_drafts(
    graph: Graph, source: SourceType, at_ms: int, digester: Callable[[bytes], Digest]
) -> Iterator[Draft]:
    """The draft of a graph, then what takes its place where a person has made another graph of it, and so on.

    The same graph makes the same draft: its id is a digest of the graph.

    Args:
        graph: as it was drafted.
        source: where it is from.
        at_ms: now.
        digester: keyed, and of the owner alone.
    """
    digest = graph.digest(digester)
    first = Draft(
        draft_id=f"draft_{digest}",
        key=f"draft-{digest[:_KEY_CHARS]}",
        version=1,
        source=source,
        created_ms=at_ms,
        updated_ms=at_ms,
    )
    yield first
    for number in range(2, _NAMESAKES_MAX + 1):
        yield replace(first, draft_id=f"{first.draft_id}_{number}", key=f"{first.key}-{number}")


def edited(draft: Draft, settled: Settled, at_ms: int) -> Draft:
    """The next version of a draft."""
    return replace(
        draft,
        version=draft.version + 1,
        key=settled.key or draft.key,
        pattern=settled.pattern or draft.pattern,
        score=draft.score if settled.score is None else settled.score,
        updated_ms=at_ms,
    )


def published(
    draft: Draft, existing: Iterable[Definition], at_ms: int, digester: Callable[[bytes], Digest]
) -> tuple[Draft, Definition]:
    """The next version of a draft, and the definition that its publication makes.

    Args:
        draft: has a pattern.
        existing: the owner's definitions.
        at_ms: now.
        digester: keyed, and of the owner alone.
    """
    version = 1 + max((one.version for one in existing if one.key == draft.key), default=0)
    definition = Definition(
        definition_id=f"definition_{digester(msgspec.json.encode([draft.key, version]))}",
        key=draft.key,
        version=version,
        status=DefinitionStatus.ACTIVE,
        pattern=draft.pattern or "",
        score=draft.score,
        draft_id=draft.draft_id,
        created_ms=at_ms,
        updated_ms=at_ms,
    )
    after = replace(
        draft, version=draft.version + 1, updated_ms=at_ms, definition_id=definition.definition_id
    )
    return after, definition


def candidates(definitions: Iterable[Definition]) -> list[Candidate]:
    """What routing chooses among."""
    return [
        Candidate(definition_id=one.definition_id, version=one.version, pattern=one.pattern, score=one.score)
        for one in definitions
        if one.status is DefinitionStatus.ACTIVE
    ]


def draft_view(draft: Draft, graph: Graph | None = None) -> View:
    """A draft as the API shows it, with the graph where it is at hand."""
    return {
        "draftId": draft.draft_id,
        "draftKey": draft.key,
        "version": draft.version,
        "sourceType": draft.source.value,
        "pattern": draft.pattern,
        "score": draft.score,
        "definitionId": draft.definition_id,
        "createdAt": time_of(draft.created_ms),
        "updatedAt": time_of(draft.updated_ms),
        **_graph_view(graph),
    }


def definition_view(definition: Definition, graph: Graph | None = None) -> View:
    """A definition as the API shows it, with the graph where it is at hand."""
    return {
        "definitionId": definition.definition_id,
        "key": definition.key,
        "version": definition.version,
        "status": definition.status.value,
        "pattern": definition.pattern,
        "score": definition.score,
        "draftId": definition.draft_id,
        "createdAt": time_of(definition.created_ms),
        "updatedAt": time_of(definition.updated_ms),
        **_graph_view(graph),
    }


def _graph_view(graph: Graph | None) -> dict[str, Any]:
    return {} if graph is None else {"graph": graph.as_json()}

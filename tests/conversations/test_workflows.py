"""Drafts and definitions: what an edit and a publication make of them."""

from itertools import islice

from conversation_graphs import graph_of, worker
from msgspec.structs import replace

from mix2api.conversations.planner import SourceType
from mix2api.conversations.routing import Candidate
from mix2api.conversations.workflows import (
    Definition,
    DefinitionStatus,
    Draft,
    Settled,
    candidates,
    definition_view,
    draft_view,
    edited,
    new_drafts,
    published,
)
from mix2api.sealing import Seal

_DIGESTER = Seal(b"a secret of sixteen").digester("workflow")
_GRAPH = graph_of(worker("a"))


def _draft() -> Draft:
    return next(new_drafts(_GRAPH, SourceType.AUTO_MISS_ROOT, 1000, _DIGESTER))


def _published(draft: Draft, *existing: Definition) -> tuple[Draft, Definition]:
    return published(draft, existing, 3000, _DIGESTER)


def test_the_same_graph_makes_the_same_draft_and_another_one_makes_another() -> None:
    other = graph_of(worker("b"))
    assert _draft() == _draft()
    assert next(new_drafts(other, SourceType.AUTO_MISS_ROOT, 1000, _DIGESTER)).draft_id != _draft().draft_id


def test_a_draft_that_has_become_another_graph_leaves_its_place_to_a_namesake() -> None:
    first, second = islice(new_drafts(_GRAPH, SourceType.AUTO_MISS_ROOT, 1000, _DIGESTER), 2)
    assert (second.draft_id, second.key) == (f"{first.draft_id}_2", f"{first.key}-2")
    assert len(list(new_drafts(_GRAPH, SourceType.AUTO_MISS_ROOT, 1000, _DIGESTER))) == 20


def test_an_edit_changes_what_it_names_and_counts_the_version_up() -> None:
    draft = _draft()
    after = edited(draft, Settled(pattern="*tea*"), 2000)
    assert (after.version, after.pattern, after.key, after.score) == (2, "*tea*", draft.key, 0.5)
    assert (after.created_ms, after.updated_ms) == (1000, 2000)
    again = edited(after, Settled(key="tea", score=0.9), 2500)
    assert (again.version, again.pattern, again.key, again.score) == (3, "*tea*", "tea", 0.9)


def test_a_publication_makes_an_active_definition_and_the_draft_names_it() -> None:
    draft = edited(_draft(), Settled(key="tea", pattern="*tea*", score=0.7), 2000)
    after, definition = _published(draft)
    assert (after.version, after.definition_id, after.updated_ms) == (3, definition.definition_id, 3000)
    assert (definition.key, definition.version, definition.status) == ("tea", 1, DefinitionStatus.ACTIVE)
    assert (definition.pattern, definition.score, definition.draft_id) == ("*tea*", 0.7, draft.draft_id)


def test_versions_are_counted_under_each_key() -> None:
    draft = edited(_draft(), Settled(key="tea", pattern="*"), 2000)
    _, first = _published(draft)
    _, second = _published(draft, first)
    _, other = _published(edited(draft, Settled(key="coffee"), 2000), first, second)
    assert (second.version, other.version) == (2, 1)
    assert len({first.definition_id, second.definition_id, other.definition_id}) == 3


def test_only_active_definitions_are_routed_to() -> None:
    draft = edited(_draft(), Settled(key="tea", pattern="*"), 2000)
    _, first = _published(draft)
    _, second = _published(draft, first)
    off = replace(second, status=DefinitionStatus.INACTIVE)
    assert candidates([first, off]) == [
        Candidate(definition_id=first.definition_id, version=1, pattern="*", score=0.5)
    ]


def test_views_have_the_graph_where_it_is_at_hand() -> None:
    draft = edited(_draft(), Settled(key="tea", pattern="*"), 2000)
    after, definition = _published(draft)
    assert draft_view(after) == {
        "draftId": draft.draft_id,
        "draftKey": "tea",
        "version": 3,
        "sourceType": "AUTO_MISS_ROOT",
        "pattern": "*",
        "score": 0.5,
        "definitionId": definition.definition_id,
        "createdAt": "1970-01-01T00:00:01.000Z",
        "updatedAt": "1970-01-01T00:00:03.000Z",
    }
    assert draft_view(after, _GRAPH)["graph"] == _GRAPH.as_json()
    assert definition_view(definition) == {
        "definitionId": definition.definition_id,
        "key": "tea",
        "version": 1,
        "status": "ACTIVE",
        "pattern": "*",
        "score": 0.5,
        "draftId": draft.draft_id,
        "createdAt": "1970-01-01T00:00:03.000Z",
        "updatedAt": "1970-01-01T00:00:03.000Z",
    }
    assert definition_view(definition, _GRAPH)["graph"] == _GRAPH.as_json()


def test_nothing_of_a_person_is_shown_where_a_record_is_printed() -> None:
    draft = edited(_draft(), Settled(key="planted", pattern="planted"), 2000)
    _, definition = _published(draft)
    assert "planted" not in repr([draft, definition, Settled(key="planted")])

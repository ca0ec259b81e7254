"""Workflows in Redis: each owner has their own, sealed; of two changes of one version the second is refused; damage gives way."""

import pytest
from conversation_graphs import graph_of, worker
from damages import WHOLE, put
from redis_server import RedisServer
from stored_runs import stored

from mix2api.conversations.planner import SourceType
from mix2api.conversations.workflows import Definition, DefinitionStatus, Draft, Settled, edited, published
from mix2api.store.shelf import PutOutcome
from mix2api.store.store import Store
from mix2api.store.workflows import DEFINITIONS_MAX, DRAFTS_MAX, Workflows
from mix2api.vocabulary import Digest

OWNER, OTHER = Digest("0badcafe" * 4), Digest("deadbeef" * 4)
GRAPH, OTHER_GRAPH = graph_of(worker("planted", "planted words")), graph_of(worker("b"))
ROOT = SourceType.AUTO_MISS_ROOT
DAY_MS = 86_400_000


def opened(store: Store, life_ms: int = 0) -> Workflows:
    return store.workflows(8, life_ms)


async def kept(workflows: Workflows, at_ms: int = 1, **settled: str) -> Draft:
    """A draft, with what a person has settled."""
    draft = await workflows.keep_draft(OWNER, GRAPH, ROOT, at_ms)
    assert draft is not None
    if settled:
        draft = edited(draft, Settled(**settled), at_ms)
        assert await workflows.change_draft(OWNER, draft, None, at_ms)
    return draft


async def added(workflows: Workflows, draft: Draft, *existing: Definition) -> Definition:
    """A definition."""
    _, definition = published(draft, existing, 2, workflows.digester(OWNER))
    assert await workflows.add_definition(OWNER, definition, GRAPH, 2) is PutOutcome.DONE
    return definition


async def test_a_graph_is_kept_as_a_draft_once(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows)
        assert await workflows.keep_draft(OWNER, GRAPH, ROOT, 5) == draft
        assert await workflows.draft(OWNER, draft.draft_id, 5) == (draft, GRAPH)
        assert await workflows.drafts(OWNER, 0, 10, 5) == [draft]


async def test_a_draft_that_was_edited_into_another_graph_is_not_taken_for_the_first_one(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        first = await kept(workflows)
        assert await workflows.change_draft(OWNER, edited(first, Settled(), 2), OTHER_GRAPH, 2)
        second = await workflows.keep_draft(OWNER, GRAPH, ROOT, 3)
        assert second is not None
        assert second.draft_id == f"{first.draft_id}_2"
        assert await workflows.draft(OWNER, first.draft_id, 3) == (edited(first, Settled(), 2), OTHER_GRAPH)
        assert await workflows.keep_draft(OWNER, GRAPH, ROOT, 4) == second


async def test_of_two_edits_of_one_version_the_second_is_refused(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows)
        one, other = edited(draft, Settled(key="one"), 2), edited(draft, Settled(key="other"), 3)
        assert await workflows.change_draft(OWNER, one, OTHER_GRAPH, 2)
        assert not await workflows.change_draft(OWNER, other, GRAPH, 3)
        assert await workflows.draft(OWNER, draft.draft_id, 4) == (one, OTHER_GRAPH)


async def test_drafts_are_forgotten_unless_somebody_has_touched_them(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        touched = await kept(workflows, key="mine")
        other = await workflows.keep_draft(OWNER, OTHER_GRAPH, ROOT, 2)
        assert other is not None
        await workflows.forget_untouched(OWNER, [])
        await workflows.forget_untouched(OTHER, [other.draft_id])
        assert len(await workflows.drafts(OWNER, 0, 10, 3)) == 2
        await workflows.forget_untouched(OWNER, [touched.draft_id, other.draft_id, "draft_absent"])
        assert await workflows.drafts(OWNER, 0, 10, 3) == [touched]
        (graphs,) = redis_server.command("KEYS", "*:draft:*:graphs")
        assert redis_server.command("HLEN", graphs) == 1


async def test_another_owner_has_other_drafts_and_definitions(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows, pattern="*")
        definition = await added(workflows, draft)
        assert await workflows.draft(OTHER, draft.draft_id, 3) is None
        assert await workflows.drafts(OTHER, 0, 10, 3) == []
        assert await workflows.definition(OTHER, definition.definition_id, 3) is None
        assert await workflows.definitions(OTHER, 3) == []
        assert not await workflows.delete_draft(OTHER, draft.draft_id)
        assert not await workflows.delete_definition(OTHER, definition.definition_id)
        theirs = await workflows.keep_draft(OTHER, GRAPH, ROOT, 3)
        assert theirs is not None
        assert theirs.draft_id != draft.draft_id


async def test_drafts_are_listed_by_pages_the_last_changed_first(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        drafts = [await workflows.keep_draft(OWNER, graph_of(worker(f"n{at}")), ROOT, at) for at in range(5)]
        assert await workflows.drafts(OWNER, 0, 2, 9) == [drafts[4], drafts[3]]
        assert await workflows.drafts(OWNER, 4, 2, 9) == [drafts[0]]
        assert await workflows.drafts(OWNER, 5, 2, 9) == []


async def test_the_oldest_untouched_draft_gives_way_where_there_are_too_many(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DRAFTS_MAX == 1000
    monkeypatch.setattr("mix2api.store.workflows.DRAFTS_MAX", 3)
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        edited_one = await kept(workflows, key="mine")
        graphs = [graph_of(worker(f"n{at}")) for at in range(4)]
        drafts = [await workflows.keep_draft(OWNER, graph, ROOT, 2 + at) for at, graph in enumerate(graphs)]
        assert await workflows.drafts(OWNER, 0, 10, 9) == [drafts[3], drafts[2], edited_one]
        for draft in (drafts[2], drafts[3]):
            assert draft is not None
            assert await workflows.change_draft(OWNER, edited(draft, Settled(), 7), None, 7)
        assert await workflows.keep_draft(OWNER, graphs[0], ROOT, 8) is None


async def test_a_definition_stands_with_its_graph_until_it_is_deleted(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store, DAY_MS)
        definition = await added(workflows, await kept(workflows, pattern="*tea*"))
        later_ms = 100 * DAY_MS
        assert await workflows.definition(OWNER, definition.definition_id, later_ms) == (definition, GRAPH)
        assert await workflows.definitions(OWNER, later_ms) == [definition]
        assert await workflows.delete_definition(OWNER, definition.definition_id)
        assert not await workflows.delete_definition(OWNER, definition.definition_id)
        assert await workflows.definitions(OWNER, later_ms) == []


async def test_a_definition_that_stands_is_not_written_over_and_a_deleted_one_is_not_changed(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DEFINITIONS_MAX == 200
    monkeypatch.setattr("mix2api.store.workflows.DEFINITIONS_MAX", 2)
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows, pattern="*")
        first = await added(workflows, draft)
        assert await workflows.add_definition(OWNER, first, GRAPH, 3) is PutOutcome.CONFLICT
        second = await added(workflows, draft, first)
        _, third = published(draft, [first, second], 4, workflows.digester(OWNER))
        assert await workflows.add_definition(OWNER, third, GRAPH, 4) is PutOutcome.FULL
        assert await workflows.change_definition(OWNER, first, 5)
        await workflows.delete_definition(OWNER, first.definition_id)
        assert not await workflows.change_definition(OWNER, first, 6)


async def test_drafts_rest_for_their_life_after_the_last_change(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store, DAY_MS)
        draft = await kept(workflows, at_ms=1)
        assert await workflows.draft(OWNER, draft.draft_id, DAY_MS) is not None
        for read in (
            await workflows.draft(OWNER, draft.draft_id, DAY_MS + 1),
            *(await workflows.drafts(OWNER, 0, 10, DAY_MS + 1)),
        ):
            assert read is None
        await workflows.keep_draft(OWNER, OTHER_GRAPH, ROOT, DAY_MS + 1)
        (name,) = redis_server.command("KEYS", "*:draft:*:heads")
        assert redis_server.command("HLEN", name) == 1
        assert 0 < redis_server.command("PTTL", name) <= DAY_MS


async def test_all_of_it_is_sealed_and_nothing_stays_behind(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows, key="planted", pattern="planted")
        definition = await added(workflows, draft)
        names = redis_server.command("KEYS", "*")
        told = [redis_server.command("DUMP", name) for name in names]
        assert len([name for name in names if b":draft:" in name or b":definition:" in name]) == 6
        assert not any(b"planted" in value for value in [*names, *told])
        await workflows.delete_draft(OWNER, draft.draft_id)
        await workflows.delete_definition(OWNER, definition.definition_id)
        left = redis_server.command("KEYS", "*:d*:*")
        assert not [name for name in left if b":draft:" in name or b":definition:" in name]


@pytest.mark.parametrize("value", WHOLE)
@pytest.mark.parametrize("part", ["heads", "graphs", "times"])
async def test_whatever_stands_in_a_key_is_read_as_nothing_and_gives_way(
    redis_server: RedisServer, part: str, value: str
) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows)
        (name,) = redis_server.command("KEYS", f"*:draft:*:{part}")
        put(redis_server, name.decode(), WHOLE[value])
        await workflows.drafts(OWNER, 0, 10, 2)
        await workflows.draft(OWNER, draft.draft_id, 2)
        is_of_another_type = value not in {"nothing", "a sorted set" if part == "times" else "a hash"}
        assert bool(store.damage.total) is is_of_another_type
        await workflows.delete_draft(OWNER, draft.draft_id)
        again = await workflows.keep_draft(OWNER, OTHER_GRAPH, ROOT, 3)
        assert again is not None
        assert await workflows.draft(OWNER, again.draft_id, 4) == (again, OTHER_GRAPH)


async def test_what_was_moved_or_broken_is_left_out_and_counted(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows)
        other = await workflows.keep_draft(OWNER, OTHER_GRAPH, ROOT, 2)
        assert other is not None
        (heads,), (graphs,) = (
            redis_server.command("KEYS", f"*:draft:*:{part}") for part in ("heads", "graphs")
        )
        redis_server.command(
            "HSET", heads, draft.draft_id, redis_server.command("HGET", heads, other.draft_id)
        )
        assert await workflows.drafts(OWNER, 0, 10, 3) == [other]
        redis_server.command("HSET", graphs, other.draft_id, b"broken")
        assert await workflows.draft(OWNER, other.draft_id, 3) is None
        assert store.damage.total == 2
        redis_server.command("HSET", heads, draft.draft_id, b"broken")
        assert await workflows.keep_draft(OWNER, GRAPH, ROOT, 4) == await kept(workflows, at_ms=4)


@pytest.mark.parametrize("said", [b"{}", b'"planted"'])
async def test_what_another_version_of_the_program_wrote_is_left_out_and_counted(
    redis_server: RedisServer, said: bytes
) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        draft = await kept(workflows)
        shelf = workflows._drafts
        (heads,), (graphs,) = (
            redis_server.command("KEYS", f"*:draft:*:{part}") for part in ("heads", "graphs")
        )
        sealed = shelf._sealed(OWNER, draft.draft_id, "body", said)
        redis_server.command("HSET", graphs, draft.draft_id, sealed)
        assert await workflows.draft(OWNER, draft.draft_id, 2) is None
        redis_server.command(
            "HSET", heads, draft.draft_id, b"1 " + shelf._sealed(OWNER, draft.draft_id, "head", said)
        )
        assert await workflows.drafts(OWNER, 0, 10, 2) == []
        assert store.damage.total == 1


async def test_a_status_is_written_with_its_definition(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows = opened(store)
        definition = await added(workflows, await kept(workflows, pattern="*"))
        off = Definition(
            **{name: getattr(definition, name) for name in definition.__struct_fields__}
            | {"status": DefinitionStatus.INACTIVE}
        )
        assert await workflows.change_definition(OWNER, off, 5)
        assert await workflows.definition(OWNER, definition.definition_id, 6) == (off, GRAPH)

"""A conversation that is deleted takes the drafts of its plans along, unless somebody has touched them."""

from conversation_graphs import graph_of
from conversation_graphs import worker as node
from conversation_turns import OWNER, ROUTE, worker
from kept_conversations import CONVERSATION, SHARDS, say, tell
from kept_conversations import opened as opened_conversations
from msgspec.structs import replace
from redis_server import RedisServer
from stored_runs import stored

from mix2api.conversations.commands import BeginPlanning, CreateSession, RecordPlan, StopTurn, TakeTurn
from mix2api.conversations.decide import create
from mix2api.conversations.decided import Decided
from mix2api.conversations.planner import SourceType
from mix2api.conversations.states import Reason
from mix2api.conversations.workflows import Draft, Settled, edited
from mix2api.store.conversations import Conversations
from mix2api.store.forgetting import forget_drafts
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest

CALLER = Digest("0badcafe" * 4)


async def begun(conversations: Conversations) -> None:
    """A session of the caller's."""
    command = CreateSession(at_ms=1, owner=CALLER, user=Digest("u"))
    await conversations.change(CONVERSATION, 0, lambda looked: Decided(create(looked.session, command), {}))


async def drafted(workflows: Workflows, name: str) -> Draft:
    """A draft of a graph with one node of that name."""
    draft = await workflows.keep_draft(CALLER, graph_of(node(name)), SourceType.AUTO_MISS_ROOT, 1)
    assert draft is not None
    return draft


async def planned(conversations: Conversations, draft: Draft | None) -> None:
    """A turn that had a plan of that draft and was stopped; without a draft, a turn that had no plan."""
    turn = await say(conversations)
    await tell(conversations, turn, TakeTurn(at_ms=3, owner=OWNER), BeginPlanning(at_ms=4, owner=OWNER))
    if draft is not None:
        route = replace(ROUTE, draft_id=draft.draft_id)
        await tell(conversations, turn, RecordPlan(at_ms=5, owner=OWNER, route=route, tasks=(worker(),)))
    await tell(conversations, turn, StopTurn(at_ms=6, why=Reason.DELETED))


async def test_the_drafts_of_all_plans_are_removed_and_those_that_were_edited_stay(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        conversations, workflows = opened_conversations(store), store.workflows(SHARDS, 0)
        await begun(conversations)
        first, second, mine, strange = [await drafted(workflows, name) for name in "abcd"]
        changed = edited(mine, Settled(key="mine"), 2)
        assert await workflows.change_draft(CALLER, changed, None, 2)
        for draft in (first, None, mine, second):
            await planned(conversations, draft)
        await forget_drafts(conversations, workflows, CONVERSATION)
        assert {draft.draft_id for draft in await workflows.drafts(CALLER, 0, 9, 7)} == {
            mine.draft_id,
            strange.draft_id,
        }


async def test_a_conversation_without_turns_has_no_drafts_to_remove(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations, workflows = opened_conversations(store), store.workflows(SHARDS, 0)
        await begun(conversations)
        draft = await drafted(workflows, "a")
        await forget_drafts(conversations, workflows, CONVERSATION)
        assert await workflows.drafts(CALLER, 0, 9, 7) == [draft]

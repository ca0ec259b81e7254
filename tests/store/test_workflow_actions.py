"""What owners may do with drafts, whichever door they come in by."""

import pytest
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.clock import SystemClock
from mix2api.conversations.graph import Graph, Node, NodeType
from mix2api.conversations.planner import SourceType
from mix2api.conversations.workflows import Settled
from mix2api.errors import Conflict, InvalidRequest
from mix2api.store.workflow_actions import WorkflowActions
from mix2api.vocabulary import Digest

OWNER, NOBODY = Digest("a" * 32), Digest("b" * 32)
GRAPH = Graph((Node(id="a", type=NodeType.WORKER, agent_key="writer", input="hello"),))


async def test_an_edit_and_a_publication_name_the_version_that_they_are_of(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows, clock = store.workflows(SHARDS, 0), SystemClock()
        draft = await workflows.keep_draft(OWNER, GRAPH, SourceType.AUTO_MISS_ROOT, clock.now_ms())
        assert draft is not None
        named = WorkflowActions(workflows=workflows, agents=("writer",), clock=clock)
        settled = Settled(pattern="hello*")
        with pytest.raises(InvalidRequest, match="'pattern'"):
            await named.publish(OWNER, draft.draft_id, 1, Settled())
        edited = await named.edit(OWNER, draft.draft_id, 1, settled, None)
        assert edited is not None
        assert (edited[0].version, edited[0].pattern, edited[1]) == (2, "hello*", GRAPH)
        for stale in (
            named.edit(OWNER, draft.draft_id, 1, settled, None),
            named.publish(OWNER, draft.draft_id, 1, settled),
        ):
            with pytest.raises(Conflict, match="Version 2") as caught:
                await stale
            stands = caught.value.current
            assert isinstance(stands, dict)
            assert stands["pattern"] == "hello*"
        made = await named.publish(OWNER, draft.draft_id, None, Settled())
        assert made is not None
        assert (made[0].version, made[0].pattern) == (1, "hello*")
        assert await named.edit(NOBODY, draft.draft_id, 3, settled, None) is None
        assert await named.publish(NOBODY, draft.draft_id, 3, settled) is None


async def test_a_graph_that_names_an_agent_of_yesterday_is_not_published(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        workflows, clock = store.workflows(SHARDS, 0), SystemClock()
        draft = await workflows.keep_draft(OWNER, GRAPH, SourceType.AUTO_MISS_ROOT, clock.now_ms())
        assert draft is not None
        today = WorkflowActions(workflows=workflows, agents=(), clock=clock)
        with pytest.raises(InvalidRequest, match=r"nodes\[0\]\.agentKey") as caught:
            await today.publish(OWNER, draft.draft_id, 1, Settled(pattern="*"))
    assert caught.value.param == "graph.nodes[0].agentKey"

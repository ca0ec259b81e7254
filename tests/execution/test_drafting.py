"""The planner of a process: definitions before drafts, drafts before the fallback, and why one was passed over."""

from collections.abc import Sequence

import msgspec
import pytest
from conversation_graphs import graph_of, worker
from redis_server import RedisServer
from stored_runs import stored

from mix2api.clock import SystemClock
from mix2api.conversations.agents import Agent, agents_by_key
from mix2api.conversations.content import TurnWords
from mix2api.conversations.graph import Graph
from mix2api.conversations.planner import FALLBACK, SourceType
from mix2api.conversations.workflows import Definition, Settled, edited, published
from mix2api.execution.drafting import Planning
from mix2api.execution.planning import MadePlan, PlannerFault
from mix2api.store.shelf import PutOutcome
from mix2api.store.store import Store
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

OWNER = Digest("0badcafe" * 4)
GRAPH = graph_of(worker("a"), worker("b", "{{nodes.a.output}}"), edges=["a b"])
WORDS = TurnWords(message="tell me of tea", extra_context={"name": "Ada"})
AGENTS = agents_by_key([Agent(key="writer", purpose="writes")])


class Model:
    """Gives these answers, one after another."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[int, str]] = []

    async def ask(self, messages: Sequence[Message], number: int) -> str:
        self.asked.append((number, str(messages[-1].content)))
        if not self._answers:
            raise PlannerFault("planted")
        return self._answers.pop(0)


def planning(store: Store, *, drafts: bool = True) -> Planning:
    return Planning(workflows=store.workflows(8, 0), agents=AGENTS, clock=SystemClock(), drafts=drafts)


async def publish(planner: Planning, graph: Graph, pattern: str, score: float) -> Definition:
    """A definition of this graph."""
    draft = await planner.workflows.keep_draft(OWNER, graph, SourceType.AUTO_MISS_ROOT, 1)
    assert draft is not None
    settled = edited(draft, Settled(pattern=pattern, score=score), 2)
    _, definition = published(settled, [], 2, planner.workflows.digester(OWNER))
    assert await planner.workflows.add_definition(OWNER, definition, graph, 2) is PutOutcome.DONE
    return definition


async def plan(planner: Planning, model: Model) -> MadePlan:
    return await planner.plan(OWNER, WORDS, model.ask)


async def test_a_draft_is_the_plan_and_is_kept(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        planner, model = planning(store), Model("no", msgspec.json.encode(GRAPH.as_json()).decode())
        made = await plan(planner, model)
        (draft,) = await planner.workflows.drafts(OWNER, 0, 10, 3)
        assert made.graph == GRAPH
        assert (made.route.route_type, made.route.source_type) == ("DRAFT", "AUTO_MISS_ROOT")
        assert (made.route.draft_id, made.route.tries, made.route.scores) == (draft.draft_id, 2, None)
        assert made.context == {
            "message": "tell me of tea",
            "name": "Ada",
            "routeType": "DRAFT",
            "sourceType": "AUTO_MISS_ROOT",
            "workflowDraftId": draft.draft_id,
            "draftKey": draft.key,
            "draftFaults": ["the answer holds no JSON object; it must be one"],
        }
        assert [number for number, _ in model.asked] == [1, 2]


async def test_three_refused_drafts_give_the_fallback_and_no_draft(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        planner, model = planning(store), Model("no", "no", "no")
        made = await plan(planner, model)
        assert (made.graph, made.route.route_type, made.route.tries) == (FALLBACK, "FALLBACK", 3)
        assert (made.route.source_type, made.route.draft_id) == ("AUTO_MISS_FALLBACK", None)
        assert (made.context["workflowDraftId"], made.context["draftKey"]) == (None, None)
        assert await planner.workflows.drafts(OWNER, 0, 10, 3) == []


async def test_the_definition_with_the_highest_score_is_the_plan_and_the_scores_are_recorded(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        planner, model = planning(store), Model()
        best = await publish(planner, GRAPH, "*tea", 0.9)
        general = await publish(planner, graph_of(worker("x")), "*", 0.1)
        other = await publish(planner, graph_of(worker("y")), "*coffee*", 1)
        made = await plan(planner, model)
        assert (made.graph, model.asked) == (GRAPH, [])
        assert (made.route.route_type, made.route.definition_id) == ("DEFINITION", best.definition_id)
        assert made.route.definition_version == 1
        assert made.route.scores == {
            best.definition_id: 0.9,
            general.definition_id: 0.1,
            other.definition_id: 0.0,
        }
        assert made.context["definitionKey"] == best.key
        assert "routeFaults" not in made.context


@pytest.mark.parametrize("text", ["{{context.absent}}", "gone"])
async def test_a_definition_that_cannot_serve_the_message_is_passed_over_for_the_next(
    redis_server: RedisServer, text: str
) -> None:
    async with stored(redis_server.url) as store:
        planner, model = planning(store), Model()
        broken = await publish(planner, graph_of(worker("a", text)), "*", 0.9)
        good = await publish(planner, GRAPH, "*", 0.1)
        if text == "gone":
            graphs = next(name for name in redis_server.command("KEYS", "*:definition:*:graphs"))
            redis_server.command("HDEL", graphs, broken.definition_id)
        made = await plan(planner, model)
        assert (made.graph, made.route.definition_id) == (GRAPH, good.definition_id)
        (why,) = made.context["routeFaults"][broken.definition_id]
        assert ("names context.absent" in why) == (text != "gone")


async def test_without_drafts_the_model_is_not_asked(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        model = Model()
        made = await plan(planning(store, drafts=False), model)
        assert (made.graph, made.route.route_type, made.route.tries, model.asked) == (
            FALLBACK,
            "FALLBACK",
            0,
            [],
        )


async def test_a_model_that_does_not_answer_ends_the_planning(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        with pytest.raises(PlannerFault, match=r"^no plan can be made$"):
            await plan(planning(store), Model())

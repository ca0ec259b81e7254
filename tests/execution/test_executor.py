"""Turns over an executor: branches, critics, lost processes in every stage, and faults of ours."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import pytest
import trio
from attrs import frozen
from conversation_turns import OWNER
from kept_conversations import CONVERSATION, OWNED_BY, SHARDS, say, tell
from redis_server import RedisServer
from scripted_models import AskingPlanner, BrokenPlanner, Deployment, Said, deployment, last_message
from stored_runs import stored
from whole_system import until

from mix2api.clock import SystemClock
from mix2api.conversations.agents import agents_by_key
from mix2api.conversations.commands import RecordPlan, StopTurn, TakeTurn
from mix2api.conversations.content import AnswerWords, TurnWords, answer_field, fault_field
from mix2api.conversations.events import PlannedTask, RouteTaken
from mix2api.conversations.graph import Edge, Graph, Node, NodeType
from mix2api.conversations.planner import SourceType
from mix2api.conversations.state import Turn
from mix2api.conversations.states import ExecutionStatus, Reason, TaskStage, TurnStage
from mix2api.errors import StoreUnavailable
from mix2api.execution.drafting import Planning
from mix2api.execution.planning import Ask, MadePlan
from mix2api.sessions.worker_port import Submission
from mix2api.vocabulary import Digest, EndReason

WORKER, CRITIC = NodeType.WORKER, NodeType.CRITIC


def worker(node_id: str, text: str | None = None) -> Node:
    return Node(id=node_id, type=WORKER, input=f"do {node_id}" if text is None else text)


def critic(target: str, max_refine: int = 2) -> Node:
    return Node(
        id=f"{target}_critic", type=CRITIC, input=f"judge {target}", target=target, max_refine=max_refine
    )


ONE = Graph((worker("a"),))
DIAMOND = Graph(
    (
        worker("a"),
        worker("b", "b of {{nodes.a.output}}"),
        worker("c"),
        worker("d", "{{nodes.b.output}}+{{nodes.c.output}}"),
    ),
    (Edge("a", "b"), Edge("b", "d"), Edge("c", "d")),
)
JUDGED = Graph((worker("a"), critic("a", 1)))


def echo(submission: Submission) -> Said:
    return f"[{last_message(submission)}]"


async def message_of(made: Deployment, number: int = 1) -> str:
    """The assistant's message of a turn."""
    looked = await made.conversations.look(CONVERSATION, fields=[answer_field(number)])
    return msgspec.json.decode(looked.content[answer_field(number)], type=AnswerWords).text


async def test_branches_run_at_once_and_their_outputs_go_on(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, deployment(store, DIAMOND, echo) as (made, nursery):
        await made.start("p_1", nursery)
        turn = await made.ended()
        assert turn.stage is TurnStage.COMPLETED
        assert await message_of(made) == "[[b of [do a]]+[do c]]"
        assert {last_message(call) for call in made.model.calls[:2]} == {"do a", "do c"}
        assert (await made.index.open_turns([made.conversations.shard(CONVERSATION)]))[0] == []
        assert made.faults == []


async def test_a_critic_has_its_target_refined_and_is_no_part_of_the_message(
    redis_server: RedisServer,
) -> None:
    def answer(submission: Submission) -> Said:
        asked = last_message(submission)
        if asked.startswith("judge"):
            passed = "better" in asked
            return msgspec.json.encode(
                {"pass": passed, "feedback": "" if passed else "make it better"}
            ).decode()
        return "better" if "make it better" in asked else "bad"

    async with stored(redis_server.url) as store, deployment(store, JUDGED, answer) as (made, nursery):
        await made.start("p_1", nursery)
        assert (await made.ended()).stage is TurnStage.COMPLETED
        assert await message_of(made) == "better"
        plan = await made.plan()
        assert [task.attempt for task in plan.tasks] == [2, 2]
        assert plan.tasks[0].refinements == 1


async def test_a_critic_that_gives_no_verdict_is_told_so_and_then_fails_the_turn(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store, deployment(store, JUDGED, echo) as (made, nursery):
        await made.start("p_1", nursery)
        assert (await made.ended()).stage is TurnStage.FAILED
        assert last_message(made.model.calls[-1]).startswith("That was no verdict: ")
        assert "its critic gave no verdict" in await message_of(made)


async def test_several_results_are_summed_up_by_the_model_or_the_turn_fails(
    redis_server: RedisServer,
) -> None:
    graph = Graph((worker("a"), worker("b")), summarize=True)
    for summary, stage in (("one", TurnStage.COMPLETED), (EndReason.UPSTREAM_ERROR, TurnStage.FAILED)):
        redis_server.command("FLUSHALL")

        def answer(submission: Submission, summary: Said = summary) -> Said:
            return summary if "Result 1" in last_message(submission) else echo(submission)

        async with stored(redis_server.url) as store, deployment(store, graph, answer) as (made, nursery):
            await made.start("p_1", nursery)
            turn = await made.ended()
            assert turn.stage is stage
            if stage is TurnStage.COMPLETED:
                assert await message_of(made) == "one"
                assert made.model.calls[-1].request_id == f"turn_{CONVERSATION}_1.summary.1"
            else:
                assert turn.why is Reason.NOT_SUMMED_UP


def has_run(task: int) -> Callable[[Turn], bool]:
    return lambda turn: turn.plan is not None and turn.plan.tasks[task].stage is TaskStage.COMPLETED


@pytest.mark.parametrize(
    "stage", [TaskStage.RUNNING, TaskStage.VALIDATING, TaskStage.REFINING, "SUMMARIZING", "PLANNING"]
)
async def test_a_process_killed_in_any_stage_is_followed_by_another_one(
    redis_server: RedisServer, stage: str
) -> None:
    hangs = {"RUNNING": "do a", "VALIDATING": "judge a", "REFINING": "judgement", "SUMMARIZING": "Result 1"}
    graph = Graph((worker("a"), critic("a"), worker("b")), summarize=True)
    killed = False

    def answer(submission: Submission) -> Said:
        asked = last_message(submission)
        if not killed and stage != "PLANNING" and hangs[stage] in asked:
            return None
        if asked.startswith("judge a"):
            is_first = not any("judgement" in last_message(call) for call in made.model.calls)
            return '{"pass": false, "feedback": "more"}' if is_first else '{"pass": true}'
        return echo(submission)

    async with stored(redis_server.url) as store, deployment(store, graph, answer) as (made, nursery):
        planner = made.planner
        if stage == "PLANNING":
            made.planner, made.model.answer = AskingPlanner(), lambda _: None
        await made.start("p_1", nursery)
        await until_called(made, hangs.get(stage))
        if stage != "PLANNING":  # the other branch is over, so that one attempt is lost at most
            await made.until(has_run(2))
        made.kill("p_1")
        killed, made.planner, made.model.answer = True, planner, answer
        await made.start("p_2", nursery)
        turn = await made.ended()
        assert (turn.stage, turn.owner, turn.attempt) == (TurnStage.COMPLETED, "p_2", 2)
        events = [event for _, event in await made.conversations.events(CONVERSATION)]
        assert len(
            {(event.task, event.attempt) for event in events if hasattr(event, "lease_until_ms")}
        ) == sum(hasattr(event, "lease_until_ms") for event in events)
        lost = [
            one for task in turn.plan.tasks for one in task.executions if one.status is ExecutionStatus.LOST
        ]  # type: ignore[union-attr]
        assert len(lost) == (stage not in {"SUMMARIZING", "PLANNING"})
        assert made.faults == []


async def until_called(made: Deployment, word: str | None) -> None:
    async def called() -> bool:
        calls = made.model.calls
        return any(word is None or word in last_message(call) for call in calls)

    await until(called)


async def test_a_turn_of_a_living_process_is_left_to_it_unless_it_has_stalled(
    redis_server: RedisServer,
) -> None:
    async with (
        stored(redis_server.url) as store,
        deployment(store, ONE, lambda _: None, stall_s=0.5) as (made, nursery),
    ):
        await tell(made.conversations, 1, TakeTurn(at_ms=2, owner=OWNER))
        await made.start("p_2", nursery)
        turn = await made.ended()
        assert (turn.owner, turn.why) == (OWNER, Reason.STALLED)


async def test_a_planner_fault_fails_the_turn_with_a_message_and_its_reason_is_kept(
    redis_server: RedisServer,
) -> None:
    for said, why in (
        ("words", "words"),
        (EndReason.UPSTREAM_ERROR, "the model gave no answer (upstream_error)"),
    ):
        redis_server.command("FLUSHALL")
        async with (
            stored(redis_server.url) as store,
            deployment(store, ONE, lambda _, said=said: said) as (made, nursery),  # type: ignore[misc]
        ):
            made.planner = AskingPlanner()
            await made.start("p_1", nursery)
            turn = await made.ended()
            assert (turn.stage, turn.why, turn.plan) == (TurnStage.FAILED, Reason.PLANNER_FAULT, None)
            assert "no plan could be made" in await message_of(made)
            kept = await made.conversations.look(CONVERSATION, fields=[fault_field(1)])
            assert kept.content[fault_field(1)].decode() == why
            assert made.faults == []


@frozen
class LatePlanner:
    """Drafts a plan, and does not give it before something has happened."""

    planning: Planning
    happens: Callable[[], Awaitable[object]]
    stood: bool
    """Whether the draft of its plan is there already."""

    async def plan(self, owner: Digest, words: TurnWords, ask: Ask) -> MadePlan:
        made = await self.planning.plan(owner, words, ask)
        assert (made.new_draft is None) == self.stood
        with trio.CancelScope(shield=True):
            await self.happens()
        return made

    async def withdraw(self, owner: Digest, plan: MadePlan) -> None:
        await self.planning.withdraw(owner, plan)


@pytest.mark.parametrize("stood", [False, True])
async def test_the_draft_of_a_turn_that_is_cancelled_meanwhile_goes_unless_it_stood_before(
    redis_server: RedisServer, *, stood: bool
) -> None:
    async with stored(redis_server.url) as store, deployment(store, ONE, drafted) as (made, nursery):
        workflows = store.workflows(SHARDS, 0)
        planning = Planning(workflows=workflows, agents=agents_by_key(()), clock=SystemClock(), drafts=True)
        cancel = partial(tell, made.conversations, 1, StopTurn(at_ms=9, why=Reason.CANCELLED))
        made.planner = LatePlanner(planning, cancel, stood)
        if stood:
            await workflows.keep_draft(OWNED_BY, ONE, SourceType.AUTO_MISS_ROOT, 1)
        await made.start("p_1", nursery)
        assert (await made.ended()).plan is None

        async def is_settled() -> bool:
            return len(await workflows.drafts(OWNED_BY, 0, 9, 2)) == stood

        await until(is_settled)
        assert len(made.model.calls) == 1
        assert made.faults == []


async def test_a_draft_stays_that_another_process_s_plan_of_the_turn_names(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, deployment(store, ONE, drafted) as (made, _):
        workflows = store.workflows(SHARDS, 0)
        planning = Planning(workflows=workflows, agents=agents_by_key(()), clock=SystemClock(), drafts=True)

        async def is_planned_elsewhere() -> None:
            (draft,) = await workflows.drafts(OWNED_BY, 0, 9, 2)
            route = RouteTaken(
                route_type="DRAFT", source_type="AUTO_MISS_ROOT", draft_id=draft.draft_id, tries=3
            )
            task = PlannedTask(type=WORKER, agent_key="assistant")
            take = TakeTurn(at_ms=9, owner=OWNER)
            record = RecordPlan(at_ms=9, owner=OWNER, route=route, tasks=(task,))
            await tell(made.conversations, 1, take, record, StopTurn(at_ms=9, why=Reason.CANCELLED))

        made.planner = LatePlanner(planning, is_planned_elsewhere, stood=False)
        async with trio.open_nursery() as process:
            await made.start("p_1", process)
            turn = await made.ended()
            made.kill("p_1")
        assert turn.plan is not None
        assert len(await workflows.drafts(OWNED_BY, 0, 9, 2)) == 1
        assert made.faults == []


def drafted(_: Submission) -> Said:
    """The model's draft of one task."""
    return msgspec.json.encode(ONE.as_json()).decode()


async def test_a_fault_of_ours_fails_its_turn_and_nothing_else(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, deployment(store, ONE, echo) as (made, nursery):
        made.planner = BrokenPlanner()
        await made.start("p_1", nursery)
        assert (await made.ended()).why is Reason.ADAPTER_FAULT
        assert made.faults


async def test_a_cancelled_turn_s_call_is_given_up_and_the_next_turn_begins(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store, deployment(store, ONE, lambda _: None) as (made, nursery):
        executor = await made.start("p_1", nursery)
        await say(made.conversations)
        await until_called(made, None)
        await tell(made.conversations, 1, StopTurn(at_ms=9, why=Reason.CANCELLED))
        made.model.answer = echo
        executor.stir(made.conversations.shard(CONVERSATION))
        assert (await made.ended(2)).stage is TurnStage.COMPLETED
        assert made.model.aborts == ["hung_up"]


async def test_open_turns_whose_list_was_damaged_are_found_again(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, deployment(store, ONE, echo) as (made, nursery):
        redis_server.command("SET", store.keys.conversing(made.conversations.shard(CONVERSATION)), "junk")
        await made.start("p_1", nursery)
        assert (await made.ended()).stage is TurnStage.COMPLETED


async def test_entries_that_lead_to_nothing_are_removed(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, deployment(store, ONE, echo) as (made, nursery):
        shard = made.conversations.shard(CONVERSATION)
        for word in (f"{CONVERSATION}:9", f"{'0' * 32}:1"):
            redis_server.command("HSET", store.keys.conversing(shard), word, "")
        await made.start("p_1", nursery)
        await made.ended()

        async def none_left() -> bool:
            return not redis_server.command("HKEYS", store.keys.conversing(shard))

        await until(none_left)


async def test_a_call_that_this_deployment_could_not_make_is_made_again(redis_server: RedisServer) -> None:
    said: list[Said] = [StoreUnavailable(), "at last"]
    async with (
        stored(redis_server.url) as store,
        deployment(store, ONE, lambda _: said.pop(0)) as (made, nursery),
    ):
        await made.start("p_1", nursery)
        await made.ended()
        (task,) = (await made.plan()).tasks
        assert [(one.status, one.error_type) for one in task.executions] == [
            (ExecutionStatus.LOST, "unavailable"),
            (ExecutionStatus.COMPLETED, None),
        ]

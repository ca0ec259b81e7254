"""A model behind a `Dispatch`, and executors of conversations over it: for tests that need neither site nor worker."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
from attrs import define, field, frozen
from kept_conversations import CONVERSATION, SHARDS, begin, opened, say
from whole_system import until

from mix2api.clock import SystemClock
from mix2api.conversations.agents import agents_by_key
from mix2api.conversations.content import TurnWords
from mix2api.conversations.events import RouteTaken
from mix2api.conversations.graph import Graph
from mix2api.conversations.state import Plan, Turn
from mix2api.errors import StoreUnavailable
from mix2api.events.kinds import Usage
from mix2api.execution.executor import Executor
from mix2api.execution.model_calls import ModelCalls
from mix2api.execution.options import ExecutionOptions
from mix2api.execution.parts import ExecutionParts
from mix2api.execution.planning import Ask, MadePlan, Planner, PlannerFault
from mix2api.identity import Mint
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.sites import Site, Sites
from mix2api.sessions.worker_port import Accepted, Ended, Submission, TextDelta
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.conversations import Conversations
from mix2api.store.store import Store
from mix2api.vocabulary import Detail, Digest, EndReason, ProcessId, Receipt, Shard
from mix2api.wire.turn import Message

_LIMIT_S = 480
"""A guard against hanging: the largest run takes minutes."""
USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
Said = str | EndReason | StoreUnavailable | None
"""An answer, why there is none, a refusal, or None for a call that never ends."""


def last_message(submission: Submission) -> str:
    """What the model is asked last."""
    return str(submission.turn.messages[-1].content)


@define
class ScriptedModel:
    """Answers calls as it is told to."""

    answer: Callable[[Submission], Said]
    calls: list[Submission] = field(factory=list)
    aborts: list[Detail] = field(factory=list)
    receipts: list[Receipt] = field(factory=list)

    async def submit(self, submission: Submission) -> ReplyReader:
        await trio.lowlevel.checkpoint()
        self.calls.append(submission)
        said = self.answer(submission)
        if isinstance(said, StoreUnavailable):
            raise said
        replies = ReplyBuffer()
        replies.put([Accepted(session_id="s", resolution="fresh", reason="new")])
        if isinstance(said, str) and not isinstance(said, EndReason):
            replies.put([TextDelta(said), Ended(end_reason=EndReason.STOP, usage=USAGE)])
        elif said is not None:
            replies.put([Ended(end_reason=said, message="no")])
        return ReplyReader(replies, self.aborts.append, lambda receipt, *_: self.receipts.append(receipt))


class NoDrafts:
    """A planner that writes no drafts."""

    async def withdraw(self, owner: Digest, plan: MadePlan) -> None:
        """There is nothing to withdraw."""


@frozen
class GivenPlan(NoDrafts):
    """A planner that always makes the same plan."""

    graph: Graph

    async def plan(self, owner: Digest, words: TurnWords, ask: Ask) -> MadePlan:
        del owner, ask
        await trio.lowlevel.checkpoint()
        route = RouteTaken(route_type="DRAFT", source_type="AUTO_MISS_ROOT")
        return MadePlan(graph=self.graph, route=route, context={"message": words.message})


@frozen
class AskingPlanner(NoDrafts):
    """A planner that asks the model once, and can make nothing of the answer."""

    async def plan(self, owner: Digest, words: TurnWords, ask: Ask) -> MadePlan:
        del owner
        raise PlannerFault(await ask([Message(role="user", content=words.message)], 1))


@frozen
class BrokenPlanner(NoDrafts):
    """A planner with a fault of ours."""

    async def plan(self, owner: Digest, words: TurnWords, ask: Ask) -> MadePlan:
        del owner, words, ask
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError


@frozen
class Shards:
    """All shards are held."""

    held: frozenset[Shard] = frozenset(Shard(number) for number in range(SHARDS))


@define(kw_only=True)
class Deployment:
    """Executors of several processes over one store. A process lives until it is killed."""

    store: Store
    model: ScriptedModel
    planner: Planner
    options: ExecutionOptions
    faults: list[BaseException] = field(factory=list)
    gone: set[ProcessId] = field(factory=set)
    _scopes: dict[ProcessId, trio.CancelScope] = field(factory=dict)

    @property
    def conversations(self) -> Conversations:
        return opened(self.store)

    @property
    def index(self) -> ConversationIndex:
        return self.store.conversation_index(0)

    async def start(self, name: str, nursery: trio.Nursery) -> Executor:
        """One more process."""
        process, seal = ProcessId(name), self.store.seal
        calls = ModelCalls(
            dispatch=self.model,
            process=process,
            mint=Mint(seal, SystemClock()),
            seal=seal,
            sites=Sites.single(Site(digest=Digest("d"))),
            slots=trio.CapacityLimiter(self.options.calls),
        )
        executor = Executor(
            parts=ExecutionParts(
                store=self.conversations,
                calls=calls,
                options=self.options,
                planner=self.planner,
                agents=agents_by_key(()),
                process=process,
                clock=SystemClock(),
            ),
            index=self.index,
            leases=Shards(),
            is_gone=self._is_gone,
            on_fault=lambda _, fault: self.faults.append(fault),
        )

        async def live(*, task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope() as self._scopes[process]:
                task_status.started()
                await executor.run()

        await nursery.start(live)
        return executor

    def kill(self, name: str) -> None:
        """A process ends in the middle of whatever it does."""
        self._scopes[ProcessId(name)].cancel()
        self.gone.add(ProcessId(name))

    async def _is_gone(self, process: ProcessId) -> bool:
        await trio.lowlevel.checkpoint()
        return process in self.gone

    async def turn(self, number: int = 1) -> Turn:
        """A turn as it stands."""
        return (await self.conversations.look(CONVERSATION, [number])).turns[number]

    async def plan(self, number: int = 1) -> Plan:
        """Its plan."""
        plan = (await self.turn(number)).plan
        assert plan is not None
        return plan

    async def until(self, holds: Callable[[Turn], bool], number: int = 1) -> Turn:
        """The turn, once something is true of it."""

        async def is_so() -> bool:
            looked = await self.conversations.look(CONVERSATION, [number])
            return number in looked.turns and holds(looked.turns[number])

        await until(is_so)
        return await self.turn(number)

    async def ended(self, number: int = 1) -> Turn:
        """The turn, once it has ended."""
        return await self.until(lambda turn: turn.has_ended, number)


def options(**more: float) -> ExecutionOptions:
    """Limits of the tests: a sweep every 20 ms."""
    values = {"parallel": 4, "calls": 8, "call_timeout_s": 30.0, "stall_s": 60.0, "sweep_s": 0.02, **more}
    return ExecutionOptions(model="mix/known", **values)  # type: ignore[arg-type]


@asynccontextmanager
async def deployment(
    store: Store, graph: Graph, answer: Callable[[Submission], Said], **more: float
) -> AsyncIterator[tuple[Deployment, trio.Nursery]]:
    """A deployment with one message in it, and no process yet."""
    made = Deployment(
        store=store, model=ScriptedModel(answer), planner=GivenPlan(graph), options=options(**more)
    )
    await begin(made.conversations)
    await say(made.conversations)
    with trio.fail_after(_LIMIT_S):
        async with trio.open_nursery() as nursery:
            yield made, nursery
            nursery.cancel_scope.cancel()

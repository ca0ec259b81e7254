"""Turns of conversations in the making, for tests of the pure rules: each step decides, applies, and gives what stands then."""

from functools import reduce

from attrs import define, field

from mix2api.conversations.commands import (
    AcceptTurn,
    BeginPlanning,
    ClaimTask,
    CreateSession,
    RecordExecution,
    RecordPlan,
    TakeTurn,
    TurnCommand,
    Verdict,
)
from mix2api.conversations.decide import accept, create, decide
from mix2api.conversations.events import ConversationEvent, PlannedTask, RouteTaken
from mix2api.conversations.evolve import Pair, evolve
from mix2api.conversations.graph import NodeType
from mix2api.conversations.state import Plan, Task, Turn
from mix2api.conversations.states import ExecutionStatus, Reason, TaskStage
from mix2api.vocabulary import Digest, ProcessId, RequestId

OWNER = ProcessId("p_1")
OTHER = ProcessId("p_2")
ROUTE = RouteTaken(route_type="AUTO_MISS_FALLBACK", source_type="AUTO_MISS_FALLBACK")


def worker(*depends: int) -> PlannedTask:
    """A WORKER that waits for these tasks."""
    return PlannedTask(type=NodeType.WORKER, agent_key="assistant", depends=depends)


def critic(target: int, max_refine: int = 2) -> PlannedTask:
    """The CRITIC of a task."""
    return PlannedTask(
        type=NodeType.CRITIC, agent_key="assistant", depends=(target,), target=target, max_refine=max_refine
    )


@define
class TurnInTheMaking:
    """One session with one turn."""

    pair: Pair = field(factory=Pair)
    events: list[ConversationEvent] = field(factory=list)
    at_ms: int = 1000

    @classmethod
    def accepted(cls) -> "TurnInTheMaking":
        """A turn that nobody works at."""
        made = cls()
        made.apply(create(made.pair.session, CreateSession(at_ms=1, owner=Digest("o"), user=Digest("u"))))
        made.apply(accept(made.pair.session, AcceptTurn(at_ms=2)))
        return made

    @classmethod
    def planned(cls, *tasks: PlannedTask, summarize: bool = False) -> "TurnInTheMaking":
        """A turn with this plan, at which `OWNER` works."""
        made = cls.accepted()
        made.tell(TakeTurn(at_ms=3, owner=OWNER))
        made.tell(BeginPlanning(at_ms=4, owner=OWNER))
        made.tell(RecordPlan(at_ms=5, owner=OWNER, route=ROUTE, tasks=tasks, summarize=summarize))
        return made

    @property
    def turn(self) -> Turn:
        assert self.pair.turn is not None
        return self.pair.turn

    @property
    def plan(self) -> Plan:
        assert self.turn.plan is not None
        return self.turn.plan

    @property
    def stages(self) -> list[str]:
        """Of the tasks."""
        return [task.stage.value for task in self.plan.tasks]

    def apply(self, events: tuple[ConversationEvent, ...]) -> tuple[ConversationEvent, ...]:
        """Applies events, and gives them."""
        self.pair = reduce(evolve, events, self.pair)
        self.events += events
        return events

    def tell(self, command: TurnCommand) -> tuple[ConversationEvent, ...]:
        """Tells a command; gives what followed from it. A repeat has no effect."""
        events = self.apply(decide(self.pair, command))
        if not isinstance(command, TakeTurn):
            assert decide(self.pair, command) == ()
        return events

    def claim(self, task: int, owner: ProcessId = OWNER) -> tuple[ConversationEvent, ...]:
        """An attempt at a task begins."""
        self.at_ms += 1
        return self.tell(
            ClaimTask(
                at_ms=self.at_ms,
                owner=owner,
                task=task,
                lease_until_ms=self.at_ms + 100,
                request_id=RequestId("req_1"),
                model="m",
            )
        )

    def end(
        self,
        task: int,
        status: ExecutionStatus = ExecutionStatus.COMPLETED,
        *,
        verdict: Verdict = Verdict.PASSED,
        why: Reason = Reason.CALL_FAILED,
        owner: ProcessId = OWNER,
    ) -> tuple[ConversationEvent, ...]:
        """The attempt under way ends."""
        self.at_ms += 1
        return self.tell(
            RecordExecution(
                at_ms=self.at_ms,
                owner=owner,
                task=task,
                attempt=self.task(task).attempt,
                status=status,
                verdict=verdict,
                why=why,
                error_type=None if status is ExecutionStatus.COMPLETED else "upstream_error",
            )
        )

    def run(self, task: int, status: ExecutionStatus = ExecutionStatus.COMPLETED, **more: object) -> None:
        """An attempt begins and ends."""
        assert self.claim(task)
        assert self.end(task, status, **more)  # type: ignore[arg-type]

    def task(self, number: int) -> Task:
        return self.plan.tasks[number]

    def ready(self) -> list[int]:
        """The tasks that may be claimed."""
        may = {TaskStage.READY, TaskStage.REFINING}
        return [number for number, task in enumerate(self.plan.tasks) if task.stage in may]

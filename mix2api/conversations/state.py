"""What a conversation's session and its turns are at one moment: folds of the log. `evolve` alone makes new ones.

A session's state has no history: its size does not grow with the number of its turns. A turn's state has the turn's plan,
tasks and executions.
"""

from typing import Final

from msgspec import Struct

from mix2api.conversations.events import RouteTaken
from mix2api.conversations.graph import Edge, Graph, Node, NodeType
from mix2api.conversations.states import (
    TASK_ENDS,
    TURN_ENDS,
    ExecutionStatus,
    PlanStage,
    Reason,
    TaskStage,
    TurnStage,
)
from mix2api.events.kinds import Usage
from mix2api.vocabulary import Digest, ProcessId, RequestId, RunId


class Session(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation, without its turns."""

    version: int = 0
    """Events that have changed it. 0: it does not exist."""
    owner: Digest = Digest("")
    user: Digest = Digest("")
    created_ms: int = 0
    updated_ms: int = 0
    turns: int = 0
    """Turns accepted so far; the last one has this number."""
    plans: int = 0
    """Plans made so far."""
    open: tuple[int, ...] = ()
    """Turns without an end, the oldest first. The first one runs; the others wait for it."""

    @property
    def active(self) -> int | None:
        """The turn that may run now."""
        return self.open[0] if self.open else None


class Execution(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt at a task."""

    attempt: int
    owner: ProcessId
    started_ms: int
    lease_until_ms: int
    request_id: RequestId
    model: str
    status: ExecutionStatus = ExecutionStatus.RUNNING
    ended_ms: int | None = None
    error_type: str | None = None
    run_id: RunId | None = None
    usage: Usage | None = None


class Task(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task."""

    type: NodeType
    agent_key: str
    stage: TaskStage = TaskStage.PENDING
    depends: tuple[int, ...] = ()
    target: int | None = None
    max_refine: int = 0
    refinements: int = 0
    """How often its CRITIC has sent it back."""
    timeouts: int = 0
    """Calls of the round under way that timed out: one is repeated."""
    why: Reason | None = None
    created_ms: int = 0
    updated_ms: int = 0
    executions: tuple[Execution, ...] = ()

    @property
    def running(self) -> Execution | None:
        """The attempt under way."""
        if self.stage is not TaskStage.RUNNING:
            return None
        return self.executions[-1]

    @property
    def attempt(self) -> int:
        """Of the last claim; 0 before the first one."""
        return self.executions[-1].attempt if self.executions else 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.stage in TASK_ENDS


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A turn's plan."""

    number: int
    stage: PlanStage
    route: RouteTaken
    created_ms: int
    updated_ms: int
    tasks: tuple[Task, ...]
    summarize: bool = False

    @property
    def graph(self) -> Graph:
        """The graph without its content. Nodes are named by their numbers: `0`, `1` …."""
        nodes = tuple(
            Node(
                id=str(number),
                type=task.type,
                agent_key=task.agent_key,
                input="",
                target=None if task.target is None else str(task.target),
                max_refine=task.max_refine,
            )
            for number, task in enumerate(self.tasks)
        )
        edges = tuple(
            Edge(str(before), str(after)) for after, task in enumerate(self.tasks) for before in task.depends
        )
        return Graph(nodes, edges, self.summarize)

    def critic_of(self, number: int) -> int | None:
        """The CRITIC of a task; None where it has none."""
        return next((critic for critic, task in enumerate(self.tasks) if task.target == number), None)


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One turn."""

    number: int
    version: int = 1
    """Events that have changed it."""
    stage: TurnStage = TurnStage.CREATED
    created_ms: int
    updated_ms: int
    owner: ProcessId | None = None
    """The process that works at it, or did last."""
    attempt: int = 0
    why: Reason | None = None
    plan: Plan | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.stage in TURN_ENDS


NOTHING: Final = Session()
"""Before the first event."""

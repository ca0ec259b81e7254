"""The stages of turns, plans and tasks, and the three tables of their transitions, as data.

`docs/conversations.md` and `evolve` derive from the tables. A trigger without a row for its stage is illegal: `decide` never
makes one, and a log that holds one is unreadable.
"""

from enum import StrEnum
from typing import Final


class TurnStage(StrEnum):
    """Where a turn stands. It has an end once it is COMPLETED, FAILED or CANCELLED."""

    CREATED = "CREATED"
    """Accepted. It waits for the session's earlier turns, or for a worker."""
    PLANNING = "PLANNING"
    EXECUTING = "EXECUTING"
    """Its plan stands, and its tasks run."""
    SUMMARIZING = "SUMMARIZING"
    """Its tasks have ended well, and its message is made of their outputs."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class PlanStage(StrEnum):
    """Where a plan stands."""

    PLANNING = "PLANNING"
    """It is being made. Nobody sees it in this stage: plan and tasks appear together."""
    READY = "READY"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TaskStage(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    """It waits for other tasks."""
    READY = "READY"
    """It waits for a worker."""
    RUNNING = "RUNNING"
    VALIDATING = "VALIDATING"
    """It has an output, which its CRITIC has to judge."""
    REFINING = "REFINING"
    """Its CRITIC has sent it back."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class TurnTrigger(StrEnum):
    """What moves a turn."""

    PLANNED = "planned"
    """A worker begins to plan."""
    MADE = "made"
    """The plan stands."""
    FINISHED = "finished"
    """All tasks have ended well."""
    ANSWERED = "answered"
    """The message is there."""
    FAILED = "failed"
    CANCELLED = "cancelled"


class PlanTrigger(StrEnum):
    """What moves a plan."""

    MADE = "made"
    BEGUN = "begun"
    """The first task was claimed."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskTrigger(StrEnum):
    """What moves a task."""

    READY = "ready"
    """All that it waits for is there."""
    CLAIMED = "claimed"
    RELEASED = "released"
    """Its call timed out for the first time, or its worker was lost: it runs once more."""
    ANSWERED = "answered"
    """It has an output that a CRITIC has to judge."""
    SENT_BACK = "sent_back"
    """A WORKER: its CRITIC does not let it pass. A CRITIC: it waits for the refined output."""
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """What it waits for was lost, or its turn ended."""


TURN_ENDS: Final = frozenset({TurnStage.COMPLETED, TurnStage.FAILED, TurnStage.CANCELLED})
PLAN_ENDS: Final = frozenset({PlanStage.COMPLETED, PlanStage.FAILED, PlanStage.CANCELLED})
TASK_ENDS: Final = frozenset({TaskStage.COMPLETED, TaskStage.FAILED, TaskStage.SKIPPED})

_OPEN_TURN: Final = (TurnStage.CREATED, TurnStage.PLANNING, TurnStage.EXECUTING, TurnStage.SUMMARIZING)
_OPEN_PLAN: Final = (PlanStage.READY, PlanStage.RUNNING)
_OPEN_TASK: Final = (
    *(TaskStage.PENDING, TaskStage.READY, TaskStage.RUNNING),
    *(TaskStage.VALIDATING, TaskStage.REFINING),
)

TURNS: Final[dict[tuple[TurnStage, TurnTrigger], TurnStage]] = {
    (TurnStage.CREATED, TurnTrigger.PLANNED): TurnStage.PLANNING,
    (TurnStage.PLANNING, TurnTrigger.MADE): TurnStage.EXECUTING,
    (TurnStage.EXECUTING, TurnTrigger.FINISHED): TurnStage.SUMMARIZING,
    (TurnStage.SUMMARIZING, TurnTrigger.ANSWERED): TurnStage.COMPLETED,
    **{(stage, TurnTrigger.FAILED): TurnStage.FAILED for stage in _OPEN_TURN},
    **{(stage, TurnTrigger.CANCELLED): TurnStage.CANCELLED for stage in _OPEN_TURN},
}
PLANS: Final[dict[tuple[PlanStage, PlanTrigger], PlanStage]] = {
    (PlanStage.PLANNING, PlanTrigger.MADE): PlanStage.READY,
    (PlanStage.READY, PlanTrigger.BEGUN): PlanStage.RUNNING,
    (PlanStage.RUNNING, PlanTrigger.COMPLETED): PlanStage.COMPLETED,
    **{(stage, PlanTrigger.FAILED): PlanStage.FAILED for stage in _OPEN_PLAN},
    **{(stage, PlanTrigger.CANCELLED): PlanStage.CANCELLED for stage in _OPEN_PLAN},
}
TASKS: Final[dict[tuple[TaskStage, TaskTrigger], TaskStage]] = {
    (TaskStage.PENDING, TaskTrigger.READY): TaskStage.READY,
    (TaskStage.READY, TaskTrigger.CLAIMED): TaskStage.RUNNING,
    (TaskStage.RUNNING, TaskTrigger.RELEASED): TaskStage.READY,
    (TaskStage.RUNNING, TaskTrigger.ANSWERED): TaskStage.VALIDATING,
    (TaskStage.RUNNING, TaskTrigger.COMPLETED): TaskStage.COMPLETED,
    (TaskStage.RUNNING, TaskTrigger.FAILED): TaskStage.FAILED,
    # A CRITIC that has sent its target back waits for it again.
    (TaskStage.RUNNING, TaskTrigger.SENT_BACK): TaskStage.PENDING,
    (TaskStage.VALIDATING, TaskTrigger.COMPLETED): TaskStage.COMPLETED,
    (TaskStage.VALIDATING, TaskTrigger.SENT_BACK): TaskStage.REFINING,
    (TaskStage.VALIDATING, TaskTrigger.FAILED): TaskStage.FAILED,
    (TaskStage.REFINING, TaskTrigger.CLAIMED): TaskStage.RUNNING,
    **{(stage, TaskTrigger.SKIPPED): TaskStage.SKIPPED for stage in _OPEN_TASK},
}


class ExecutionStatus(StrEnum):
    """What became of one attempt at a task."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    LOST = "LOST"
    """Its worker was lost: nobody knows how far it came."""
    CANCELLED = "CANCELLED"
    """Its turn ended before it did."""


class Reason(StrEnum):
    """Why a turn or a task ended as it did, where that was not well. Closed."""

    CALL_FAILED = "call_failed"
    """The model's call failed; the execution has the word of its run (`errorType`)."""
    TIMEOUT = "timeout"
    """The model's call took too long, and so did its repeat."""
    WORKER_LOST = "worker_lost"
    """The worker was lost: the task runs once more."""
    UPSTREAM_FAILED = "upstream_failed"
    """A task that it waits for failed or was skipped."""
    TASK_FAILED = "task_failed"
    """Of a turn: one of its tasks failed."""
    NOT_PASSED = "not_passed"
    """Its CRITIC sent it back as often as the graph allows."""
    UNREADABLE_VERDICT = "unreadable_verdict"
    """A CRITIC's answer is no verdict."""
    BAD_TEMPLATE = "bad_template"
    """The input of a node cannot be made."""
    PLANNER_FAULT = "planner_fault"
    NOT_SUMMED_UP = "not_summed_up"
    """The model gave no one message of the results, twice in a row."""
    TURN_ENDED = "turn_ended"
    """Of a task: its turn ended before it."""
    STALLED = "stalled"
    """The plan made no step for `MIX2API_CONVERSATIONS_STALL_S`."""
    CANCELLED = "cancelled"
    """By the caller."""
    INTERRUPTED = "interrupted"
    """By a newer message (`MIX2API_CONVERSATIONS_BUSY=interrupt`)."""
    DELETED = "deleted"
    """The session was deleted."""
    ADAPTER_FAULT = "adapter_fault"
    """A fault of ours."""

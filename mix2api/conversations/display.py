"""The name of a stage as people read it, apart from the stage itself: it says why, and no rule depends on it. Pure."""

from typing import Final

from mix2api.conversations.state import Task, Turn
from mix2api.conversations.states import Reason, TaskStage, TurnStage

_TASKS: Final = {
    (TaskStage.READY, Reason.TIMEOUT): "awaiting retry",
    (TaskStage.READY, Reason.UNREADABLE_VERDICT): "awaiting retry",
    (TaskStage.READY, Reason.WORKER_LOST): "crashed",
    (TaskStage.SKIPPED, Reason.UPSTREAM_FAILED): "upstream failed",
    (TaskStage.SKIPPED, Reason.TURN_ENDED): "cancelled",
    (TaskStage.FAILED, Reason.TIMEOUT): "timed out",
    (TaskStage.FAILED, Reason.NOT_PASSED): "not passed",
}
_TURNS: Final = {
    (TurnStage.FAILED, Reason.TIMEOUT): "timed out",
    (TurnStage.FAILED, Reason.STALLED): "stalled",
    (TurnStage.FAILED, Reason.PLANNER_FAULT): "not planned",
    (TurnStage.CANCELLED, Reason.INTERRUPTED): "interrupted",
}


def task_name(task: Task, now_ms: int) -> str:
    """Of a task. One that still runs after its lease is `late`."""
    running = task.running
    if running is not None and now_ms > running.lease_until_ms:
        return "late"
    return _TASKS.get((task.stage, task.why or Reason.CALL_FAILED)) or task.stage.value.lower()


def turn_name(turn: Turn, active: int | None) -> str:
    """Of a turn. One that waits for an earlier one is `queued`."""
    if turn.stage is TurnStage.CREATED and turn.number != active:
        return "queued"
    return _TURNS.get((turn.stage, turn.why or Reason.CALL_FAILED)) or turn.stage.value.lower()

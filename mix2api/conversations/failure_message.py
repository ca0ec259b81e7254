"""The assistant message of a turn that failed or was cancelled: what failed, and why. Pure."""

from collections.abc import Sequence
from typing import Final

from mix2api.conversations.state import Task, Turn
from mix2api.conversations.states import Reason, TaskStage

_TURNS: Final = {
    Reason.TIMEOUT: "The turn failed: the model took too long, twice in a row.",
    Reason.TASK_FAILED: "The turn failed because not all of its tasks could be completed.",
    Reason.PLANNER_FAULT: "The turn failed: no plan could be made for the message.",
    Reason.NOT_SUMMED_UP: "The turn failed: its results are there, but could not be summed up.",
    Reason.STALLED: "The turn failed: its plan made no step for too long.",
    Reason.CANCELLED: "The turn was cancelled.",
    Reason.INTERRUPTED: "The turn was cancelled, because a newer message came.",
    Reason.DELETED: "The turn was cancelled, because the session was deleted.",
    Reason.ADAPTER_FAULT: "The turn failed: this server made a mistake.",
}
_TASKS: Final = {
    Reason.CALL_FAILED: "the call of the model failed",
    Reason.TIMEOUT: "the model took too long, twice in a row",
    Reason.NOT_PASSED: "its critic did not let it pass, and it may not be refined any more",
    Reason.UNREADABLE_VERDICT: "its critic gave no verdict",
    Reason.BAD_TEMPLATE: "its input could not be made",
}


def failure_message(turn: Turn, names: Sequence[str]) -> str:
    """The message.

    Args:
        turn: has ended, and not well.
        names: ids of the graph's nodes, in the order of the tasks; empty where they are not at hand.
    """
    plan = turn.plan
    lines = [_TURNS[turn.why or Reason.TASK_FAILED]]
    for number, task in enumerate(() if plan is None else plan.tasks):
        if task.stage is TaskStage.FAILED:
            name = names[number] if number < len(names) else str(number + 1)
            lines.append(f"Task {name}: {_why(task)}.")
    return "\n".join(lines)


def _why(task: Task) -> str:
    words = _TASKS[task.why or Reason.CALL_FAILED]
    errors = [execution.error_type for execution in task.executions[-1:] if execution.error_type]
    return f"{words} ({errors[0]})" if errors and task.why is Reason.CALL_FAILED else words

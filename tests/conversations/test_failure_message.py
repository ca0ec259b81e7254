"""The message of a turn that did not end well."""

import pytest
from conversation_turns import TurnInTheMaking, worker

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.failure_message import failure_message
from mix2api.conversations.states import ExecutionStatus, Reason

ENDINGS = (
    *(Reason.STALLED, Reason.CANCELLED, Reason.INTERRUPTED, Reason.DELETED),
    *(Reason.PLANNER_FAULT, Reason.ADAPTER_FAULT, Reason.NOT_SUMMED_UP),
)


@pytest.mark.parametrize("why", ENDINGS)
def test_a_turn_without_a_plan_says_why_it_ended(why: Reason) -> None:
    made = TurnInTheMaking.accepted()
    made.tell(StopTurn(at_ms=9, why=why))
    assert failure_message(made.turn, ()).startswith("The turn ")


def test_failed_tasks_are_named_with_their_reasons() -> None:
    made = TurnInTheMaking.planned(worker(), worker(0), worker())
    made.run(0, ExecutionStatus.FAILED)
    made.run(2, ExecutionStatus.FAILED, why=Reason.BAD_TEMPLATE)
    told = failure_message(made.turn, ("draft", "review"))
    assert told.splitlines()[1:] == [
        "Task draft: the call of the model failed (upstream_error).",
        "Task 3: its input could not be made.",
    ]


def test_two_time_outs_are_told_as_such() -> None:
    made = TurnInTheMaking.planned(worker())
    made.run(0, ExecutionStatus.TIMED_OUT)
    made.run(0, ExecutionStatus.TIMED_OUT)
    told = failure_message(made.turn, ("draft",))
    assert told.splitlines()[1] == "Task draft: the model took too long, twice in a row."

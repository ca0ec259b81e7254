"""Names of stages as people read them."""

from conversation_turns import OTHER, TurnInTheMaking, worker

from mix2api.conversations.commands import StopTurn, TakeTurn
from mix2api.conversations.display import task_name, turn_name
from mix2api.conversations.states import ExecutionStatus, Reason


def test_a_task_s_name_says_why_it_stands_where_it_does() -> None:
    made = TurnInTheMaking.planned(worker(), worker(0))
    assert task_name(made.task(0), 0) == "ready"
    made.claim(0)
    assert task_name(made.task(0), made.at_ms) == "running"
    assert task_name(made.task(0), made.at_ms + 101) == "late"
    made.end(0, ExecutionStatus.TIMED_OUT)
    assert task_name(made.task(0), 0) == "awaiting retry"
    made.claim(0)
    made.tell(TakeTurn(at_ms=3000, owner=OTHER))
    assert task_name(made.task(0), 0) == "crashed"
    made.claim(0, OTHER)
    made.end(0, ExecutionStatus.FAILED, owner=OTHER)
    assert [task_name(task, 0) for task in made.plan.tasks] == ["failed", "upstream failed"]


def test_a_turn_s_name_says_that_it_waits_or_why_it_failed() -> None:
    made = TurnInTheMaking.accepted()
    assert turn_name(made.turn, active=1) == "created"
    assert turn_name(made.turn, active=None) == "queued"
    made.tell(StopTurn(at_ms=9, why=Reason.STALLED))
    assert turn_name(made.turn, active=None) == "stalled"

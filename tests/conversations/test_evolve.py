"""What events make of sessions and turns; an event that cannot be is illegal."""

import pytest
from conversation_turns import OWNER, ROUTE, TurnInTheMaking, critic, worker

from mix2api.conversations.commands import RecordAnswer, TakeTurn, Verdict
from mix2api.conversations.events import (
    ConversationEvent,
    ExecutionEnded,
    PlanMade,
    PlanMoved,
    SessionCreated,
    TaskClaimed,
    TaskMoved,
    TurnCreated,
    TurnMoved,
    TurnTaken,
)
from mix2api.conversations.evolve import IllegalEvent, Pair, evolve, fold
from mix2api.conversations.states import ExecutionStatus, PlanTrigger, TaskTrigger, TurnTrigger
from mix2api.vocabulary import Digest, RequestId

CREATED = SessionCreated(at_ms=1, owner=Digest("o"), user=Digest("u"))


def claim(task: int = 0, attempt: int = 1) -> TaskClaimed:
    return TaskClaimed(
        turn=1,
        at_ms=9,
        task=task,
        attempt=attempt,
        owner=OWNER,
        lease_until_ms=10,
        request_id=RequestId("r"),
        model="m",
    )


def test_a_log_folds_to_what_its_events_made_one_by_one() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0))
    made.run(0)
    made.run(1, verdict=Verdict.REFUSED)
    made.claim(0)
    made.tell(TakeTurn(at_ms=5000, owner=OWNER))
    made.run(0)
    made.run(1)
    made.tell(RecordAnswer(at_ms=9000, owner=OWNER))
    assert fold(made.events) == (made.pair.session, {1: made.turn})
    assert made.turn.version == len(made.events) - 1  # the session's own first event
    assert made.pair.session.version == 4  # created, a turn, its plan, its end


def test_states_say_how_far_a_turn_has_come() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0))
    assert (made.turn.has_ended, made.task(0).has_ended, made.task(0).attempt) == (False, False, 0)
    assert made.plan.critic_of(0) == 1
    assert made.plan.critic_of(1) is None
    assert made.pair.session.active == 1
    made.run(0, ExecutionStatus.FAILED)
    assert (made.turn.has_ended, made.task(0).has_ended, made.task(0).running) == (True, True, None)
    assert made.pair.session.active is None


@pytest.mark.parametrize(
    "event",
    [
        CREATED,
        TurnCreated(turn=3, at_ms=9),
        TurnTaken(turn=2, at_ms=9, owner=OWNER, attempt=1),
        TurnMoved(turn=1, at_ms=9, trigger=TurnTrigger.ANSWERED),
        PlanMade(turn=1, at_ms=9, plan=2, route=ROUTE, tasks=()),
        PlanMoved(turn=1, at_ms=9, trigger=PlanTrigger.MADE),
        TaskMoved(turn=1, at_ms=9, task=0, trigger=TaskTrigger.COMPLETED),
        TaskMoved(turn=1, at_ms=9, task=1, trigger=TaskTrigger.FAILED),
        claim(attempt=2),
        ExecutionEnded(turn=1, at_ms=9, task=0, attempt=1, status=ExecutionStatus.COMPLETED),
    ],
)
def test_what_cannot_be_is_illegal(event: ConversationEvent) -> None:
    with pytest.raises(IllegalEvent):
        evolve(TurnInTheMaking.planned(worker()).pair, event)


def test_nothing_comes_before_the_session_or_before_the_plan() -> None:
    with pytest.raises(IllegalEvent):
        evolve(Pair(), TurnCreated(turn=1, at_ms=1))
    with pytest.raises(IllegalEvent):
        evolve(TurnInTheMaking.accepted().pair, claim())

"""The effects that a turn asks for, by how far it has come."""

from conversation_turns import OWNER, TurnInTheMaking, critic, worker

from mix2api.conversations.commands import BeginPlanning, StopTurn, TakeTurn, Verdict
from mix2api.conversations.evolve import Pair
from mix2api.conversations.pending import MakeAnswer, MakePlan, RunTask, pending
from mix2api.conversations.states import Reason


def test_an_accepted_turn_needs_a_plan_until_it_has_one() -> None:
    made = TurnInTheMaking.accepted()
    assert pending(made.pair) == (MakePlan(),)
    made.tell(TakeTurn(at_ms=3, owner=OWNER))
    made.tell(BeginPlanning(at_ms=4, owner=OWNER))
    assert pending(made.pair) == (MakePlan(),)


def test_tasks_that_may_be_claimed_are_to_be_run() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0), worker())
    assert pending(made.pair) == (RunTask(0), RunTask(2))
    made.claim(2)
    made.run(0)
    assert pending(made.pair) == (RunTask(1),)
    made.run(1, verdict=Verdict.REFUSED)
    assert pending(made.pair) == (RunTask(0),)


def test_the_message_is_made_once_all_tasks_have_ended() -> None:
    made = TurnInTheMaking.planned(worker())
    made.run(0)
    assert pending(made.pair) == (MakeAnswer(),)


def test_nothing_is_to_be_done_for_a_turn_that_waits_has_ended_or_does_not_exist() -> None:
    made = TurnInTheMaking.accepted()
    assert pending(Pair(made.pair.session)) == ()
    made.tell(StopTurn(at_ms=9, why=Reason.CANCELLED))
    assert pending(made.pair) == ()

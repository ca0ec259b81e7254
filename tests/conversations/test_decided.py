"""A change of a turn, with the content that is kept with it."""

import msgspec
from conversation_turns import OTHER, OWNER, TurnInTheMaking, worker

from mix2api.conversations.commands import RecordAnswer, StopTurn, TakeTurn
from mix2api.conversations.content import AnswerWords, answer_field
from mix2api.conversations.decided import Decided, decided
from mix2api.conversations.evolve import Pair
from mix2api.conversations.states import Reason


def test_a_turn_that_is_stopped_gets_its_message_in_the_same_change() -> None:
    made = TurnInTheMaking.accepted()
    change = decided(made.pair, StopTurn(at_ms=9, why=Reason.CANCELLED), {"other": b"kept"})
    answer = msgspec.json.decode(change.content[answer_field(1)], type=AnswerWords)
    assert (answer.text, answer.at_ms) == ("The turn was cancelled.", 9)
    assert change.content["other"] == b"kept"


def test_a_turn_that_completes_or_goes_on_gets_no_message_but_the_given_one() -> None:
    made = TurnInTheMaking.planned(worker())
    assert decided(made.pair, TakeTurn(at_ms=9, owner=OTHER)).content == {}
    made.run(0)
    change = decided(made.pair, RecordAnswer(at_ms=9, owner=OWNER), {answer_field(1): b"given"})
    assert change.content == {answer_field(1): b"given"}


def test_without_events_nothing_is_kept() -> None:
    stop = StopTurn(at_ms=9, why=Reason.CANCELLED)
    assert decided(Pair(), stop, {"x": b"y"}) == Decided(())

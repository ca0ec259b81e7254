"""The audit of conversations."""

from conversation_turns import TurnInTheMaking, worker
from msgspec.structs import replace

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.events import TurnCreated
from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.projections.conversations import WRONG_MAX, ConversationAudit
from mix2api.vocabulary import Digest

ONE = Digest("1" * 32)


def failed() -> TurnInTheMaking:
    """A turn of two tasks, one of which has failed."""
    made = TurnInTheMaking.planned(worker(), worker(0))
    made.run(0, ExecutionStatus.FAILED)
    return made


def test_turns_plans_tasks_and_executions_are_counted_by_status() -> None:
    audit, made, open_turn = ConversationAudit(), failed(), TurnInTheMaking.accepted()
    audit.take(ONE, made.events, made.pair.session, {1: made.turn}, frozenset({1}))
    audit.take(ONE, open_turn.events, open_turn.pair.session, {1: open_turn.turn}, frozenset())
    assert audit.report() == {
        "conversations": 2,
        "turns": {"FAILED": 1, "CREATED": 1},
        "plans": {"FAILED": 1},
        "tasks": {"FAILED": 1, "SKIPPED": 1},
        "executions": {"FAILED": 1},
        "answers": 1,
        "wrong": 0,
        "wrongConversations": {},
    }


def test_a_log_that_cannot_be_and_states_that_it_does_not_say_are_wrong() -> None:
    audit, made = ConversationAudit(), failed()
    audit.take(ONE, [TurnCreated(turn=1, at_ms=1)], made.pair.session, {}, frozenset())
    assert "cannot be" in audit.wrong[ONE]
    other = replace(made.turn, version=99)
    audit.take(ONE, made.events, made.pair.session, {1: other}, frozenset({1}))
    assert "not what its log says" in audit.wrong[ONE]
    assert audit.wrong_count == 2


def test_an_ended_turn_has_one_message_and_an_open_one_has_none() -> None:
    audit, made, open_turn = ConversationAudit(), failed(), TurnInTheMaking.accepted()
    audit.take(ONE, made.events, made.pair.session, {1: made.turn}, frozenset())
    audit.take(ONE, open_turn.events, open_turn.pair.session, {1: open_turn.turn}, frozenset({1}))
    assert audit.wrong_count == 2
    open_turn.tell(StopTurn(at_ms=9, why=Reason.CANCELLED))
    audit.take(ONE, open_turn.events, open_turn.pair.session, {1: open_turn.turn}, frozenset({1}))
    assert audit.wrong_count == 2


def test_of_many_wrong_ones_the_first_are_named() -> None:
    audit = ConversationAudit()
    for number in range(WRONG_MAX + 5):
        audit.note(Digest(str(number)), "why")
    assert (audit.wrong_count, len(audit.wrong)) == (WRONG_MAX + 5, WRONG_MAX)

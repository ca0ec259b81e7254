"""Ids of turns, plans, tasks and messages."""

import pytest

from mix2api.conversations.ids import TurnRef, read_ref, read_task, read_turn
from mix2api.vocabulary import Digest

REF = TurnRef(Digest("0123456789abcdef" * 2), 12)


def test_an_id_leads_back_to_its_turn() -> None:
    assert read_ref(REF.turn_id, "turn") == REF
    assert read_ref(REF.plan_id, "plan") == REF
    assert read_task(REF.task_id(3)) == (REF, 3)
    assert REF.message_id("user") == f"msg_{REF.conversation}_12_user"


@pytest.mark.parametrize(
    "word", ["", "turn_x_1", REF.plan_id, f"turn_{REF.conversation}_0", REF.turn_id + "\n"]
)
def test_other_words_are_no_turn(word: str) -> None:
    assert read_ref(word, "turn") is None


@pytest.mark.parametrize("word", ["", REF.turn_id, f"task_{REF.conversation}_1_01"])
def test_other_words_are_no_task(word: str) -> None:
    assert read_task(word) is None


def test_ids_of_turns_plans_and_tasks_name_a_turn_and_ids_of_messages_none() -> None:
    assert {read_turn(word) for word in (REF.turn_id, REF.plan_id, REF.task_id(3))} == {REF}
    assert read_turn(REF.message_id("user")) is None

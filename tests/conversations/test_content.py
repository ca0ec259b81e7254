"""What a conversation says, as bytes."""

import pytest

from mix2api.conversations.content import (
    AnswerWords,
    PlanWords,
    SessionWords,
    TurnWords,
    answer_field,
    fault_field,
    feedback_field,
    output_field,
    plan_field,
    read_text,
    text_bytes,
    turn_field,
)


def test_each_thing_has_a_field_of_its_own() -> None:
    fields = [
        *(turn_field(1), plan_field(1), answer_field(1), fault_field(1)),
        *(output_field(1, 2), feedback_field(1, 2), output_field(12, 2)),
    ]
    assert len(set(fields)) == len(fields)


def test_a_text_is_read_as_it_was_written() -> None:
    assert read_text(text_bytes("ä\ud800")) == "ä\ud800"


@pytest.mark.parametrize(
    "words",
    [
        SessionWords(session_id="planted", user_id="planted", title="planted", meta_info={"planted": 1}),
        TurnWords(message="planted", extra_context={"planted": 1}),
        PlanWords(graph={"planted": 1}, context={}),
        AnswerWords(text="planted", at_ms=1),
    ],
)
def test_content_is_in_no_repr(words: object) -> None:
    assert "planted" not in repr(words)

"""Folded states as bytes."""

import pytest
from conversation_turns import TurnInTheMaking, critic, worker

from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.snapshots import read_session, read_turn, state_bytes, turn_state_field


def test_states_are_read_as_they_were_written_and_begin_with_their_version() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0))
    made.run(0)
    assert read_session(state_bytes(made.pair.session)) == made.pair.session
    assert read_turn(state_bytes(made.turn)) == made.turn
    assert state_bytes(made.turn).startswith(b"%d {" % made.turn.version)
    assert turn_state_field(2) == "turn:2"


@pytest.mark.parametrize("data", [b"", b"1 ", b'1 {"version":"x"}', b"1 {\xff}"])
def test_damage_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableConversation):
        read_session(data)
    with pytest.raises(UnreadableConversation):
        read_turn(data)

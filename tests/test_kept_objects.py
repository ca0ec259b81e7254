"""The search for what finished requests leave finds what it is meant to find."""

import gc

from actor_parts import submission
from kept_objects import kept, left_to_the_collector

from mix2api.actors.turns import PendingTurn
from mix2api.store.memory import MemoryEventLog
from mix2api.vocabulary import ProcessId


def test_a_turn_in_a_cycle_is_found_with_all_that_it_holds() -> None:
    gc.collect()
    gc.disable()
    try:
        before = kept()
        turn = PendingTurn(submission=submission(), deadline_ms=0, log=MemoryEventLog(ProcessId("p")))
        turn.run = turn
        del turn
        found = {"PendingTurn": 1, "ReplyBuffer": 1, "Submission": 1, "Turn": 1, "Message": 1}
        assert dict(kept() - before) == found
        assert set(left_to_the_collector()) >= {"PendingTurn", "Submission", "Turn"}
        assert not kept() - before
    finally:
        gc.enable()


def test_an_exception_that_holds_frames_is_found() -> None:
    before = kept()
    try:
        raise LookupError
    except LookupError as fault:
        held = fault
    assert dict(kept() - before) == {"LookupError": 1}
    del held

"""The effects that a state asks for."""

import pytest
from session_scripts import accept, chunk, good_run, state_after

from mix2api.sessions.pending import Effect, pending
from mix2api.sessions.state import RUNNING, VACANT, SessionState, Stage
from mix2api.vocabulary import ChunkKind


def test_an_accepted_run_wants_its_call_then_its_answer_then_its_end() -> None:
    assert pending(state_after([accept()])) is Effect.CALL_UPSTREAM
    assert pending(state_after([accept(), chunk(ChunkKind.OPEN)])) is Effect.READ_UPSTREAM
    assert pending(state_after(good_run()[:-1])) is Effect.WRITE_END


def test_between_turns_nothing_is_due() -> None:
    assert pending(VACANT) is None
    assert pending(state_after(good_run())) is None


@pytest.mark.parametrize("stage", Stage)
def test_something_is_due_exactly_while_a_run_is_under_way(stage: Stage) -> None:
    assert (pending(SessionState(stage=stage)) is not None) == (stage in RUNNING)

"""Where a session waits between its turns, as its events say: taken, put back, moved on, nowhere."""

import pytest
from msgspec.structs import replace
from session_scripts import RUN, accept, chunk, conclude, good_run, state_after

from mix2api.sessions.decide import RefusedCommand, decide
from mix2api.sessions.state import SessionState
from mix2api.vocabulary import ChunkKind, Detail, Digest, EndReason, RunId

FIRST, SECOND = (Digest("1" * 32),), (Digest("2" * 32), Digest("3" * 32))
NEXT = RunId("run_next")


def waiting() -> SessionState:
    """A session that answered a turn and waits."""
    *commands, concluding = good_run()
    return state_after([*commands, replace(concluding, waits_at=FIRST)])


def after(*commands: object) -> SessionState:
    """The same after a second run, which ends with these."""
    *first, concluding = good_run()
    taken = accept(NEXT, taken=FIRST[0])
    ending = replace(conclude(NEXT), waits_at=SECOND)
    return state_after([*first, replace(concluding, waits_at=FIRST), taken, *commands, ending])


def failed(detail: Detail, status: int | None = None) -> list[object]:
    opened = chunk(ChunkKind.OPEN, NEXT)
    cause = EndReason.UPSTREAM_ERROR
    return [
        opened,
        chunk(ChunkKind.ERROR, NEXT, cause=cause, detail=detail.value, upstream_status=status),
    ]


def test_a_session_waits_where_its_answer_ended() -> None:
    assert waiting().waits_at == FIRST


def test_a_session_that_is_taken_waits_nowhere() -> None:
    state = state_after([accept()])
    assert state.waits_at == ()


def test_a_turn_of_another_history_is_refused() -> None:
    with pytest.raises(RefusedCommand, match="moved_on"):
        decide(waiting(), accept(NEXT, taken=SECOND[0]))


def test_a_turn_of_a_history_is_refused_by_a_session_that_is_not_made_yet() -> None:
    with pytest.raises(RefusedCommand, match="moved_on"):
        decide(SessionState(), accept(taken=FIRST[0]))


def test_a_named_turn_need_not_say_where_the_session_waits() -> None:
    assert decide(waiting(), accept(NEXT))


def test_a_finished_turn_moves_the_session_on() -> None:
    *commands, _ = good_run(NEXT)
    assert after(*commands[1:]).waits_at == SECOND


@pytest.mark.parametrize(
    ("detail", "status"), [(Detail.CONNECT_FAILED, None), (Detail.STATUS, 429), (Detail.STATUS, 503)]
)
def test_a_turn_that_the_site_did_not_take_puts_the_session_back(detail: Detail, status: int | None) -> None:
    assert after(*failed(detail, status)).waits_at == FIRST


@pytest.mark.parametrize(("detail", "status"), [(Detail.TRUNCATED, None), (Detail.STATUS, 500)])
def test_a_turn_that_the_site_may_have_taken_leaves_the_session_nowhere(
    detail: Detail, status: int | None
) -> None:
    assert after(*failed(detail, status)).waits_at == ()


def test_an_answer_that_the_client_did_not_get_as_it_was_leaves_the_session_nowhere() -> None:
    *commands, concluding = good_run(RUN)
    assert state_after([*commands, replace(concluding, waits_at=FIRST, faithful=False)]).waits_at == ()

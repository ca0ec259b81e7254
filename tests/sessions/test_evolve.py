"""`evolve` and `fold`: what each event makes of a session, and what is illegal."""

import pytest
from msgspec.structs import replace
from session_scripts import (
    PROCESS,
    RUN,
    USAGE,
    accept,
    chunk,
    conclude,
    events_of,
    good_run,
    state_after,
    stop,
    tool_call,
)

from mix2api.events.kinds import Event, Request, SessionNote, ToolCall, ToolResult, UpstreamChunk
from mix2api.sessions.attribution import Cause
from mix2api.sessions.decide import lost_detail
from mix2api.sessions.evolve import IllegalEvent, evolve, fold
from mix2api.sessions.state import REMEMBERED_RUNS, VACANT, SessionState, Stage
from mix2api.vocabulary import (
    ChunkKind,
    Context,
    Detail,
    Digest,
    EndReason,
    FinishReason,
    RunId,
    SessionWord,
)

OTHER = RunId("run_other")


def gap(count: int, run: RunId | None = RUN) -> SessionNote:
    return SessionNote(word=SessionWord.GAP, why="spool", count=count, run_id=run)


def test_a_run_gathers_what_its_chunks_tell() -> None:
    state = state_after(good_run()[:-1])
    run = state.run
    assert run is not None
    assert (run.seq, run.frames, run.last_frame, run.size_bytes) == (6, 5, 5, 50)
    assert (run.first_token_ms, run.last_ms, run.upstream_status, run.usage) == (30, 80, 200, USAGE)
    assert (run.was_called, run.was_started, run.had_output) == (True, True, True)
    assert run.cause == Cause(EndReason.STOP, None, FinishReason.STOP)
    assert (state.upstream_session, state.upstream_exchange) == ("c2Vzc2lvbg==", "ZXhjaGFuZ2U=")


def test_an_end_gives_its_run_back_and_the_session_waits() -> None:
    state = state_after(good_run())
    assert (state.stage, state.run, state.turns, state.ended) == (Stage.WAITING, None, 1, (RUN,))
    assert (state.last_end, state.context) == (EndReason.STOP, Context.EXTENDED)


def test_an_end_says_where_the_session_waits() -> None:
    *events, end = events_of(good_run())
    waiting = fold([*events, replace(end, waits_at=(Digest("a"),))])
    assert waiting.waits_at == (Digest("a"),)


def test_only_so_many_ended_runs_are_remembered() -> None:
    runs = [RunId(f"run_{number}") for number in range(REMEMBERED_RUNS + 2)]
    state = state_after([command for run in runs for command in good_run(run)])
    assert state.ended == tuple(runs[2:])
    assert state.turns == len(runs)


def test_an_answer_without_ids_never_erases_the_known_ones() -> None:
    state = state_after(
        [*good_run(), accept(OTHER), chunk(ChunkKind.OPEN, OTHER), chunk(ChunkKind.START, OTHER)]
    )
    assert state.upstream_session == "c2Vzc2lvbg=="


def test_a_retired_session_forgets_the_upstream_and_where_it_waited() -> None:
    state = state_after([accept(), chunk(ChunkKind.OPEN), chunk(ChunkKind.START), stop(), conclude()])
    assert state.stage is Stage.RETIRED
    assert (state.upstream_session, state.upstream_exchange, state.waits_at) == (None, None, ())


def test_a_tool_call_is_output() -> None:
    state = state_after([accept(), chunk(ChunkKind.OPEN), tool_call(0)])
    assert state.run is not None
    assert (state.run.tool_calls, state.run.had_output) == ((0,), True)
    assert lost_detail(state.run) is Detail.MID_STREAM


def test_lost_events_of_a_run_may_have_been_any() -> None:
    state = evolve(state_after([accept()]), gap(3))
    assert state.run is not None
    assert (state.stage, state.run.seq, state.gaps) == (Stage.GAPPED, 4, 3)
    assert lost_detail(state.run) is Detail.MID_STREAM
    *_, end = events_of(good_run())
    assert evolve(state, replace(end, seq=5)).stage is Stage.WAITING


def test_a_gap_between_runs_is_counted_and_changes_nothing_else() -> None:
    waiting = state_after(good_run())
    assert evolve(waiting, gap(2, None)) == replace(waiting, gaps=2)


def test_remarks_change_nothing() -> None:
    state = state_after([accept()])
    for word in (SessionWord.TAKEN_OVER, SessionWord.WARNING):
        assert evolve(state, SessionNote(word=word, why="clock", process=PROCESS)) == state


OPENED = SessionNote(word=SessionWord.OPENED, why="no_history")
REQUEST = accept().request


@pytest.mark.parametrize(
    ("state", "event"),
    [
        pytest.param(VACANT, replace(REQUEST, seq=1), id="a request before the session is opened"),
        pytest.param(state_after(good_run()), OPENED, id="a session opened twice"),
        pytest.param(state_after(good_run()), replace(REQUEST, seq=1), id="a run that has ended"),
        pytest.param(
            state_after(good_run()), replace(REQUEST, seq=2, run_id=OTHER), id="a run that begins late"
        ),
        pytest.param(state_after([accept()]), replace(REQUEST, seq=1, run_id=OTHER), id="two runs at once"),
        pytest.param(
            state_after([accept()]),
            replace(chunk(ChunkKind.OPEN, OTHER).chunk, seq=2),
            id="another run's chunk",
        ),
        pytest.param(state_after([accept()]), replace(chunk(ChunkKind.OPEN).chunk, seq=3), id="a hole"),
        pytest.param(state_after([accept()]), replace(chunk(ChunkKind.OPEN).chunk, seq=1), id="a repeat"),
        pytest.param(state_after([accept()]), events_of(good_run())[-1], id="an end without a cause"),
        pytest.param(SessionState(stage=Stage.CALLED), chunk(ChunkKind.START).chunk, id="no run at all"),
    ],
)
def test_what_does_not_fit_is_illegal(state: SessionState, event: Event) -> None:
    with pytest.raises(IllegalEvent):
        evolve(state, event)


@pytest.mark.parametrize("kind", [ChunkKind.FINISH, ChunkKind.ERROR, ChunkKind.CAUSE])
def test_a_conclusion_without_a_cause_is_illegal(kind: ChunkKind) -> None:
    state = state_after([accept(), chunk(ChunkKind.OPEN)])
    with pytest.raises(IllegalEvent, match="without a cause"):
        evolve(state, replace(chunk(kind).chunk, seq=3))


def test_the_kinds_of_a_good_run_are_what_they_should_be() -> None:
    kinds = [
        type(event)
        for event in events_of([accept(results=(_result(),)), chunk(ChunkKind.OPEN), tool_call(0)])
    ]
    assert kinds == [SessionNote, Request, ToolResult, UpstreamChunk, ToolCall]


def _result() -> ToolResult:
    return ToolResult(run_id=RUN, seq=0, tool_call_id="call_1", size_bytes=3, digest=Digest("d"))

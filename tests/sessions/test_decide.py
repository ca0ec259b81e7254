"""`decide`: what follows from a command, and what is refused."""

import pytest
from session_scripts import (
    PROCESS,
    RUN,
    accept,
    carry_out,
    chunk,
    conclude,
    events_of,
    good_run,
    recover,
    state_after,
    stop,
    tool_call,
)

from mix2api.events.kinds import RUNTIME, End, Request, SessionNote, ToolCall, ToolResult, UpstreamChunk
from mix2api.sessions.commands import RecordChunk, RecordToolCall, RetireSession
from mix2api.sessions.decide import RefusedCommand, decide
from mix2api.sessions.state import VACANT, Stage
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


def test_the_first_turn_opens_the_session_and_numbers_request_and_results() -> None:
    result = ToolResult(run_id=RUN, seq=0, tool_call_id="call_1", size_bytes=3, digest=Digest("d"))
    note, request, first, second = decide(VACANT, accept(results=(result, result)))
    assert note == SessionNote(word=SessionWord.OPENED, why="no_history")
    assert isinstance(request, Request)
    assert isinstance(first, ToolResult)
    assert isinstance(second, ToolResult)
    assert (request.seq, first.seq, second.seq) == (1, 2, 3)


def test_a_second_turn_does_not_open_the_session_again() -> None:
    (request,) = decide(state_after(good_run()), accept(OTHER))
    assert isinstance(request, Request)


def test_a_turn_for_a_busy_session_is_refused() -> None:
    with pytest.raises(RefusedCommand, match="busy"):
        decide(state_after([accept()]), accept(OTHER))


def test_a_turn_for_a_retired_session_is_refused() -> None:
    retired = state_after([*good_run(), RetireSession(why="lost")])
    with pytest.raises(RefusedCommand, match="retired"):
        decide(retired, accept(OTHER))


def test_a_turn_that_runs_or_has_ended_is_a_repeat() -> None:
    assert decide(state_after([accept()]), accept()) == ()
    assert decide(state_after(good_run()), accept()) == ()


def test_chunks_get_the_next_number_of_their_run() -> None:
    state = state_after([accept(), chunk(ChunkKind.OPEN)])
    (text,) = decide(state, chunk(ChunkKind.TEXT, first_frame=1, last_frame=4))
    assert isinstance(text, UpstreamChunk)
    assert text.seq == 3


@pytest.mark.parametrize(
    "late",
    [
        chunk(ChunkKind.OPEN),
        chunk(ChunkKind.TEXT, first_frame=1, last_frame=3),
        chunk(ChunkKind.TEXT, first_frame=3, last_frame=9),
        tool_call(0),
    ],
)
def test_what_was_told_already_adds_nothing(late: RecordChunk | RecordToolCall) -> None:
    told = state_after(
        [accept(), chunk(ChunkKind.OPEN), chunk(ChunkKind.TEXT, first_frame=1, last_frame=3), tool_call(0)]
    )
    assert decide(told, late) == ()


def test_a_call_that_was_whole_before_an_earlier_one_hides_it_not() -> None:
    told = state_after([accept(), chunk(ChunkKind.OPEN), tool_call(1)])
    (call,) = decide(told, tool_call(0))
    assert isinstance(call, ToolCall)
    assert (call.index, call.seq) == (0, 4)
    assert decide(told, tool_call(1)) == ()


def test_what_the_table_forbids_is_refused() -> None:
    with pytest.raises(RefusedCommand, match="out_of_order"):
        decide(state_after([accept()]), chunk(ChunkKind.TEXT, first_frame=1, last_frame=1))


@pytest.mark.parametrize("kind", [ChunkKind.FINISH, ChunkKind.ERROR, ChunkKind.CAUSE])
def test_an_ending_that_names_no_cause_is_refused_for_the_run_could_never_end(kind: ChunkKind) -> None:
    with pytest.raises(RefusedCommand, match="no_cause"):
        decide(state_after([accept(), chunk(ChunkKind.OPEN)]), chunk(kind))


def test_nothing_follows_for_a_run_that_is_not_under_way() -> None:
    for state in (VACANT, state_after([accept(OTHER)]), state_after(good_run())):
        for command in (chunk(ChunkKind.OPEN), tool_call(0), stop(), conclude(), recover()):
            assert decide(state, command) == ()


def test_the_first_cause_wins() -> None:
    state = state_after(
        [
            accept(),
            chunk(ChunkKind.OPEN),
            stop(EndReason.CLIENT_ABORT, Detail.HUNG_UP),
            chunk(ChunkKind.ERROR, cause=EndReason.UPSTREAM_ERROR),
            stop(EndReason.TIMEOUT, Detail.TOTAL),
        ]
    )
    (end, _) = decide(state, conclude())
    assert isinstance(end, End)
    assert (end.end_reason, end.detail, end.seq) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP, 4)


def test_an_end_without_a_cause_is_refused() -> None:
    with pytest.raises(RefusedCommand, match="no_cause"):
        decide(state_after([accept()]), conclude())


def test_an_end_tells_what_the_run_has_gathered() -> None:
    end = events_of(good_run())[-1]
    assert isinstance(end, End)
    assert (end.end_reason, end.finish_reason, end.http_status) == (
        EndReason.STOP,
        FinishReason.STOP,
        200,
    )
    assert (end.first_token_ms, end.total_ms, end.frames, end.context) == (30, 90, 5, Context.EXTENDED)
    assert end.usage is not None
    assert end.usage.total_tokens == 12


def test_a_session_whose_context_is_unknown_is_retired_with_the_end() -> None:
    script = [accept(), chunk(ChunkKind.OPEN), chunk(ChunkKind.START, first_frame=1, last_frame=1), stop()]
    end, note = decide(state_after(script), conclude())
    assert isinstance(end, End)
    assert end.context is Context.UNKNOWN
    assert note == SessionNote(word=SessionWord.RETIRED, why="client_abort", run_id=RUN)


@pytest.mark.parametrize(
    ("script", "detail", "status"),
    [
        ([accept()], Detail.BEFORE_UPSTREAM, 503),
        ([accept(), chunk(ChunkKind.OPEN)], Detail.BEFORE_OUTPUT, 503),
        ([accept(), chunk(ChunkKind.OPEN), tool_call(0)], Detail.MID_STREAM, 200),
        (
            [accept(), chunk(ChunkKind.OPEN), chunk(ChunkKind.TEXT, first_frame=1, last_frame=1)],
            Detail.MID_STREAM,
            200,
        ),
        ([accept(stream=False), chunk(ChunkKind.OPEN), tool_call(0)], Detail.MID_STREAM, 503),
    ],
)
def test_a_lost_run_is_ended_by_what_its_events_say_and_its_session_retired(
    script: list[object], detail: Detail, status: int
) -> None:
    state, events = carry_out(state_after(script), [recover()])
    note, cause, end, retired = events
    assert note == SessionNote(word=SessionWord.TAKEN_OVER, why="process_lost", run_id=RUN, process=PROCESS)
    assert isinstance(cause, UpstreamChunk)
    assert isinstance(end, End)
    assert (end.end_reason, end.detail, end.http_status) == (EndReason.WORKER_LOST, detail, status)
    assert end.context is Context.UNKNOWN
    assert isinstance(retired, SessionNote)
    assert state.stage is Stage.RETIRED


def test_a_lost_run_keeps_the_cause_that_it_had_yet_is_not_continued() -> None:
    script = [accept(), chunk(ChunkKind.OPEN), chunk(ChunkKind.FINISH, finish_reason=FinishReason.STOP)]
    state, events = carry_out(state_after(script), [recover()])
    (end,) = [event for event in events if isinstance(event, End)]
    assert (end.end_reason, end.context) == (EndReason.STOP, Context.UNKNOWN)
    assert state.stage is Stage.RETIRED


def test_a_lost_edge_is_named_as_such() -> None:
    _, events = carry_out(state_after([accept()]), [recover(Detail.EDGE_LOST)])
    assert [event.detail for event in events if isinstance(event, End)] == [Detail.EDGE_LOST]


def test_recovery_never_sets_the_clock_back() -> None:
    script = [accept(), chunk(ChunkKind.OPEN, at_ms=5_000)]
    _, events = carry_out(state_after(script), [recover(at_ms=10)])
    assert [event.total_ms for event in events if isinstance(event, End)] == [5_000]


def test_retiring_waits_for_the_run_and_is_done_once() -> None:
    with pytest.raises(RefusedCommand, match="busy"):
        decide(state_after([accept()]), RetireSession(why="lost"))
    waiting = state_after(good_run())
    assert decide(waiting, RetireSession(why="lost")) == (SessionNote(word=SessionWord.RETIRED, why="lost"),)
    assert decide(state_after([*good_run(), RetireSession(why="lost")]), RetireSession(why="lost")) == ()
    assert decide(VACANT, RetireSession(why="lost")) == ()


@pytest.mark.parametrize("ended", [EndReason.SUPERSEDED, EndReason.CLIENT_ABORT])
def test_no_end_of_a_bridged_run_retires_its_session(ended: EndReason) -> None:
    state = state_after([accept(resolution=RUNTIME), chunk(ChunkKind.OPEN), stop(ended)])
    (end,) = decide(state, conclude())
    assert isinstance(end, End)
    assert (end.end_reason, end.context, end.waits_at) == (ended, Context.UNCHANGED, ())


def test_the_recovery_of_a_bridged_run_does_not_retire_its_session() -> None:
    running = state_after([accept(resolution=RUNTIME), chunk(ChunkKind.OPEN)])
    state, events = carry_out(running, [recover()])
    assert state.stage is Stage.WAITING
    assert isinstance(events[-1], End)
    assert events[-1].context is Context.UNCHANGED

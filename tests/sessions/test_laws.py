"""What holds for any order of commands: laws of the session, tried by hypothesis."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from session_scripts import accept, chunk, conclude, recover, stop, tool_call

from mix2api.events.kinds import End, Event, Request, SessionNote, ToolResult
from mix2api.sessions.commands import Command, RetireSession
from mix2api.sessions.decide import RefusedCommand, decide
from mix2api.sessions.evolve import fold
from mix2api.sessions.snapshot import decode_snapshot, encode_snapshot
from mix2api.sessions.state import RUNNING, VACANT, SessionState
from mix2api.vocabulary import ChunkKind, Detail, Digest, EndReason, FinishReason, RunId, SessionWord

RUNS = [RunId(f"run_{number}") for number in range(3)]
_OUTPUT = [ChunkKind.START, ChunkKind.TEXT, ChunkKind.REASONING, ChunkKind.TOOL_INPUT]
_times = st.integers(0, 10_000)
_reasons = st.sampled_from(EndReason)
_details = st.none() | st.sampled_from(Detail)


@st.composite
def _said(draw: st.DrawFn, run: RunId) -> Command:
    """Frames of the upstream's, numbered as they always are."""
    first = draw(st.integers(1, 8))
    last = first + draw(st.integers(0, 2))
    kind = draw(st.sampled_from(_OUTPUT))
    return chunk(kind, run, draw(_times), first_frame=first, last_frame=last, frames=last - first + 1)


def _commands_of(run: RunId) -> st.SearchStrategy[Command]:
    result = ToolResult(run_id=run, seq=0, tool_call_id="call_1", size_bytes=3, digest=Digest("d"))
    finishes = st.none() | st.sampled_from(FinishReason)
    return st.one_of(
        st.sampled_from([accept(run), accept(run, (result, result))]),
        st.builds(lambda at: chunk(ChunkKind.OPEN, run, at), _times),
        _said(run),
        st.builds(lambda index: tool_call(index, run), st.integers(0, 3)),
        st.builds(lambda finish: chunk(ChunkKind.FINISH, run, finish_reason=finish), finishes),
        st.builds(
            lambda cause, detail: chunk(ChunkKind.ERROR, run, cause=cause, detail=detail),
            st.none() | _reasons,
            _details,
        ),
        st.builds(lambda reason, detail: stop(reason, detail, run), _reasons, _details),
        st.builds(lambda sent: conclude(run, headers_sent=sent), st.booleans()),
        st.builds(lambda detail: recover(detail, run), _details),
    )


_any = st.one_of(st.sampled_from(RUNS).flatmap(_commands_of), st.just(RetireSession(why="lost")))


@st.composite
def _whole_run(draw: st.DrawFn, run: RunId) -> list[Command]:
    """A run from its request to its end, as an actor tells of it."""
    calls = st.builds(lambda index: tool_call(index, run), st.integers(0, 3))
    finishes = st.sampled_from(FinishReason).map(
        lambda word: chunk(ChunkKind.FINISH, run, finish_reason=word)
    )
    stops = st.builds(lambda reason, detail: stop(reason, detail, run), _reasons, _details)
    return [
        accept(run),
        chunk(ChunkKind.OPEN, run),
        *draw(st.lists(_said(run) | calls, max_size=4)),
        draw(finishes | stops),
        draw(st.sampled_from([conclude(run), recover(run=run)])),
    ]


@st.composite
def _orders(draw: st.DrawFn) -> list[Command]:
    """Whole runs one after the other, of which some commands are lost and between which any others come."""
    runs = draw(st.lists(st.sampled_from(RUNS), max_size=4))
    told = [command for run in runs for command in draw(_whole_run(run))]
    for place in draw(st.sets(st.integers(0, 30), max_size=3)):
        del told[place : place + 1]
    for place, command in draw(st.lists(st.tuples(st.integers(0, 30), _any), max_size=8)):
        told.insert(place, command)
    return told


commands = _orders()


def carried_out(
    told: Sequence[Command], state: SessionState = VACANT
) -> tuple[SessionState, list[Event], list[Command]]:
    """The state after the commands, the log, and those commands that made events."""
    log: list[Event] = []
    effective: list[Command] = []
    for command in told:
        try:
            events = decide(state, command)
        except RefusedCommand:
            continue
        state = fold(events, state)  # an illegal event would raise here
        log += events
        if events:
            effective.append(command)
    return state, log, effective


def _run_events(log: list[Event], run: RunId) -> list[Any]:
    return [event for event in log if not isinstance(event, SessionNote) and event.run_id == run]


@given(commands)
def test_any_order_of_commands_gives_a_legal_log_that_folds_to_the_live_state(told: list[Command]) -> None:
    state, log, _ = carried_out(told)
    assert fold(log) == state
    assert (state.run is not None) == (state.stage in RUNNING)


@given(commands)
def test_every_run_has_one_request_and_one_end_unless_it_is_under_way(told: list[Command]) -> None:
    state, log, _ = carried_out(told)
    running = None if state.run is None else state.run.run_id
    requests = Counter(event.run_id for event in log if isinstance(event, Request))
    ends = Counter(event.run_id for event in log if isinstance(event, End))
    assert set(requests.values()) | set(ends.values()) <= {1}
    assert set(requests) - set(ends) == ({running} - {None})
    assert set(ends) <= set(requests)


@given(commands)
def test_events_of_a_run_are_numbered_from_one_without_a_hole_and_the_end_is_last(
    told: list[Command],
) -> None:
    _, log, _ = carried_out(told)
    for run in RUNS:
        events = _run_events(log, run)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(not isinstance(event, End) for event in events[:-1])


@given(commands)
def test_every_prefix_of_what_was_carried_out_sent_again_adds_nothing(told: list[Command]) -> None:
    _, _, effective = carried_out(told)
    state = VACANT
    for count, command in enumerate(effective, start=1):
        state = fold(decide(state, command), state)
        for repeat in effective[:count]:
            assert decide(state, repeat) == ()


@given(commands, st.integers(0, 60))
def test_a_snapshot_and_the_rest_fold_to_the_same_as_all(told: list[Command], place: int) -> None:
    state, log, _ = carried_out(told)
    cut = min(place, len(log))
    snapshot = encode_snapshot(fold(log[:cut]))
    assert fold(log[cut:], decode_snapshot(snapshot)) == state


@given(commands)
def test_every_run_under_way_can_be_stopped_and_ended(told: list[Command]) -> None:
    state, _, _ = carried_out(told)
    if state.run is None:
        return
    run = state.run.run_id
    after, log, _ = carried_out([stop(run=run), conclude(run)], state)
    assert after.run is None
    assert sum(isinstance(event, End) for event in log) == 1


@given(commands)
def test_every_run_under_way_can_be_recovered_and_its_session_is_never_continued(
    told: list[Command],
) -> None:
    state, _, _ = carried_out(told)
    if state.run is None:
        return
    after, log, _ = carried_out([recover(run=state.run.run_id)], state)
    assert after.run is None
    assert [event.word for event in log if isinstance(event, SessionNote)] == [
        SessionWord.TAKEN_OVER,
        SessionWord.RETIRED,
    ]

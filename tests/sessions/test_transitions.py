"""The table of legal transitions: every row is reached, and everything else is illegal."""

from typing import Any

import pytest
from msgspec.structs import replace
from session_scripts import PROCESS, RUN, accept, chunk, events_of, good_run, state_after, tool_call

from mix2api.events.kinds import End, Event, SessionNote, ToolResult
from mix2api.sessions.commands import RetireSession
from mix2api.sessions.evolve import IllegalEvent, evolve
from mix2api.sessions.state import RUNNING, VACANT, SessionState, Stage
from mix2api.sessions.transitions import TRANSITIONS, Trigger, trigger_of
from mix2api.vocabulary import ChunkKind, Digest, EndReason, FinishReason, RunId, SessionWord

OPEN = chunk(ChunkKind.OPEN)
TEXT = chunk(ChunkKind.TEXT, first_frame=1, last_frame=1)

STATES: dict[Stage, SessionState] = {
    Stage.VACANT: VACANT,
    Stage.WAITING: state_after(good_run()),
    Stage.ACCEPTED: state_after([accept()]),
    Stage.CALLED: state_after([accept(), OPEN]),
    Stage.STARTED: state_after([accept(), OPEN, chunk(ChunkKind.START)]),
    Stage.STREAMING: state_after([accept(), OPEN, TEXT]),
    Stage.GAPPED: evolve(state_after([accept()]), SessionNote(word=SessionWord.GAP, why="spool", count=1)),
    Stage.CONCLUDING: state_after(good_run()[:-1]),
    Stage.RETIRED: state_after([*good_run(), RetireSession(why="lost")]),
}

_CAUSES: dict[ChunkKind, dict[str, Any]] = {
    ChunkKind.FINISH: {"finish_reason": FinishReason.STOP},
    ChunkKind.ERROR: {"cause": EndReason.UPSTREAM_ERROR, "detail": "truncated"},
    ChunkKind.CAUSE: {"cause": EndReason.CLIENT_ABORT, "detail": "hung_up"},
}


def event_for(trigger: Trigger, state: SessionState) -> Event:
    """An event with that trigger, whose run and number fit the state."""
    run_id, seq = (RunId("run_new"), 1) if state.run is None else (RUN, state.run.seq + 1)
    kind, _, word = trigger.partition(" ")
    if kind == "session":
        return SessionNote(word=SessionWord(word), why="test", process=PROCESS)
    if kind == "upstream_chunk":
        said = ChunkKind(word)
        return replace(chunk(said, **_CAUSES.get(said, {})).chunk, run_id=run_id, seq=seq)
    made: dict[str, Event] = {
        "request": replace(accept().request, run_id=RunId("run_new"), seq=1),
        "tool_result": ToolResult(
            run_id=run_id, seq=seq, tool_call_id="call_1", size_bytes=3, digest=Digest("d")
        ),
        "tool_call": replace(tool_call(0).call, run_id=run_id, seq=seq),
        "end": End(run_id=run_id, seq=seq, end_reason=EndReason.STOP, http_status=200, total_ms=9),
    }
    return made[kind]


def test_the_states_of_this_test_are_all_stages() -> None:
    assert {stage: state.stage for stage, state in STATES.items()} == {stage: stage for stage in Stage}


@pytest.mark.parametrize(("stage", "trigger"), [(stage, trigger) for stage in Stage for trigger in Trigger])
def test_rows_are_reached_and_what_has_none_is_illegal(stage: Stage, trigger: Trigger) -> None:
    event = event_for(trigger, STATES[stage])
    assert trigger_of(event) is trigger
    if (stage, trigger) in TRANSITIONS:
        assert evolve(STATES[stage], event).stage is TRANSITIONS[stage, trigger]
    else:
        with pytest.raises(IllegalEvent):
            evolve(STATES[stage], event)


def test_every_stage_is_entered_by_some_row_and_only_two_ends_end_a_run() -> None:
    assert set(TRANSITIONS.values()) == set(Stage) - {Stage.VACANT}
    leaving = {row for row, target in TRANSITIONS.items() if row[0] in RUNNING and target not in RUNNING}
    assert leaving == {(Stage.CONCLUDING, Trigger.END), (Stage.GAPPED, Trigger.END)}


def test_every_run_under_way_can_be_ended() -> None:
    for stage in RUNNING - {Stage.CONCLUDING}:
        assert TRANSITIONS[stage, Trigger.CAUSE] is Stage.CONCLUDING


def test_recorded_logs_of_every_path_have_known_triggers() -> None:
    assert [trigger_of(event) for event in events_of(good_run())] == [
        Trigger.OPENED,
        Trigger.REQUEST,
        Trigger.OPEN,
        Trigger.START,
        Trigger.REASONING,
        Trigger.TEXT,
        Trigger.FINISH,
        Trigger.END,
    ]

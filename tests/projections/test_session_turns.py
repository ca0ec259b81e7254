"""The turns of a session."""

from session_scripts import RUN, accept, chunk, events_of, good_run, tool_call

from mix2api.events.kinds import Event, SessionNote
from mix2api.projections.session_turns import SessionTurns
from mix2api.vocabulary import ChunkKind, RunId, SessionWord

OTHER = RunId("run_018bcfe568000123456789abcdee")


def folded(*events: Event) -> SessionTurns:
    turns = SessionTurns()
    for event in events:
        turns.add(event)
    return turns


def test_a_turn_has_its_resolution_its_calls_its_account_and_its_end() -> None:
    script = [
        accept(RUN, input_tokens=10, input_budget=90),
        chunk(ChunkKind.OPEN),
        chunk(ChunkKind.TEXT, account="a"),
        tool_call(0),
    ]
    (turn,) = folded(*events_of(script)).turns
    assert (turn.resolution, turn.reason, turn.used, turn.budget) == ("fresh", "no_history", 10, 90)
    assert (turn.calls, turn.account, turn.end_reason) == (1, "a", None)
    (ended,) = folded(*events_of(good_run())).turns
    assert (ended.end_reason, ended.request_id) == ("stop", "req-1")
    assert ended.total_ms is not None


def test_what_belongs_to_no_turn_that_is_known_changes_nothing() -> None:
    events = events_of(good_run())
    assert folded(*events[2:]).turns == []
    first = folded(*events_of(good_run(OTHER)), events[-1])
    assert [turn.run_id for turn in first.turns] == [OTHER]


def test_a_session_tells_why_it_was_retired_and_what_it_lost() -> None:
    turns = folded(
        SessionNote(word=SessionWord.OPENED, why="new"),
        SessionNote(word=SessionWord.GAP, why="spool", count=3),
        SessionNote(word=SessionWord.RETIRED, why="operator"),
    )
    assert (turns.retired_why, turns.gaps) == ("operator", 1)

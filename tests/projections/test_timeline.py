"""A session's log as rows."""

from collections.abc import Iterable

from msgspec.structs import replace
from session_scripts import PROCESS, RUN, accept, chunk, conclude, events_of, good_run, recover, tool_call

from mix2api.events.kinds import KIND_OF, End, Event, Request, SessionNote, ToolCall, UpstreamChunk
from mix2api.events.log import Recorded
from mix2api.projections.timeline import _SEALED, Flag, Row, apply, apply_unreadable, initial
from mix2api.sessions.attribution import Cause
from mix2api.vocabulary import (
    ChunkKind,
    Context,
    Digest,
    EndReason,
    FinishReason,
    RunId,
    SessionWord,
)

BEGAN_MS = 1_700_000_000_000
OTHER = RunId("run_other")


def rows_of(events: Iterable[Event]) -> list[Row]:
    """The rows of events that were written 10 ms apart."""
    cursor = initial()
    rows = []
    for number, event in enumerate(events):
        cursor, row = apply(cursor, Recorded(position=f"{BEGAN_MS + 10 * number}-0", event=event))
        rows.append(row)
    return rows


def flags_of(events: Iterable[Event]) -> list[tuple[Flag, ...]]:
    return [row.flags for row in rows_of(events)]


def test_times_are_relative_and_stages_are_those_after_the_event() -> None:
    rows = rows_of(events_of(good_run()))
    assert [row.at_ms for row in rows] == [0, 10, 20, 30, 40, 50, 60, 70]
    assert [row.stage for row in rows] == [
        "waiting",
        "accepted",
        "called",
        "started",
        "streaming",
        "streaming",
        "concluding",
        "waiting",
    ]
    assert [row.event for row in rows][:3] == ["session opened", "request", "upstream_chunk open"]
    assert [row.seq for row in rows] == [None, 1, 2, 3, 4, 5, 6, 7]
    assert all(row.flags == () for row in rows)


def test_facts_are_what_the_log_has_and_sealed_words_stay_sealed() -> None:
    rows = rows_of(events_of([accept(), chunk(ChunkKind.OPEN), tool_call(0)]))
    assert rows[1].facts["request_id"] == "req-1"
    assert rows[1].facts["stream"] is True
    assert "run_id" not in rows[1].facts
    assert rows[-1].facts["upstream_call_id"] == "sealed"


def test_usage_is_told_with_the_end() -> None:
    rows = rows_of(events_of(good_run()))
    assert rows[-1].facts["prompt_tokens"] == 5
    assert rows[-1].facts["completion_tokens"] == 7


def test_every_sealed_field_is_known_as_such() -> None:
    assert _SEALED[UpstreamChunk] == {"upstream_session", "upstream_exchange"}
    assert _SEALED[ToolCall] == {"upstream_call_id"}
    assert {kind for kind in KIND_OF if _SEALED[kind]} == {UpstreamChunk, ToolCall}


def test_rows_of_digests_are_lists() -> None:
    *events, end = events_of(good_run())
    assert isinstance(end, End)
    rows = rows_of([*events, replace(end, waits_at=(Digest("a"), Digest("b")))])
    assert rows[-1].facts["waits_at"] == ["a", "b"]


def test_an_end_carries_both_verdicts() -> None:
    verdict = rows_of(events_of(good_run()))[-1].verdict
    assert verdict is not None
    assert verdict.recorded == verdict.recomputed == Cause(EndReason.STOP, None, FinishReason.STOP)


def test_a_recovered_run_is_attributed_as_recorded() -> None:
    rows = rows_of(events_of([accept(), chunk(ChunkKind.OPEN), recover()]))
    assert all(row.flags == () for row in rows)
    assert rows[-2].verdict is not None
    assert rows[-2].verdict.recomputed == Cause(EndReason.WORKER_LOST, "before_output")


def test_a_verdict_that_the_events_do_not_give_is_a_difference() -> None:
    *events, end = events_of(good_run())
    assert isinstance(end, End)
    for wrong in (
        replace(end, end_reason=EndReason.TIMEOUT),
        replace(end, detail="idle"),
        replace(end, finish_reason=FinishReason.LENGTH),
    ):
        assert flags_of([*events, wrong])[-1] == (Flag.DIFFERENCE,)


def test_every_run_is_judged_by_its_own_events() -> None:
    second = [accept(OTHER), chunk(ChunkKind.OPEN, OTHER)]
    error = chunk(ChunkKind.ERROR, OTHER, cause=EndReason.UPSTREAM_ERROR, detail="truncated")
    rows = rows_of(events_of([*good_run(), *second, error, conclude(OTHER)]))
    assert [row.verdict.recomputed.end_reason for row in rows if row.verdict is not None] == [
        "stop",
        "upstream_error",
    ]


def gap(count: int) -> SessionNote:
    return SessionNote(word=SessionWord.GAP, why="spool", count=count, run_id=RUN)


def without_seqs(events: list[Event], *seqs: int) -> list[Event]:
    return [event for event in events if isinstance(event, SessionNote) or event.seq not in seqs]


def test_a_gap_is_shown_and_what_it_swallowed_makes_no_difference() -> None:
    events = events_of(good_run())
    kept = without_seqs(events, 4, 5, 6)
    rows = rows_of([*kept[:-1], gap(3), kept[-1]])
    assert rows[-2].flags == (Flag.GAP,)
    assert rows[-2].stage == "gapped"
    assert rows[-1].flags == (Flag.UNVERIFIABLE,)
    assert rows[-1].stage == "waiting"


def test_a_gap_before_the_cause_leaves_the_verdict_provable() -> None:
    events = events_of(good_run())
    kept = without_seqs(events, 4, 5)
    assert flags_of([*kept[:-2], gap(2), *kept[-2:]])[-3:] == [(Flag.GAP,), (), ()]


def test_missing_numbers_are_flagged_once_and_the_rest_is_read_on() -> None:
    flags = flags_of(without_seqs(events_of(good_run()), 4))
    assert flags.count((Flag.MISSING,)) == 1
    assert flags[-1] == ()


def test_a_missing_cause_cannot_be_verified() -> None:
    assert flags_of(without_seqs(events_of(good_run()), 6))[-1] == (Flag.MISSING, Flag.UNVERIFIABLE)


def test_a_doubled_event_is_illegal_and_changes_nothing() -> None:
    events = events_of(good_run())
    doubled = [*events[:5], events[4], *events[5:]]
    flags = flags_of(doubled)
    assert flags[5] == (Flag.ILLEGAL,)
    assert [flag for place, flag in enumerate(flags) if place != 5] == [()] * len(events)


def test_an_illegal_event_beyond_missing_numbers_stays_illegal() -> None:
    events = events_of([accept(), chunk(ChunkKind.OPEN)])
    late = chunk(ChunkKind.OPEN).chunk
    rows = rows_of([*events, replace(late, seq=9)])
    assert rows[-1].flags == (Flag.ILLEGAL,)
    assert rows[-1].stage == "called"


def test_an_end_that_nothing_led_to_differs_and_is_illegal() -> None:
    end = events_of(good_run())[-1]
    assert isinstance(end, End)
    assert flags_of([*events_of([accept()]), replace(end, seq=2)])[-1] == (Flag.ILLEGAL, Flag.DIFFERENCE)


def test_a_request_in_the_middle_of_a_run_is_illegal_and_begins_anew() -> None:
    first = events_of([accept(), chunk(ChunkKind.OPEN)])
    second = events_of(good_run(OTHER))[1:]
    rows = rows_of([*first, *second])
    assert rows[3].flags == (Flag.ILLEGAL,)
    assert rows[3].stage == "accepted"
    assert rows[-1].flags == ()


def test_a_request_that_comes_again_after_its_end_is_illegal_and_begins_nothing() -> None:
    events = events_of(good_run())
    rows = rows_of([*events, events[1]])
    assert rows[-1].flags == (Flag.ILLEGAL,)
    assert rows[-1].stage == "waiting"


def test_a_trimmed_log_is_known_again_from_its_next_request_on() -> None:
    first = events_of(good_run())[3:]
    second = events_of(good_run(OTHER))[1:]
    rows = rows_of([*first, *second])
    assert all(Flag.TRIMMED in row.flags for row in rows[: len(first) + 1])
    assert rows[len(first) - 1].stage is None
    assert rows[len(first)].stage == "accepted"
    assert rows[-1].flags == ()


def test_an_end_whose_cause_was_trimmed_away_cannot_be_verified() -> None:
    assert rows_of(events_of(good_run())[-1:])[0].flags == (Flag.TRIMMED, Flag.UNVERIFIABLE)


def test_an_unreadable_entry_is_a_row_and_its_number_is_missing_after_it() -> None:
    events = events_of(good_run())
    cursor = initial()
    for number, event in enumerate(events[:4]):
        cursor, _ = apply(cursor, Recorded(position=f"{BEGAN_MS + number}-0", event=event))
    cursor, row = apply_unreadable(cursor, "damaged", f"{BEGAN_MS + 50}-0")
    assert (row.event, row.flags, row.at_ms, row.stage) == ("damaged", (Flag.UNREADABLE,), 50, "started")
    _, after = apply(cursor, Recorded(position=f"{BEGAN_MS + 60}-0", event=events[5]))
    assert after.flags == (Flag.MISSING,)


def test_an_unreadable_entry_in_a_trimmed_log_has_no_stage() -> None:
    cursor, row = apply_unreadable(initial(), "newer", "5-0")
    assert (row.position, row.at_ms, row.stage) == ("5-0", 0, "vacant")
    trimmed, _ = apply(cursor, Recorded(position="6-0", event=events_of(good_run())[-1]))
    assert apply_unreadable(trimmed, "newer", "7-0")[1].stage is None


def test_notes_of_the_session_itself_belong_to_no_run() -> None:
    note = SessionNote(word=SessionWord.WARNING, why="clock", process=PROCESS)
    row = rows_of([*events_of(good_run()), note])[-1]
    assert (row.run_id, row.seq, row.facts) == (None, None, {"why": "clock", "process": PROCESS})


def test_contexts_stand_among_the_facts_unless_unknown() -> None:
    assert rows_of(events_of(good_run()))[-1].facts["context"] == Context.EXTENDED
    assert isinstance(events_of(good_run())[1], Request)

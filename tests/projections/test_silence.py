"""The ledger of silence: every millisecond of a request has one owner."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_scripts import accept, chunk, conclude, events_of, good_run, stop

from mix2api.events.edge_times import EdgeTimes
from mix2api.projections.silence import LONG_MS, Ledger, Owner, Span, TimedRun, Wait, ledger
from mix2api.vocabulary import ChunkKind, EndReason


def run(**fields: Any) -> TimedRun:
    """One that called the site after 10 ms, heard of it twice, and took a second."""
    known: dict[str, Any] = {
        "began_ms": 1_000_000,
        "call_ms": 10,
        "pieces": (400, 900),
        "total_ms": 1000,
        "was_lost": False,
    }
    return TimedRun(**(known | fields))


def times(**fields: Any) -> EdgeTimes:
    known: dict[str, Any] = {
        "body": 300,
        "understood": 305,
        "found": 306,
        "submitted": 307,
        "accepted": 620,
        "ended": 1615,
        "over": 1616,
    }
    return EdgeTimes(**(known | fields))


def gaps(told: Ledger) -> list[tuple[str, int]]:
    return [(gap.owner.value, gap.ms) for gap in told.gaps]


def test_the_gaps_of_a_stream_belong_to_client_queue_and_site() -> None:
    told = ledger(times(), [run()])
    assert gaps(told) == [("client", 300), ("queue", 303), ("site", 390), ("site", 500)]
    assert (told.wall_ms, told.is_whole) == (1616, True)
    assert told.short_ms == 1616 - 300 - 303 - 390 - 500
    assert sum(told.by_owner.values()) == 1616


def test_a_slow_store_owns_the_search_the_acceptance_and_the_ending() -> None:
    told = ledger(
        times(found=1000, submitted=1000, accepted=1600, ended=3000, over=3000),
        [run(call_ms=600, pieces=(), total_ms=700)],
    )
    assert gaps(told) == [("client", 300), ("store", 695), ("store", 600), ("store", 1300)]


def test_a_write_that_the_client_held_up_is_its_own_whatever_else_went_on() -> None:
    told = ledger(times(waits=((700, 800),)), [run()])
    assert gaps(told) == [("client", 300), ("queue", 303), ("client", 310), ("client", 490)]
    assert sum(told.by_owner.values()) == told.wall_ms


def test_a_turn_that_ran_again_has_both_runs_and_what_lay_between() -> None:
    second = run(began_ms=1_001_400, pieces=(300,), total_ms=600)
    told = ledger(times(accepted=2020, ended=2620, over=2620), [run(), second])
    assert gaps(told) == [
        ("client", 300),
        ("queue", 303),
        ("site", 390),
        ("site", 500),
        ("us", 400),
        ("site", 290),
        ("site", 300),
    ]
    assert told.wall_ms == 2620


def test_a_run_that_never_called_the_site_waited_for_the_store() -> None:
    told = ledger(None, [run(call_ms=None, pieces=(), total_ms=700)])
    assert (gaps(told), told.is_whole, told.wall_ms) == ([("store", 700)], False, 700)


def test_after_the_last_piece_of_a_lost_process_the_time_is_ours() -> None:
    told = ledger(None, [run(was_lost=True, total_ms=9000)])
    assert gaps(told)[-1] == ("us", 8100)


@pytest.mark.parametrize(
    ("left_at", "owner"),
    [
        ({"body": None}, Owner.CLIENT),
        ({"understood": None}, Owner.US),
        ({"found": None}, Owner.STORE),
        ({"submitted": None}, Owner.US),
        ({}, Owner.QUEUE),
    ],
)
def test_the_step_in_which_a_request_was_refused_owns_the_rest(
    left_at: dict[str, None], owner: Owner
) -> None:
    told = ledger(times(**left_at, over=5000), (), Owner.QUEUE)
    assert told.gaps[-1].owner is owner
    assert told.gaps[-1].to_ms == told.wall_ms == 5000


def test_an_answer_that_was_given_up_ends_when_the_client_left() -> None:
    told = ledger(times(accepted=None, ended=None, over=1100), [run()])
    assert told.wall_ms == 1100
    assert sum(told.by_owner.values()) == 1100
    assert told.gaps[-1].to_ms == 1100


def test_a_run_is_read_from_its_events() -> None:
    assert TimedRun.of(events_of(good_run())) == TimedRun(
        began_ms=1_700_000_000_000, call_ms=12, pieces=(20, 30, 60, 80), total_ms=90, was_lost=False
    )
    assert TimedRun.of(()) is None
    stopped = TimedRun.of(events_of([accept(), chunk(ChunkKind.OPEN, at_ms=5), stop(at_ms=60), conclude()]))
    assert stopped is not None
    assert stopped.pieces == ()
    lost = events_of([accept(), stop(EndReason.WORKER_LOST, None), conclude()])
    told = TimedRun.of(lost)
    assert told is not None
    assert told.was_lost


_MS = st.integers(0, 5000)


@given(
    steps=st.lists(st.none() | _MS, min_size=6, max_size=6),
    over=_MS,
    waits=st.lists(st.tuples(_MS, _MS), max_size=4),
    pieces=st.lists(_MS, max_size=6).map(sorted),
    total_ms=_MS,
    call_ms=st.none() | _MS,
    again=st.none() | _MS,
)
def test_whatever_the_clocks_say_the_spans_are_the_wall_time_and_gaps_do_not_overlap(
    steps: list[int | None],
    over: int,
    waits: list[tuple[int, int]],
    pieces: list[int],
    total_ms: int,
    call_ms: int | None,
    again: int | None,
) -> None:
    body, understood, found, submitted, accepted, ended = steps
    known = EdgeTimes(
        body=body,
        understood=understood,
        found=found,
        submitted=submitted,
        accepted=accepted,
        ended=ended,
        over=over,
        waits=tuple(waits),
    )
    runs = [run(pieces=tuple(pieces), total_ms=total_ms, call_ms=call_ms)]
    if again is not None:
        runs.append(run(began_ms=1_000_000 + again))
    told = ledger(known, runs)
    assert sum(told.by_owner.values()) == told.wall_ms
    assert told.short_ms + sum(gap.ms for gap in told.gaps) == told.wall_ms
    assert told.short_ms >= 0
    assert all(gap.ms > LONG_MS for gap in told.gaps)
    assert all(one.to_ms <= other.from_ms for one, other in zip(told.gaps, told.gaps[1:], strict=False))
    assert Span(1, 4, Owner.US, Wait.READING).ms == 3

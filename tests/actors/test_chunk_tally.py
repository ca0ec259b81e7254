"""Frames as entries for the log, and the bounds of what a site may send."""

import pytest

from mix2api.actors.chunk_tally import ChunkTally
from mix2api.actors.site_bounds import EMPTY_FRAMES_MAX, ENTRIES_MAX
from mix2api.events.kinds import UpstreamChunk
from mix2api.sessions.commands import RecordChunk
from mix2api.vocabulary import ChunkKind, Detail, RunId

RUN = RunId("run_1")


def entries(tally: ChunkTally) -> list[UpstreamChunk]:
    tally.flush()
    return [command.chunk for command in tally.commands if isinstance(command, RecordChunk)]


def test_an_entry_has_the_time_of_its_first_frame() -> None:
    times = iter([5, 9])
    tally = ChunkTally(RUN, lambda: next(times))
    tally.count(ChunkKind.TEXT, "a")
    tally.count(ChunkKind.TEXT, "b")
    tally.count(ChunkKind.REASONING, "c")
    assert [(entry.kind, entry.at_ms, entry.frames) for entry in entries(tally)] == [
        (ChunkKind.TEXT, 5, 2),
        (ChunkKind.REASONING, 9, 1),
    ]


def test_each_entry_has_its_own_bytes_and_the_tally_has_all() -> None:
    tally = ChunkTally(RUN, lambda: 0)
    tally.count(ChunkKind.TEXT, "é")
    tally.count(ChunkKind.REASONING, "\ud800")
    tally.count(ChunkKind.TEXT, "a")
    assert [entry.size_bytes for entry in entries(tally)] == [2, 3, 1]
    assert tally.content_bytes == 6


def test_frames_without_content_are_told_of_with_the_next_entry() -> None:
    tally = ChunkTally(RUN, lambda: 0)
    tally.skip(3)
    tally.hear()
    tally.single(ChunkKind.START)
    (entry,) = entries(tally)
    assert (entry.first_frame, entry.skipped) == (5, 3)


def test_an_answer_as_long_as_it_may_be_is_within_its_bound() -> None:
    tally = ChunkTally(RUN, lambda: 0, answer_bytes=4)
    tally.count(ChunkKind.TEXT, "abcd")
    assert tally.excess is None
    tally.count(ChunkKind.TEXT, "e")
    assert tally.excess is Detail.TOO_LARGE


def test_as_many_frames_without_content_as_there_may_be_are_within_their_bound() -> None:
    tally = ChunkTally(RUN, lambda: 0)
    tally.skip(EMPTY_FRAMES_MAX)
    assert tally.excess is None
    tally.hear()
    assert tally.excess is Detail.TOO_MANY


@pytest.mark.parametrize("alternating", [True, False])
def test_as_many_entries_as_frames_may_force_are_within_their_bound(*, alternating: bool) -> None:
    tally = ChunkTally(RUN, lambda: 0)

    def force() -> None:
        if alternating:
            is_text = tally.kind is ChunkKind.TEXT
            tally.count(ChunkKind.REASONING if is_text else ChunkKind.TEXT, "a")
        else:
            tally.single(ChunkKind.START)

    if alternating:
        tally.count(ChunkKind.TEXT, "a")  # nothing was counted before it: it forces no entry
    for _ in range(ENTRIES_MAX):
        force()
    assert tally.excess is None
    force()
    assert tally.excess is Detail.TOO_MANY


def test_the_first_bound_that_is_passed_counts() -> None:
    tally = ChunkTally(RUN, lambda: 0, answer_bytes=1)
    tally.count(ChunkKind.TEXT, "ab")
    tally.skip(EMPTY_FRAMES_MAX + 1)
    assert tally.excess is Detail.TOO_LARGE


def test_the_site_s_ids_wait_for_company_and_nothing_else_does() -> None:
    tally = ChunkTally(RUN, lambda: 0)
    tally.single(ChunkKind.START)
    tally.count(ChunkKind.TEXT, "a")
    assert not tally.is_due
    tally.count(ChunkKind.REASONING, "b")
    assert tally.is_due
    assert [command.chunk.kind for command in tally.commands if isinstance(command, RecordChunk)] == [
        ChunkKind.START,
        ChunkKind.TEXT,
    ]
    for kind in (ChunkKind.FINISH, ChunkKind.ERROR):
        tally = ChunkTally(RUN, lambda: 0)
        tally.single(kind)
        assert tally.is_due


def test_nothing_is_unlogged_after_a_flush() -> None:
    tally = ChunkTally(RUN, lambda: 0)
    tally.count(ChunkKind.TEXT, "a")
    assert tally.kind is ChunkKind.TEXT
    tally.flush()
    assert tally.kind is None
    tally.flush()
    assert len(tally.commands) == 1

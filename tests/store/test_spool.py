"""What waits to be written: its order, its bounds, and what is told of events that were dropped."""

import store_parts as parts

from mix2api.events.log import Append
from mix2api.store.commit import AuditNote, PendingAppend
from mix2api.store.memory import MemoryEventLog
from mix2api.store.options import SpoolLimits
from mix2api.store.schema import WrittenSchema
from mix2api.store.spool import Spool
from mix2api.vocabulary import Shard


def pending(append: Append) -> PendingAppend:
    return PendingAppend.of(append, MemoryEventLog(parts.EDGE), WrittenSchema())


def receipt(shard: int) -> AuditNote:
    return AuditNote(Shard(shard), ("k", "receipt"))


def test_entries_of_a_shard_leave_together_in_the_order_in_which_they_came() -> None:
    spool = Spool(SpoolLimits())
    first, second, other = receipt(1), receipt(1), receipt(2)
    for entry in (first, other, second):
        assert spool.put(entry, 10.0)
    spool.urge(Shard(1))
    assert spool.take_urgent() == {Shard(1): [first, second]}
    assert not spool.urgent
    assert not spool.is_empty


def test_a_shard_without_entries_cannot_be_urgent() -> None:
    spool = Spool(SpoolLimits())
    spool.urge(Shard(1))
    spool.urge_all()
    assert not spool.urgent


def test_the_earliest_time_of_a_shard_s_entries_counts() -> None:
    spool = Spool(SpoolLimits())
    spool.put(receipt(1), 10.0)
    spool.put(receipt(1), 5.0)
    spool.put(receipt(1), 20.0)
    spool.urge_due(4.9)
    assert not spool.urgent
    spool.urge_due(5.0)
    assert len(spool.take_urgent()[Shard(1)]) == 3
    spool.put(receipt(1), 30.0)
    spool.urge_due(20.0)
    assert not spool.urgent, "the times of what was taken are forgotten"


def test_what_is_put_back_stands_before_all_others_and_leaves_next() -> None:
    spool = Spool(SpoolLimits())
    first, second = receipt(1), receipt(1)
    spool.put(first, 0.0)
    spool.urge_all()
    taken = spool.take_urgent()
    spool.put(second, 10.0)
    spool.put_back(Shard(1), taken[Shard(1)])
    assert spool.take_urgent() == {Shard(1): [first, second]}


def test_what_is_under_way_counts_until_it_is_forgotten() -> None:
    spool = Spool(SpoolLimits(appends=2))
    entries = [receipt(1), receipt(2)]
    assert [spool.put(entry, 0.0) for entry in [*entries, receipt(3)]] == [True, True, False]
    spool.urge_all()
    spool.take_urgent()
    assert spool.is_empty
    assert not spool.put(receipt(3), 0.0)
    spool.forget(entries)
    assert spool.put(receipt(3), 0.0)
    assert spool.count == 1


def test_a_recount_knows_only_what_was_not_taken() -> None:
    spool = Spool(SpoolLimits(size_bytes=300))
    spool.put(receipt(1), 0.0)
    spool.urge_all()
    spool.take_urgent()
    spool.put(receipt(2), 0.0)
    spool.recount()
    assert spool.count == 1
    assert spool.put(receipt(3), 0.0), "there is room for two of 128 bytes"
    assert not spool.put(receipt(4), 0.0)


def test_chunk_events_may_fill_their_share_only() -> None:
    spool = Spool(SpoolLimits(appends=4, droppable_share=0.5))
    session, run = parts.new_session(), parts.new_run()
    chunks = [pending(parts.chunks_append(session, run, seq)) for seq in (2, 3, 4)]
    assert [spool.put(chunk, 0.0) for chunk in chunks] == [True, True, False]
    assert spool.put(pending(parts.closing_append(session, run, 5)), 0.0)


def test_the_next_append_of_a_run_tells_what_was_dropped_before_it() -> None:
    spool = Spool(SpoolLimits())
    session, run = parts.new_session(), parts.new_run()
    spool.skip(pending(parts.chunks_append(session, run, 2, 3)))
    spool.skip(pending(parts.chunks_append(session, run, 4)))
    other = pending(parts.chunks_append(session, parts.new_run(), 2))
    following = pending(parts.chunks_append(session, run, 5))
    spool.put(other, 0.0)
    spool.put(following, 0.0)
    assert (other.skipped, following.skipped) == (0, 3)


def test_what_is_taken_out_is_told_by_the_append_that_waits_behind_it() -> None:
    spool = Spool(SpoolLimits())
    session, run = parts.new_session(), parts.new_run()
    first, second = (pending(parts.chunks_append(session, run, seq)) for seq in (2, 3))
    spool.put(first, 0.0)
    spool.put(second, 0.0)
    assert spool.remove(first)
    assert not spool.remove(first)
    assert second.skipped == 1
    assert spool.remove(second)
    assert spool.is_empty
    assert spool.count == 0


def test_dropped_openings_and_endings_leave_nothing_to_tell() -> None:
    spool = Spool(SpoolLimits())
    session, run = parts.new_session(), parts.new_run()
    spool.skip(pending(parts.opening_append(session, run)))
    spool.skip(pending(parts.closing_append(session, run, 2)))
    following = pending(parts.chunks_append(session, run, 3))
    spool.put(following, 0.0)
    assert following.skipped == 0


def test_a_run_that_has_ended_has_nothing_to_tell() -> None:
    spool = Spool(SpoolLimits())
    session, run = parts.new_session(), parts.new_run()
    closing = pending(parts.closing_append(session, run, 3))
    spool.put(closing, 0.0)
    spool.urge_all()
    spool.take_urgent()
    spool.skip(pending(parts.chunks_append(session, run, 4)))
    spool.forget([closing])
    following = pending(parts.chunks_append(session, run, 5))
    spool.put(following, 0.0)
    assert following.skipped == 0


def test_giving_up_gives_all_that_waits() -> None:
    spool = Spool(SpoolLimits())
    entries = [receipt(1), receipt(2)]
    for entry in entries:
        spool.put(entry, 10.0)
    assert spool.give_up() == entries
    assert spool.count == 0
    assert spool.is_empty

"""What lost processes left: where the log and the store disagree, nothing is claimed that no event says."""

from actor_parts import BEGINNING, MODEL
from actors.left_runs import OUTPUT, left_by_a_crash
from attrs import define, evolve

from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import History
from mix2api.store.memory import MemoryEventLog
from mix2api.store.open_runs import OpenEntry
from mix2api.upstreams.scripted import Hang
from mix2api.vocabulary import EndReason, SessionId, Shard


@define(eq=False)
class UnreadableLog(MemoryEventLog):
    """Its sessions were written by a version to come."""

    async def history(self, session_id: SessionId) -> History:
        del session_id
        raise UnreadableEvent("newer")


async def test_a_log_that_cannot_be_read_claims_nothing() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()], UnreadableLog)
    assert await left.sweep_twice() == 1
    end = left.end()
    assert (end.end_reason, end.detail) == (EndReason.UNKNOWN, None)
    assert left.bench.world.open == {}
    (completed,) = left.bench.completed
    told = completed.request
    assert (told.request_id, told.stream, told.model) == ("req-1", True, MODEL), "its line comes from `open`"


async def test_a_run_of_which_nothing_can_be_read_has_its_line() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()], UnreadableLog)
    ((run_id, entry),) = left.bench.world.open.items()
    left.bench.world.open[run_id] = evolve(entry, summary=b"damaged")
    assert await left.sweep_twice() == 1
    (completed,) = left.bench.completed
    assert (completed.request.run_id, completed.request.request_id) == (run_id, "unknown")


async def test_a_log_that_ends_elsewhere_than_the_store_says_claims_nothing() -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    (session,) = left.bench.world.logs
    left.bench.world.logs[session].pop()
    assert await left.sweep_twice() == 1
    assert left.end().end_reason is EndReason.UNKNOWN


class LogReadBefore(MemoryEventLog):
    """What it says of open runs is of before their last event."""

    async def open_entries(self, shards: list[Shard]) -> list[OpenEntry]:
        entries = await super().open_entries(shards)
        return [evolve(each, run=evolve(each.run, next_seq=each.run.next_seq - 1)) for each in entries]


async def test_events_that_arrived_after_the_look_at_open_runs_are_counted() -> None:
    """A frozen store may take what a dead process sent only then."""
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()], LogReadBefore)
    assert await left.sweep_twice() == 1
    assert left.end().end_reason is EndReason.WORKER_LOST
    assert left.bench.world.open == {}


async def test_a_log_that_goes_further_than_the_store_says_claims_nothing() -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    ((run_id, entry),) = left.bench.world.open.items()
    left.bench.world.open[run_id] = evolve(entry, run=evolve(entry.run, next_seq=entry.run.next_seq - 1))
    assert await left.sweep_twice() == 1
    assert left.end().end_reason is EndReason.UNKNOWN


async def test_a_log_in_disorder_claims_nothing() -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    (session,) = left.bench.world.logs
    left.bench.world.logs[session].pop(1)
    assert await left.sweep_twice() == 1
    assert left.end().end_reason is EndReason.UNKNOWN

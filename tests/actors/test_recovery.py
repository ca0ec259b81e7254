"""What lost processes left: ended by its own events, once its process is surely gone."""

import pytest
import trio
from actor_parts import (
    BEGINNING,
    EDGE,
    GOOD,
    OTHER,
    PROCESS,
    SHARD,
    bench,
    end_of,
    kinds,
    living,
    session_id,
    submission,
    working,
)
from actors.left_runs import OUTPUT, PERIOD_S, Left, left_by_a_crash, takers
from attrs import define, evolve

from mix2api.actors.recovery import Recovery
from mix2api.errors import StoreUnavailable
from mix2api.events.kinds import End, UpstreamChunk
from mix2api.events.log import History, OpenRun
from mix2api.sessions.attribution import attribute
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished
from mix2api.upstreams.scripted import Hang, Wait
from mix2api.vocabulary import ChunkKind, Context, Detail, EndReason, ProcessId, RunId, SessionId, Shard


def cut_after(left: Left, kept: int) -> None:
    """Makes the log as it was when only so many of the run's events had been written."""
    (session,) = left.bench.world.logs
    left.bench.world.logs[session] = left.bench.world.logs[session][: kept + 1]  # and the session's opening
    ((run_id, entry),) = left.bench.world.open.items()
    left.bench.world.open[run_id] = evolve(entry, run=evolve(entry.run, next_seq=kept + 1))


STAGES = [
    # what had been written -> detail
    pytest.param(1, Detail.BEFORE_UPSTREAM, id="request"),
    pytest.param(2, Detail.BEFORE_OUTPUT, id="open"),
    pytest.param(3, Detail.BEFORE_OUTPUT, id="start"),
    pytest.param(4, Detail.MID_STREAM, id="text"),
]


async def test_the_runs_of_a_silent_process_are_ended_at_once_and_their_edge_is_told() -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    silent: set[ProcessId] = set()
    told: list[tuple[OpenRun, End]] = []

    async def is_alive(process: ProcessId) -> bool:
        return process == OTHER

    recovery = Recovery(
        left.bench.environment,
        left.log,
        is_alive,
        PERIOD_S,
        is_silent=silent.__contains__,
        tell_edge=lambda run, end: told.append((run, end)),
    )
    assert await recovery.sweep([SHARD]) == 0
    assert told == []
    silent.add(OTHER)
    assert await recovery.sweep([SHARD]) == 1
    ((run, end),) = told
    assert (run.process, run.edge, end) == (OTHER, EDGE, left.end())


@pytest.mark.parametrize(("kept", "detail"), STAGES)
async def test_a_run_is_ended_by_how_far_its_events_go(kept: int, detail: Detail) -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    cut_after(left, kept)
    assert await left.sweep_twice() == 1
    end = left.end()
    assert (end.end_reason, end.detail, end.context) == (EndReason.WORKER_LOST, detail, Context.UNKNOWN)
    assert kinds(left.bench.events())[-4:] == ["session taken_over", "cause", "End", "session retired"]
    assert left.bench.world.open == {}
    assert [completed.end for completed in left.bench.completed] == [end]


async def test_a_cause_that_stands_is_not_replaced() -> None:
    """The finish was logged and the process died before its end: the verdict stays, nothing is built on it."""
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    (session,) = left.bench.world.logs
    ((run_id, entry),) = left.bench.world.open.items()
    records = left.bench.world.logs[session]
    cause = UpstreamChunk(
        run_id=run_id,
        seq=entry.run.next_seq,
        kind=ChunkKind.CAUSE,
        at_ms=5000,
        cause=EndReason.CLIENT_ABORT,
        detail=Detail.HUNG_UP,
    )
    records.append(evolve(records[-1], position=left.bench.world.position(), event=cause))
    left.bench.world.open[run_id] = evolve(entry, run=evolve(entry.run, next_seq=cause.seq + 1))
    await left.sweep_twice()
    assert (left.end().end_reason, left.end().detail) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_the_verdict_can_be_computed_from_the_log() -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    await left.sweep_twice()
    chunks = [event for event in left.bench.events() if isinstance(event, UpstreamChunk)]
    assert attribute(chunks).end_reason is EndReason.WORKER_LOST


async def test_a_run_that_ended_is_left_alone() -> None:
    left = await left_by_a_crash(GOOD)
    assert await left.sweep_twice() == 0
    assert left.end().end_reason is EndReason.STOP


async def test_a_dead_process_s_session_can_be_replaced_by_its_next_turn() -> None:
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()])
    await left.sweep_twice()
    (session,) = left.bench.world.logs
    async with living(bench([GOOD], left.log)) as after:
        await after.ask(submission(session_id=session))
        assert after.requests()[-1].resolution_reason == "retired"


# --- gone means: absent for a full period in which the store answered


async def test_a_process_is_given_a_full_period() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()])
    assert await left.sweep() == 0
    await trio.sleep(PERIOD_S - 0.5)
    assert await left.sweep() == 0
    await trio.sleep(0.5)
    assert await left.sweep() == 1


async def test_a_process_that_shows_itself_begins_a_new_period() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()])
    await left.sweep()
    left.alive.add(OTHER)
    await trio.sleep(PERIOD_S)
    assert await left.sweep() == 0
    left.alive.clear()
    assert await left.sweep_twice() == 1


async def test_after_an_outage_everybody_gets_a_new_period() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()])
    await left.sweep()
    await trio.sleep(PERIOD_S)
    left.recovery.forget_absences()
    assert await left.sweep_twice() == 1


async def test_own_runs_are_not_touched() -> None:
    finish = trio.Event()
    made = bench([[BEGINNING, Wait(finish), [Finished("stop")]]])
    async with living(made):
        replies = await made.submit()
        await made.upstream.wait_calls(1)
        left = takers(made.world)
        assert await left.sweep_twice() == 0
        finish.set()
        while not made.ends():
            await replies.take()
        assert made.ends()[0].end_reason is EndReason.STOP


async def test_only_own_shards_are_looked_over() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()])
    await left.sweep(Shard(2))
    await trio.sleep(PERIOD_S)
    assert await left.sweep(Shard(2)) == 0


async def test_what_cannot_be_seized_is_left() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()])
    left.bench.world.leases.clear()  # not ours any more
    assert await left.sweep_twice() == 0
    assert len(left.bench.world.open) == 1


# --- strays


async def test_a_run_that_a_store_without_its_last_second_left_us_is_ended() -> None:
    finish = trio.Event()
    async with working([BEGINNING, OUTPUT, Wait(finish), [Finished("stop")]]) as bench:
        recovery = Recovery(bench.environment, bench.log, never_alive, PERIOD_S, bench.worker.running)
        replies = await bench.submit()
        await trio.sleep(1)
        for _ in range(2):
            assert await recovery.sweep((SHARD,)) == 0, "somebody is at it"
            await trio.sleep(PERIOD_S)
        ((run_id, entry),) = bench.world.open.items()
        bench.world.open[run_id] = evolve(entry, run=evolve(entry.run, next_seq=2))
        (session,) = bench.world.logs
        bench.world.logs[session] = bench.world.logs[session][:2]
        finish.set()
        assert (await end_of(replies)).detail == Detail.FENCED
        assert await recovery.sweep((SHARD,)) == 0
        await trio.sleep(PERIOD_S)
        assert await recovery.sweep((SHARD,)) == 1
        (end,) = bench.ends()
        assert end.end_reason is EndReason.WORKER_LOST
        assert bench.world.open == {}
        (completed,) = bench.completed
        assert completed.end == end


async def never_alive(_: ProcessId) -> bool:
    return False


# --- the store fails in between


@define(eq=False)
class FailsOnceLog(MemoryEventLog):
    """Reading a session fails the first time."""

    failed: bool = False

    async def history(self, session_id: SessionId) -> History:
        if not self.failed:
            self.failed = True
            raise StoreUnavailable
        return await super().history(session_id)


async def test_a_run_that_was_seized_and_not_ended_is_ended_by_the_next_sweep() -> None:
    """Its entry bears our name by then, and would pass for one that we run."""
    left = await left_by_a_crash([BEGINNING, OUTPUT, Hang()], FailsOnceLog)
    await left.sweep()
    await trio.sleep(PERIOD_S)
    with pytest.raises(StoreUnavailable):
        await left.sweep()
    assert [entry.run.process for entry in left.bench.world.open.values()] == [PROCESS]
    assert await left.sweep() == 1
    assert left.end().detail == Detail.MID_STREAM


@define(eq=False)
class OvertakenLog(MemoryEventLog):
    """Another process ends the run between our seizing it and our end."""

    async def seize(self, run: OpenRun) -> bool:
        seized = await super().seize(run)
        del self.world.open[run.run_id]
        return seized


async def test_an_end_that_another_process_wrote_is_not_counted() -> None:
    left = await left_by_a_crash([BEGINNING, Hang()], OvertakenLog)
    assert await left.sweep_twice() == 0
    assert left.bench.completed == []


async def test_a_fault_in_one_run_s_end_costs_the_others_nothing_and_is_told_once(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    told: list[BaseException] = []
    broken = session_id()

    class Faulty(MemoryEventLog):
        async def history(self, session_id: SessionId) -> History:
            if session_id == broken:
                raise KeyError("a fault of ours")
            return await super().history(session_id)

    left = await left_by_a_crash([BEGINNING, Hang()], Faulty)
    (sound,) = left.log.world.open.values()
    run_id = RunId("run_broken")
    entry = evolve(sound, run=evolve(sound.run, run_id=run_id, session_id=broken))
    left.log.world.open = {run_id: entry, **left.log.world.open}
    environment = evolve(left.bench.environment, on_fault=lambda _, fault: told.append(fault))
    recovery = Recovery(environment, left.log, nobody_lives, PERIOD_S)
    left.log.take_all()
    assert await recovery.sweep([SHARD]) == 0
    await trio.sleep(PERIOD_S)
    assert await recovery.sweep([SHARD]) == 1
    assert await recovery.sweep([SHARD]) == 0
    assert [type(fault) for fault in told] == [KeyError]
    assert list(left.log.world.open) == [run_id]


async def nobody_lives(_: ProcessId) -> bool:
    return False

"""Runs whose shard or log entry another process took over."""

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    GOOD,
    OTHER,
    PROCESS,
    SHARD,
    Bench,
    end_of,
    ended,
    submission,
    turn,
    until,
    working,
)
from attrs import define

from mix2api.errors import StoreUnavailable
from mix2api.events.log import History
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished, Text
from mix2api.upstreams.scripted import Hang, Script, Wait
from mix2api.vocabulary import Detail, EndReason, SessionId


async def test_a_run_of_a_shard_that_went_elsewhere_is_not_begun() -> None:
    async with working(GOOD) as bench:
        bench.world.leases[SHARD] = OTHER
        told = ended(await bench.ask())
        assert (told.end_reason, told.detail, told.http_status) == (
            EndReason.OVERLOADED,
            Detail.NO_OWNER,
            503,
        )
        assert (bench.world.logs, bench.upstream.calls, bench.refused()) == ({}, [], 0)


def take_over(bench: Bench) -> None:
    """Another process seizes all open runs, as a recovery does."""
    for run_id, entry in bench.world.open.items():
        object.__setattr__(entry.run, "process", OTHER)
        assert bench.world.open[run_id].run.process == OTHER


async def test_a_run_that_was_taken_over_ends_its_stream_as_lost() -> None:
    more = trio.Event()
    script: Script = [BEGINNING, [Text("a")], Wait(more), [Text("b")], [Text("c")], Hang()]
    async with working(script) as bench:
        replies = await bench.submit()
        await until(lambda: bool(bench.world.open))
        await trio.sleep(1)
        take_over(bench)
        more.set()
        told = await end_of(replies)
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.FENCED)
        assert bench.completed == []  # whoever took it over reports it
        assert bench.upstream.streams[0].closed_early


async def test_a_finish_is_not_shown_for_a_run_that_was_taken_over() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await until(lambda: bool(bench.upstream.streams))
        await trio.testing.wait_all_tasks_blocked()
        take_over(bench)
        finish.set()
        told = await end_of(replies)
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.FENCED)


@pytest.mark.parametrize(("stream", "status"), [(True, 200), (False, 503)])
async def test_a_run_that_an_emptied_store_forgot_is_reported_by_who_ran_it(
    *, stream: bool, status: int
) -> None:
    finish = trio.Event()
    script: Script = [BEGINNING, [Text("a")], Wait(finish), [Finished("stop")]]
    async with working(script) as bench:
        replies = await bench.submit(submission(turn("hi", stream=stream)))
        await until(lambda: bool(bench.upstream.streams))
        await trio.testing.wait_all_tasks_blocked()
        bench.world.open.clear()
        bench.world.logs.clear()
        finish.set()
        told = await end_of(replies)
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.FENCED)
        await until(lambda: bool(bench.completed))
        (completed,) = bench.completed
        end = completed.end
        assert (end.end_reason, end.detail, end.http_status, end.finish_reason) == (
            EndReason.WORKER_LOST,
            Detail.FENCED,
            status,
            None,
        )


@define(eq=False)
class MuteLog(MemoryEventLog):
    """Restarted empty: appends are refused, and what is read is not answered yet."""

    async def history(self, session_id: SessionId) -> History:
        del session_id
        raise StoreUnavailable


async def test_a_fenced_run_is_reported_where_the_store_does_not_say_who_has_it() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], log=MuteLog(PROCESS)) as bench:
        replies = await bench.submit()
        await until(lambda: bool(bench.upstream.streams))
        bench.world.open.clear()
        finish.set()
        assert (await end_of(replies)).detail == Detail.FENCED
        await until(lambda: bool(bench.completed))
        (completed,) = bench.completed
        assert (completed.end.end_reason, completed.end.detail) == (EndReason.WORKER_LOST, Detail.FENCED)

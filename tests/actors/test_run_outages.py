"""Runs whose store is away or slow: what is refused, what is waited for, and what the log says afterwards."""

import pytest
import trio
import trio.testing
from actor_parts import BEGINNING, GOOD, PROCESS, end_of, ended, sleep_through, submission, until, working
from actors.ends import check_one_end
from attrs import define

from mix2api.store.commit import PendingAppend
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished
from mix2api.upstreams.scripted import Wait
from mix2api.vocabulary import Detail, EndReason, Receipt


async def test_a_request_that_cannot_be_logged_is_refused_in_half_a_second() -> None:
    async with working(GOOD) as bench:
        bench.log.away = True
        began = trio.current_time()
        told = ended(await bench.ask())
        assert trio.current_time() - began <= 0.5
        assert (told.end_reason, told.http_status, told.retry_after_s) == (EndReason.UNAVAILABLE, 503, 1)
        bench.log.away = False
        assert bench.world.logs == {}
        assert (bench.refused(), bench.upstream.calls, bench.completed) == (1, [], [])


@pytest.mark.parametrize("answers", [True, False])
async def test_a_process_that_was_not_scheduled_gives_the_store_time_to_answer(*, answers: bool) -> None:
    async with working(GOOD, queue_timeout_s=60) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        sleep_through(2)
        began = trio.current_time()
        await trio.sleep(0.05)
        bench.log.away = not answers
        told = await end_of(replies)
        assert told.end_reason is (EndReason.STOP if answers else EndReason.UNAVAILABLE)
        assert trio.current_time() - began <= 0.2
        bench.log.away = False


@define(eq=False)
class SentLog(MemoryEventLog):
    """Its appends are on their way at once: none can be withdrawn."""

    def withdraw(self, entry: PendingAppend) -> None:
        del entry


async def test_a_request_that_was_logged_after_all_is_ended_as_unavailable() -> None:
    async with working(GOOD, log=SentLog(PROCESS)) as bench:
        bench.log.away = True
        replies = await bench.submit()
        told = await end_of(replies)
        assert (told.end_reason, told.http_status) == (EndReason.UNAVAILABLE, 503)
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        await until(lambda: bool(bench.ends()))
        check_one_end(bench, EndReason.UNAVAILABLE)
        assert (bench.upstream.calls, bench.refused()) == ([], 0)
        assert bench.completed == [], "the edge has reported it"


async def test_a_request_that_was_fenced_after_all_counts_as_refused() -> None:
    """The lease ran out while the store was away: nothing was written, and the client was told of the store."""
    async with working(GOOD, log=SentLog(PROCESS)) as bench:
        bench.log.away = True
        told = ended(await bench.ask())
        assert told.end_reason is EndReason.UNAVAILABLE
        bench.world.leases.clear()
        bench.log.away = False
        await until(lambda: bench.refused() == 1)
        assert (bench.world.logs, bench.completed) == ({}, [])


@define(eq=False)
class SlowLog(MemoryEventLog):
    """Its appends wait, and yet it answers: it or this process is busy."""

    @property
    def is_down(self) -> bool:
        return False


async def test_a_request_waits_for_a_store_that_is_slow_and_answers() -> None:
    async with working(GOOD, log=SlowLog(PROCESS), queue_timeout_s=10) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.sleep(9)
        bench.log.away = False
        assert (await end_of(replies)).end_reason is EndReason.STOP
        assert bench.refused() == 0


async def test_a_request_that_is_not_durable_by_its_deadline_is_refused_as_ours_and_not_as_the_stores() -> (
    None
):
    async with working(GOOD, log=SlowLog(PROCESS), queue_timeout_s=3) as bench:
        bench.log.away = True
        began = trio.current_time()
        told = ended(await bench.ask())
        assert trio.current_time() - began == pytest.approx(3)
        assert (told.end_reason, told.detail) == (EndReason.OVERLOADED, Detail.BUSY)
        assert (told.http_status, told.retry_after_s) == (503, 1)
        bench.log.away = False
        assert (bench.world.logs, bench.refused()) == ({}, 0)


@define(eq=False)
class SlowSentLog(SentLog, SlowLog):
    """Both."""


async def test_a_request_that_was_logged_after_its_refusal_ends_as_its_client_was_told() -> None:
    for log, reason in (
        (SentLog(PROCESS), EndReason.UNAVAILABLE),
        (SlowSentLog(PROCESS), EndReason.OVERLOADED),
    ):
        async with working(GOOD, log=log, queue_timeout_s=3) as bench:
            bench.log.away = True
            of = submission()
            replies = await bench.submit(of)
            told = await end_of(replies)
            replies.settle(Receipt.ERROR_WRITTEN, told.end_reason)
            bench.log.away = False
            await until(lambda bench=bench: bool(bench.ends()))
            (end,) = bench.ends()
            assert (end.end_reason, end.detail) == (told.end_reason, told.detail)
            assert told.end_reason is reason
            assert bench.receipts() == [("receipt", of.run_id, "error_written", reason)]


async def test_an_ending_waits_for_a_store_that_is_slow_and_answers() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], log=SlowLog(PROCESS)) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        finish.set()
        await trio.sleep(9)
        bench.log.away = False
        told = await end_of(replies)
        assert (told.end_reason, told.acked) == (EndReason.STOP, True)


async def test_an_ending_waits_half_a_second_for_its_end_and_leaves_unacknowledged() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        began = trio.current_time()
        finish.set()
        told = await end_of(replies)
        assert trio.current_time() - began <= 0.5
        assert (told.end_reason, told.acked) == (EndReason.STOP, False)
        bench.log.away = False
        check_one_end(bench, EndReason.STOP)


async def test_nothing_is_built_on_an_unacknowledged_end() -> None:
    """The turn that waits behind it goes to a fresh session: the log may never know what the client saw."""
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], GOOD) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        queued = await bench.submit(submission(session_id=session))
        bench.log.away = True
        finish.set()
        assert not (await end_of(replies)).acked
        bench.log.away = False
        assert (await end_of(queued)).end_reason is EndReason.STOP
        assert bench.requests()[1].resolution_reason == "retired"
        assert bench.upstream.calls[1].session is None


async def test_an_end_that_found_no_room_is_not_acknowledged() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        finish.set()
        await trio.testing.wait_all_tasks_blocked()
        spool = bench.log._spool
        spool[-1].withdraw()
        told = await end_of(replies)
        assert (told.end_reason, told.acked) == (EndReason.STOP, False)


async def test_a_run_whose_client_left_before_it_was_accepted_is_reported_by_the_edge_alone() -> None:
    async with working(GOOD, log=SlowLog(PROCESS)) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        await until(lambda: bool(bench.ends()))
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)
        await trio.testing.wait_all_tasks_blocked()
        assert bench.completed == []

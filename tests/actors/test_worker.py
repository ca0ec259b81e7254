"""The worker: what it takes, what it survives, and how it stops."""

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    GOOD,
    OTHER,
    SHARD,
    Bench,
    all_of,
    bench,
    end_of,
    ended,
    session_id,
    submission,
    working,
)
from attrs import define, field

from mix2api.actors.worker import ENDING_S
from mix2api.errors import Overloaded
from mix2api.events.log import History
from mix2api.sessions.worker_port import Ended
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished
from mix2api.upstreams.scripted import Hang, Script, Wait
from mix2api.vocabulary import Detail, Digest, EndReason, ProcessId, SessionId, Shard


async def test_a_worker_that_is_not_alive_takes_nothing() -> None:
    made = bench([])
    assert made.worker.statistics().drained
    with pytest.raises(Overloaded) as refused:
        await made.submit()
    assert refused.value.detail is Detail.DRAIN


async def test_no_more_turns_are_taken_than_the_process_may_run_and_queue() -> None:
    async with working([BEGINNING, Hang()], GOOD, max_concurrency=1, queue_max=0) as made:
        replies = await made.submit()
        await made.upstream.wait_calls(1)
        with pytest.raises(Overloaded) as refused:
            await made.submit()
        assert (refused.value.detail, refused.value.status) == (Detail.QUEUE, 429)
        replies.abort(Detail.HUNG_UP)
        await end_of(replies)
        await trio.testing.wait_all_tasks_blocked()
        assert ended(await made.ask()).end_reason is EndReason.STOP


LOUD, QUIET = Digest("a" * 32), Digest("b" * 32)


async def settled(made: Bench) -> tuple[int, int]:
    """Turns under way and turns that wait for a slot, once nothing moves."""
    await trio.testing.wait_all_tasks_blocked()
    statistics = made.worker.statistics()
    return statistics.runs - statistics.waiting, statistics.waiting


async def test_a_turn_waits_for_a_slot_and_runs_when_one_is_free() -> None:
    finish = trio.Event()
    slow: Script = [BEGINNING, Wait(finish), [Finished("stop")]]
    async with working(slow, GOOD, max_concurrency=1) as made:
        first, second = await made.submit(), await made.submit()
        assert await settled(made) == (1, 1)
        assert len(made.upstream.calls) == 1
        finish.set()
        assert (await end_of(first)).end_reason is EndReason.STOP
        assert (await end_of(second)).end_reason is EndReason.STOP
        assert await settled(made) == (0, 0)


async def test_a_quiet_caller_gets_the_next_free_slot_before_the_rest_of_a_loud_one() -> None:
    finish = trio.Event()
    slow: Script = [BEGINNING, Wait(finish), [Finished("stop")]]
    stuck: Script = [BEGINNING, Hang()]
    async with working(slow, GOOD, stuck, max_concurrency=1, queue_max=300) as made:
        loud = [await made.submit(submission(caller=LOUD)) for _ in range(301)]
        quiet = submission(caller=QUIET)
        replies = await made.submit(quiet)
        assert ended(await all_of(loud.pop())).detail == Detail.QUEUE  # it gave way
        finish.set()
        assert (await end_of(replies)).end_reason is EndReason.STOP
        assert [request.run_id for request in made.requests()][1] == quiet.run_id


@pytest.mark.parametrize("queue_timeout_s", [0.0, 10.0])
async def test_a_turn_that_gets_no_slot_until_its_deadline_is_refused(queue_timeout_s: float) -> None:
    async with working([BEGINNING, Hang()], max_concurrency=1, queue_timeout_s=queue_timeout_s) as made:
        await made.submit()
        told = ended(await made.ask())
        assert (told.end_reason, told.detail, told.http_status, told.retry_after_s) == (
            EndReason.OVERLOADED,
            Detail.DEADLINE,
            429,
            1,
        )
        assert await settled(made) == (1, 0)


async def test_a_client_that_leaves_while_its_turn_waits_for_a_slot_is_let_go_at_once() -> None:
    async with working([BEGINNING, Hang()], max_concurrency=1) as made:
        await made.submit()
        replies = await made.submit()
        replies.abort(Detail.HUNG_UP)
        statistics = made.worker.statistics()
        assert (statistics.runs, statistics.waiting) == (1, 0)
        (told,) = await replies.take()
        assert isinstance(told, Ended)
        assert (told.end_reason, told.detail) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_a_turn_that_cannot_be_begun_when_its_slot_is_free_is_refused_and_the_next_one_is_begun() -> (
    None
):
    finish = trio.Event()
    slow: Script = [BEGINNING, Wait(finish), [Finished("stop")]]
    async with working(slow, GOOD, max_concurrency=1) as made:
        first = await made.submit()
        await made.upstream.wait_calls(1)
        fresh = await made.submit()
        (session,) = made.world.logs
        named = await made.submit(submission(session_id=session))
        made.shards.clear()
        finish.set()
        assert (await end_of(first)).end_reason is EndReason.STOP
        assert (await end_of(fresh)).detail == Detail.NO_OWNER
        assert (await end_of(named)).end_reason is EndReason.STOP
        assert await settled(made) == (0, 0)


async def test_a_stopping_worker_refuses_those_that_wait_for_a_slot_at_once() -> None:
    finish = trio.Event()
    slow: Script = [BEGINNING, Wait(finish), [Finished("stop")]]
    async with working(slow, max_concurrency=1) as made, trio.open_nursery() as nursery:
        running, waiting = await made.submit(), await made.submit()
        await made.upstream.wait_calls(1)
        nursery.start_soon(made.worker.drain, 30.0)
        assert (await end_of(waiting)).detail == Detail.DRAIN
        finish.set()
        assert (await end_of(running)).end_reason is EndReason.STOP


async def test_without_a_shard_of_its_own_it_makes_no_session() -> None:
    async with working(GOOD) as made:
        made.shards.clear()
        with pytest.raises(Overloaded) as refused:
            await made.submit()
        assert refused.value.detail is Detail.NO_OWNER
        assert made.worker.statistics().runs == 0


async def test_a_session_is_replaced_without_a_shard_to_draw() -> None:
    """A fresh session stands in the shard of the one it replaces: the turn's inbox entry is there."""
    async with working(GOOD) as made:
        made.shards.clear()
        assert ended(await made.ask(submission(session_id=session_id(Shard(3))))).end_reason is EndReason.STOP
        (made_session,) = made.world.logs
        assert made_session.startswith("ses_0003")


async def test_a_turn_whose_shard_turns_out_to_be_another_s_is_run_on_one_that_is_not() -> None:
    async with working(GOOD) as made:
        made.world.leases[SHARD] = OTHER
        made.shards[:] = [SHARD, Shard(2)]

        async def reclaim(_: SessionId) -> bool:
            made.shards.remove(SHARD)
            return False

        object.__setattr__(made.environment, "reclaim", reclaim)
        assert ended(await made.ask()).end_reason is EndReason.STOP
        (made_session,) = made.world.logs
        assert made_session.startswith("ses_0002")
        assert made.worker.statistics().runs == 0


async def test_a_turn_of_a_shard_that_is_another_s_is_refused_where_no_shard_is_left() -> None:
    async with working(GOOD) as made:
        made.world.leases[SHARD] = OTHER

        async def reclaim(_: SessionId) -> bool:
            made.shards.clear()
            return False

        object.__setattr__(made.environment, "reclaim", reclaim)
        assert ended(await made.ask()).detail == Detail.NO_OWNER


async def test_the_edge_may_have_drawn_the_session() -> None:
    drawn = session_id(Shard(2))
    async with working(GOOD) as made:
        await made.ask(submission(session_id=drawn, claimed=True))
        assert set(made.world.logs) == {drawn}


async def test_statistics_count_turns_and_actors() -> None:
    async with working(GOOD, [BEGINNING, Hang()]) as made:
        await made.ask()
        await made.submit()
        await made.upstream.wait_calls(2)
        await trio.testing.wait_all_tasks_blocked()
        statistics = made.worker.statistics()
        assert (statistics.runs, statistics.actors, statistics.idle, statistics.drained) == (1, 2, 1, False)


@define(eq=False)
class SlowHistory(MemoryEventLog):
    """Reading takes until the test says so, and may break then."""

    go: trio.Event = field(factory=trio.Event)
    fault: Exception | None = None

    async def history(self, session_id: SessionId) -> History:
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        return await super().history(session_id)


async def test_a_fault_of_one_actor_is_its_turn_s_alone() -> None:
    log = SlowHistory(ProcessId("p_000000000001"), fault=LookupError("secret words"))
    log.go.set()
    async with working(GOOD, log=log) as made:
        told = ended(await made.ask(submission(session_id=session_id())))
        assert (told.end_reason, told.detail, told.http_status) == (
            EndReason.ADAPTER_ERROR,
            "LookupError",
            500,
        )
        assert "secret" not in told.message
        assert [type(fault) for _, fault in made.faults] == [LookupError]
        assert ended(await made.ask()).end_reason is EndReason.STOP


async def test_a_client_that_leaves_while_its_session_is_read_starts_no_run() -> None:
    log = SlowHistory(ProcessId("p_000000000001"))
    async with working(GOOD, log=log) as made:
        replies = await made.submit(submission(session_id=session_id()))
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        log.go.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (made.world.logs, made.upstream.calls) == ({}, [])
        assert made.worker.statistics().runs == 0


# --- stopping


async def test_draining_lets_runs_finish() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as made, trio.open_nursery() as nursery:
        replies = await made.submit()
        await made.upstream.wait_calls(1)
        nursery.start_soon(made.worker.drain, 30.0)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Overloaded) as refused:
            await made.submit()
        assert refused.value.detail is Detail.DRAIN
        finish.set()
        assert (await end_of(replies)).end_reason is EndReason.STOP


async def test_draining_ends_what_does_not_finish() -> None:
    stuck: Script = [BEGINNING, Hang()]
    async with working(stuck, stuck) as made:
        running = [await made.submit() for _ in range(2)]
        await made.upstream.wait_calls(2)
        session = next(iter(made.world.logs))
        waiting = await made.submit(submission(session_id=session))
        began = trio.current_time()
        await made.worker.drain(30.0)
        assert 10 <= trio.current_time() - began <= 30 + ENDING_S
        for replies in running:
            told = await end_of(replies)
            assert (told.end_reason, told.detail) == (EndReason.OVERLOADED, Detail.DRAIN)
        assert (await end_of(waiting)).detail == Detail.DEADLINE  # its own came first
        assert [end.detail for end in made.ends()] == [Detail.DRAIN] * 2
        assert made.world.open == {}


@pytest.mark.parametrize("limit_s", [0.0, 5.0])
async def test_draining_without_patience_still_writes_the_ends(limit_s: float) -> None:
    async with working([BEGINNING, Hang()]) as made:
        running = await made.submit()
        await made.upstream.wait_calls(1)
        (session,) = made.world.logs
        waiting = await made.submit(submission(session_id=session))
        await made.worker.drain(limit_s)
        for replies in (running, waiting):
            told = await end_of(replies)
            assert (told.end_reason, told.detail, told.http_status) == (
                EndReason.OVERLOADED,
                Detail.DRAIN,
                503,
            )
        assert [end.detail for end in made.ends()] == [Detail.DRAIN]


async def test_draining_reaches_a_turn_whose_session_is_being_read() -> None:
    log = SlowHistory(ProcessId("p_000000000001"))
    async with working(GOOD, log=log) as made:
        replies = await made.submit(submission(session_id=session_id()))
        await trio.testing.wait_all_tasks_blocked()
        await made.worker.drain(0)
        (told,) = await replies.take()
        assert isinstance(told, Ended)
        assert told.detail == Detail.DRAIN


async def test_draining_an_idle_worker_takes_no_time() -> None:
    async with working(GOOD) as made:
        await made.ask()
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await made.worker.drain(30.0)
        assert trio.current_time() == began

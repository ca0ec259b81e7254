"""The writer and its spool while Redis is dead, stopped or full."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import store_parts as parts
import trio
import trio.testing
from redis_server import RedisServer

from mix2api.events.kinds import SessionNote
from mix2api.events.log import GivenEnding, Outcome
from mix2api.store.audit_stream import AuditedRefusals, AuditedRun
from mix2api.store.options import SpoolLimits
from mix2api.store.store import Store
from mix2api.vocabulary import Receipt, RequestId, SessionWord


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    # `everysec` may put a write off for two seconds while it syncs: a killed server then forgets what it confirmed.
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.stop()


async def test_what_was_submitted_while_redis_was_dead_is_written_when_it_is_back(
    own_server: RedisServer,
) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        own_server.kill()
        tickets = [store.log.submit(parts.chunks_append(session, run, seq)) for seq in (2, 3)]
        with trio.fail_after(5):
            await store.links[1].wait_down()
        assert store.is_down
        tickets.append(store.log.submit(parts.closing_append(session, run, 4)))
        store.log.refused(2)
        store.log.refused(3)
        own_server.start()
        with trio.fail_after(10):
            assert [await ticket.wait() for ticket in tickets] == [Outcome.APPENDED] * 3
            assert await store.log.writer.drain(5)
        assert not store.is_down
        assert len(await parts.events_of(store, session)) == 4
        audit = await parts.audit_of(store)
        assert [entry.count for entry in audit if isinstance(entry, AuditedRefusals)] == [5]
        assert len([entry for entry in audit if isinstance(entry, AuditedRun)]) == 1


async def test_a_stopped_server_is_down_within_the_stall_limit_and_nothing_is_lost(
    own_server: RedisServer,
) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        own_server.pause()
        ticket = store.log.submit(parts.closing_append(session, run, 2))
        with trio.fail_after(5):
            while not store.is_down:
                await trio.testing.wait_all_tasks_blocked(0.01)
        own_server.resume()
        with trio.fail_after(10):
            assert await ticket.wait() is Outcome.APPENDED
        assert len(await parts.events_of(store, session)) == 2


async def test_a_full_spool_drops_chunks_first_and_leaves_a_gap_note(own_server: RedisServer) -> None:
    limits = SpoolLimits(appends=10, droppable_share=0.5)
    async with parts.running_store(own_server.url, spool=limits) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        await take_down(store, own_server)
        chunks = [store.log.submit(parts.chunks_append(session, run, seq)) for seq in range(2, 9)]
        assert [ticket.outcome for ticket in chunks] == [None] * 4 + [Outcome.DROPPED] * 3
        last = store.log.submit(parts.closing_append(session, run, 9))
        assert last.outcome is None
        own_server.start()
        with trio.fail_after(10):
            assert await last.wait() is Outcome.APPENDED
        gap = SessionNote(word=SessionWord.GAP, why="spool", count=3, run_id=run)
        assert await parts.events_of(store, session) == [
            parts.request(run),
            *(parts.chunk(run, seq) for seq in range(2, 6)),
            gap,
            parts.end(run, 9),
        ]


async def test_over_the_hard_limit_even_an_end_is_dropped(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url, spool=SpoolLimits(appends=3)) as store:
        await store.leases.acquire([parts.SHARD])
        await store.log.submit(parts.opening_append(parts.new_session(), parts.new_run())).wait()
        await take_down(store, own_server)
        tickets = [
            store.log.submit(parts.closing_append(parts.new_session(), parts.new_run(), 2)) for _ in range(3)
        ]
        assert [ticket.outcome for ticket in tickets] == [None, None, Outcome.DROPPED]


async def test_the_spool_is_bounded_in_bytes_too(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url, spool=SpoolLimits(size_bytes=10)) as store:
        ticket = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert ticket.outcome is Outcome.DROPPED
        assert await ticket.wait() is Outcome.DROPPED


async def test_a_full_spool_drops_receipts_silently(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url, spool=SpoolLimits(size_bytes=10)) as store:
        store.log.receipt(
            GivenEnding(parts.new_session(), parts.new_run(), RequestId("req_1"), Receipt.WRITTEN)
        )
        assert store.log.writer.statistics().waiting == 0


async def test_a_withdrawn_append_is_not_written_and_leaves_a_gap_note(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        await take_down(store, own_server)
        withdrawn = store.log.submit(parts.chunks_append(session, run, 2, 3))
        last = store.log.submit(parts.chunks_append(session, run, 4))
        withdrawn.withdraw()
        withdrawn.withdraw()
        assert await withdrawn.wait() is Outcome.DROPPED
        own_server.start()
        with trio.fail_after(10):
            assert await last.wait() is Outcome.APPENDED
        gap = SessionNote(word=SessionWord.GAP, why="spool", count=2, run_id=run)
        assert await parts.events_of(store, session) == [parts.request(run), gap, parts.chunk(run, 4)]


async def test_what_found_no_server_can_be_withdrawn(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        own_server.kill()
        refused = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        kept = store.log.submit(parts.chunks_append(session, run, 2))
        with trio.fail_after(5):
            await store.links[1].wait_down()
            refused.withdraw()
            assert await refused.wait() is Outcome.DROPPED
        own_server.start()
        with trio.fail_after(10):
            assert await kept.wait() is Outcome.APPENDED
        assert [run_of.run_id for run_of in await store.log.open_runs(parts.SHARD)] == [run]
        assert store.log.writer.statistics().repeats == 0


async def test_a_drain_gives_up_at_its_deadline(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        assert await store.log.writer.drain(1), "nothing to write"
        await take_down(store, own_server)
        ticket = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert not await store.log.writer.drain(0.05)
        assert ticket.outcome is Outcome.DROPPED


async def test_a_full_redis_is_away_until_it_has_room(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        own_server.command("CONFIG", "SET", "maxmemory", 1)
        ticket = store.log.submit(parts.closing_append(session, run, 2))
        with trio.fail_after(5):
            while not store.is_down:
                await trio.testing.wait_all_tasks_blocked(0.01)
        own_server.command("CONFIG", "SET", "maxmemory", 0)
        with trio.fail_after(5):
            assert await ticket.wait() is Outcome.APPENDED
        assert not store.is_down
        assert len(await parts.events_of(store, session)) == 2


async def take_down(store: Store, server: RedisServer) -> None:
    """Kills the server and waits until the writer knows. What it was told by stays in the spool, as one append."""
    server.kill()
    probe = store.log.submit(parts.chunks_append(parts.new_session(), parts.new_run(), 2))
    with trio.fail_after(5):
        await store.links[1].wait_down()
    assert probe.outcome is None

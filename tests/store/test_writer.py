"""Group commit against a real Redis: nothing doubled, nothing missing, and what one commit writes."""

from pathlib import Path

import pytest
import store_parts as parts
import trio
import trio.testing
from lossy_proxy import lossy_proxy
from redis_server import RedisServer

from mix2api.events.log import GivenEnding, Outcome
from mix2api.store.audit_stream import AuditedReceipt, AuditedRun
from mix2api.store.commit import AuditNote, IndexLife
from mix2api.store.leases import Holder
from mix2api.store.options import SpoolLimits
from mix2api.store.store import Store
from mix2api.store.writer import LogWriter
from mix2api.supervision import supervised
from mix2api.vocabulary import EndReason, Receipt, RequestId, Shard


async def test_appends_of_many_sessions_go_in_one_commit(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire()
        tickets = [
            store.log.submit(parts.opening_append(parts.new_session(Shard(n % 5)), parts.new_run()))
            for n in range(50)
        ]
        assert {await ticket.wait() for ticket in tickets} == {Outcome.APPENDED}
        assert store.log.writer.statistics().commits == 1


@pytest.mark.parametrize("lose", range(7))
async def test_each_reply_lost_once_doubles_nothing_and_loses_nothing(
    redis_server: RedisServer, tmp_path: Path, lose: int
) -> None:
    async with (
        parts.running_store(redis_server.url) as direct,
        lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy,
        parts.running_store(f"unix://{proxy.path}") as store,
    ):
        session, run = parts.new_session(), parts.new_run()
        await store.leases.acquire([parts.SHARD])
        await store.log.history(session)  # loads the scripts, so that only replies to commits are counted
        proxy.lose = lose
        steps = [
            parts.opening_append(session, run),
            parts.chunks_append(session, run, 2, 3),
            parts.chunks_append(session, run, 4),
            parts.closing_append(session, run, 5, snapshot=None),
        ]
        with trio.fail_after(10):
            for append in steps:
                assert await store.log.submit(append).wait() in {Outcome.APPENDED, Outcome.ALREADY}
            store.log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.WRITTEN))
            assert await store.log.writer.drain(5)
            await refused_run(store)
        assert proxy.lost == 1
        assert await parts.events_of(direct, session) == [
            parts.request(run),
            *(parts.chunk(run, seq) for seq in (2, 3, 4)),
            parts.end(run, 5),
        ]
        audit = await parts.audit_of(direct)
        assert sorted(type(entry).__name__ for entry in audit) == [
            "AuditedReceipt",
            "AuditedRun",
            "AuditedRun",
        ]
        assert len(await direct.log.runs_of_request(parts.REQUEST_DIGEST)) == 2
        assert await direct.log.open_runs(parts.SHARD) == []


async def test_a_short_run_and_its_receipt_cost_two_commits_and_the_next_run_takes_the_receipt_along(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        writer = store.log.writer
        await store.log.submit(parts.opening_append(session, run)).wait()
        chunks = store.log.submit(parts.chunks_append(session, run, 2, 3))
        await store.log.submit(parts.closing_append(session, run, 4)).wait()
        assert chunks.outcome is Outcome.APPENDED
        store.log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.WRITTEN))
        assert (writer.statistics().commits, writer.statistics().waiting) == (2, 1)
        await store.log.submit(parts.opening_append(session, parts.new_run())).wait()
        assert (writer.statistics().commits, writer.statistics().waiting) == (3, 0)


async def test_a_wait_for_one_shard_leaves_the_receipts_of_another_where_they_are(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire()
        other = parts.new_session(Shard(1))
        store.log.receipt(GivenEnding(other, parts.new_run(), RequestId("req_1"), Receipt.WRITTEN))
        await store.log.submit(parts.opening_append(parts.new_session(Shard(2)), parts.new_run())).wait()
        assert store.log.writer.statistics().waiting == 1


async def test_a_receipt_waits_as_long_as_the_operator_says(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, receipt_window_s=7.0) as store:
        before = trio.current_time()
        session = parts.new_session()
        store.log.receipt(GivenEnding(session, parts.new_run(), RequestId("req_1"), Receipt.WRITTEN))
        assert store.log.writer._spool._due[parts.SHARD] >= before + 7.0


async def test_that_another_run_answers_the_request_leaves_at_once(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        writer, session = store.log.writer, parts.new_session()
        store.log.receipt(GivenEnding(session, parts.new_run(), RequestId("req_1"), Receipt.WRITTEN))
        assert writer.statistics().commits == 0
        store.log.receipt(GivenEnding(session, parts.new_run(), RequestId("req_1"), Receipt.RERUN))
        assert writer.statistics().commits == 1


async def test_what_nobody_waits_for_is_written_all_the_same(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        opened = store.log.submit(parts.opening_append(session, run))
        store.log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.WRITTEN))
        with trio.fail_after(10):
            while store.log.writer.statistics().waiting:
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert opened.outcome is Outcome.APPENDED
        assert [type(entry) for entry in await parts.audit_of(store)] == [AuditedReceipt]


async def refused_run(store: Store) -> None:
    """A run that opens and ends in one append: after it nothing in `open` tells a repeat."""
    session, run = parts.new_session(), parts.new_run()
    closing = parts.closing_append(session, run, 2)
    ticket = store.log.submit(parts.opening_append(session, run, *closing.events, closing=closing.closing))
    assert await ticket.wait() is Outcome.APPENDED


async def test_a_repeated_commit_gets_the_verdicts_of_the_first(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with (
        lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy,
        parts.running_store(f"unix://{proxy.path}") as store,
    ):
        session, run = parts.new_session(), parts.new_run()
        await store.leases.acquire([parts.SHARD])
        await store.log.submit(parts.opening_append(session, run)).wait()
        proxy.lose = 0
        tickets = [
            store.log.submit(parts.chunks_append(session, run, 2)),
            store.log.submit(parts.closing_append(session, run, 3)),
            store.log.submit(parts.chunks_append(session, parts.new_run(), 2)),
        ]
        with trio.fail_after(5):
            outcomes = [await ticket.wait() for ticket in tickets]
        assert outcomes == [Outcome.APPENDED, Outcome.APPENDED, Outcome.FENCED]
        assert proxy.lost == 1
        assert store.log.writer.statistics().repeats == 1


async def test_what_was_written_cannot_be_withdrawn(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        ticket = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert await ticket.wait() is Outcome.APPENDED
        ticket.withdraw()
        assert ticket.outcome is Outcome.APPENDED


async def test_scripts_that_the_server_forgot_are_loaded_again(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        redis_server.command("SCRIPT", "FLUSH")
        ticket = store.log.submit(parts.closing_append(session, run, 2))
        assert await ticket.wait() is Outcome.APPENDED
        assert len(await parts.events_of(store, session)) == 2


async def test_an_entry_that_fails_costs_no_other_of_its_commit(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        before = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert store.log.writer.note(AuditNote(parts.SHARD, ("k", "more") * 5000)), (
            "more than Lua's stack takes"
        )
        after = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert await before.wait() is Outcome.APPENDED
        assert await after.wait() is Outcome.APPENDED
        assert store.log.writer.statistics().commits == 1


async def test_logs_snapshots_and_indexes_expire_by_retention(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, retention_s=1000) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        await store.log.submit(parts.closing_append(session, run, 2, snapshot=b"folded")).wait()
        for key in (
            store.keys.log(parts.SHARD, session),
            store.keys.snapshot(parts.SHARD, session),
            store.keys.run(parts.REQUEST_DIGEST),
        ):
            assert 990_000 < redis_server.command("PTTL", key) <= 1_000_000
        assert redis_server.command("PTTL", store.keys.open(parts.SHARD)) == -2, "no run is open: no key"


async def test_the_inbox_entry_goes_with_the_end(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        entry = await parts.put_inbox(store, b"command", 1)
        await store.log.submit(parts.opening_append(session, run)).wait()
        assert len(await store.post.read_inbox(parts.SHARD)) == 1
        await store.log.submit(parts.closing_append(session, run, 2, inbox_entry=entry)).wait()
        assert await store.post.read_inbox(parts.SHARD) == []


async def test_the_audit_entry_has_both_halves(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        await store.log.submit(parts.closing_append(session, run, 2)).wait()
        store.log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.CLIENT_LEFT))
        assert await store.log.writer.drain(5)
        ended, receipt = await parts.audit_of(store)
        assert isinstance(ended, AuditedRun)
        assert (ended.run_id, ended.session_id, ended.request, ended.end) == (
            run,
            session,
            b'["asked"]',
            b'["ended"]',
        )
        assert isinstance(receipt, AuditedReceipt)
        assert (receipt.run_id, receipt.session_id, receipt.receipt) == (run, session, "client_left")
        assert receipt.told is None


async def test_a_receipt_names_the_reason_that_the_client_was_told(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        session, run = parts.new_session(), parts.new_run()
        store.log.receipt(
            GivenEnding(session, run, RequestId("req_1"), Receipt.END_UNACKED, EndReason.LENGTH)
        )
        assert await store.log.writer.drain(5)
        (receipt,) = await parts.audit_of(store)
        assert isinstance(receipt, AuditedReceipt)
        assert (receipt.run_id, receipt.receipt, receipt.told) == (run, "end_unacked", "length")


async def test_a_fault_of_ours_costs_what_was_under_way_and_the_writer_goes_on(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        tokens: list[str | None] = [store.leases.token(parts.SHARD)]
        told: list[str] = []

        def token(_: Shard) -> str | None:
            if len(told) == 0:
                raise KeyError("a fault of ours")
            return tokens[0]

        holder = Holder(process=store.process, nonce=str(tokens[0]).split(":")[1])
        life = IndexLife(retention_ms=60_000, waiting_ms=60_000)
        writer = LogWriter(store.links[1], store.keys, holder, token, life, SpoolLimits())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervised, "writer", writer.run, lambda name, _: told.append(name))
            lost = writer.submit(parts.opening_append(parts.new_session(), parts.new_run()))
            assert await lost.wait() is Outcome.DROPPED
            kept = writer.submit(parts.opening_append(parts.new_session(), parts.new_run()))
            assert await kept.wait() is Outcome.APPENDED
            assert await writer.drain(5)
            nursery.cancel_scope.cancel()
        assert told == ["writer"]
        assert writer.statistics().waiting == 0

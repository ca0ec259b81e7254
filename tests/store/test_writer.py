"""Group commit and the spool against a real Redis: nothing doubled, nothing missing, whatever is lost on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import store_parts as parts
import trio
import trio.testing
from lossy_proxy import lossy_proxy
from redis_server import RedisServer

from mix2api.events.kinds import Event, SessionNote
from mix2api.events.log import GivenEnding, Outcome
from mix2api.store.audit_stream import AuditedReceipt, AuditedRefusals, AuditedRun
from mix2api.store.commit import AuditNote, IndexLife, verdicts_of
from mix2api.store.leases import Holder
from mix2api.store.opening import Store
from mix2api.store.options import SpoolLimits
from mix2api.store.writer import LogWriter
from mix2api.supervision import supervised
from mix2api.vocabulary import Digest, EndReason, Receipt, RequestId, SessionId, SessionWord, Shard

LAST_ID = "18446744073709551615-18446744073709551615"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    # `everysec` may put a write off for two seconds while it syncs: a killed server then forgets what it confirmed.
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.stop()


async def events_of(store: Store, session: SessionId) -> list[Event]:
    return [recorded.event for recorded in (await store.log.history(session)).recorded]


async def audit_of(store: Store) -> list[object]:
    return [entry async for batch in store.audit.read_audit(3_600_000) for entry in batch]


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
        assert await events_of(direct, session) == [
            parts.request(run),
            *(parts.chunk(run, seq) for seq in (2, 3, 4)),
            parts.end(run, 5),
        ]
        audit = await audit_of(direct)
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
        assert [type(entry) for entry in await audit_of(store)] == [AuditedReceipt]


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
        assert len(await events_of(store, session)) == 4
        audit = await audit_of(store)
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
        assert len(await events_of(store, session)) == 2


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
        assert await events_of(store, session) == [
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
        assert await events_of(store, session) == [parts.request(run), gap, parts.chunk(run, 4)]


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


async def test_what_was_written_cannot_be_withdrawn(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        ticket = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert await ticket.wait() is Outcome.APPENDED
        ticket.withdraw()
        assert ticket.outcome is Outcome.APPENDED


async def test_a_drain_gives_up_at_its_deadline(own_server: RedisServer) -> None:
    async with parts.running_store(own_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        assert await store.log.writer.drain(1), "nothing to write"
        await take_down(store, own_server)
        ticket = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert not await store.log.writer.drain(0.05)
        assert ticket.outcome is Outcome.DROPPED


async def test_scripts_that_the_server_forgot_are_loaded_again(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        redis_server.command("SCRIPT", "FLUSH")
        ticket = store.log.submit(parts.closing_append(session, run, 2))
        assert await ticket.wait() is Outcome.APPENDED
        assert len(await events_of(store, session)) == 2


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
        assert len(await events_of(store, session)) == 2


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


@pytest.mark.parametrize("kind", ["log", "audit", "inbox", "mail"])
async def test_a_stream_at_the_last_possible_id_takes_entries_again_and_keeps_what_it_had(
    redis_server: RedisServer, kind: str
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        keys = {
            "log": store.keys.log(parts.SHARD, session),
            "audit": store.keys.audit(parts.SHARD),
            "inbox": store.keys.inbox(parts.SHARD),
            "mail": store.keys.mail(store.process),
        }
        await store.log.submit(parts.opening_append(session, run)).wait()
        await store.post.put_inbox(parts.SHARD, b"one", 1)
        await store.post.mail(store.process, b"one")
        store.log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.WRITTEN))
        assert await store.log.writer.drain(5)
        before = redis_server.command("XLEN", keys[kind])
        redis_server.command("XADD", keys[kind], LAST_ID, "no", "room")
        redis_server.command("XDEL", keys[kind], LAST_ID)
        ended = store.log.submit(parts.closing_append(session, run, 2))
        await store.post.put_inbox(parts.SHARD, b"two", 1)
        await store.post.mail(store.process, b"two")
        assert await ended.wait() is Outcome.APPENDED
        assert redis_server.command("XLEN", keys[kind]) > before  # type: ignore[operator]
        assert redis_server.command("HLEN", store.keys.open(parts.SHARD)) == 0
        assert [entry.payload for entry in await store.post.read_inbox(parts.SHARD)] == [b"one", b"two"]
        assert await store.mail.take() == [b"one", b"two"]
        assert store.damage.total == 1


@pytest.mark.parametrize(
    "value", ["junk", "1 p_1:n", f"{'9' * 400} p_1:n rest", "-1 p_1:n 1 p s x", b"\xff\x00", ""]
)
async def test_what_stands_in_the_place_of_an_open_run_costs_that_run_alone(
    redis_server: RedisServer, value: str | bytes
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        runs = [(parts.new_session(), parts.new_run()) for _ in range(3)]
        for session, run in runs:
            await store.log.submit(parts.opening_append(session, run)).wait()
        redis_server.command("HSET", store.keys.open(parts.SHARD), runs[1][1], value)
        outcomes = [
            await ticket.wait()
            for ticket in [store.log.submit(parts.closing_append(session, run, 2)) for session, run in runs]
        ]
        assert outcomes == [Outcome.APPENDED, Outcome.FENCED, Outcome.APPENDED]
        assert await store.log.open_runs(parts.SHARD) == []
        assert redis_server.command("HLEN", store.keys.open(parts.SHARD)) == 0
        assert store.damage.total == 1


async def test_a_run_whose_open_entry_lost_its_half_of_the_audit_still_ends(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        key = store.keys.open(parts.SHARD)
        value = redis_server.command("HGET", key, run)
        assert isinstance(value, bytes)
        redis_server.command("HSET", key, run, b" ".join(value.split(b" ")[:2]) + b" junk")
        other = parts.new_session()
        sound = store.log.submit(parts.opening_append(other, parts.new_run()))
        assert await store.log.submit(parts.closing_append(session, run, 2)).wait() is Outcome.APPENDED
        assert await sound.wait() is Outcome.APPENDED
        (audited,) = await audit_of(store)
        assert isinstance(audited, AuditedRun)
        assert (audited.session_id, audited.run_id, audited.request) == (session, run, b"")


async def test_a_damaged_ledger_s_verdicts_are_none(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        ledger = store.keys.ledger(parts.SHARD, store.process)
        first = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert await first.wait() is Outcome.APPENDED
        for damage in (
            ("SET", ledger, "2 aaaaaaa"),
            ("SET", ledger, b"\xff"),
            ("DEL", ledger),
            ("SADD", ledger, "2"),
        ):
            redis_server.command(*damage)
            ticket = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
            assert await ticket.wait() is Outcome.APPENDED


@pytest.mark.parametrize(
    ("letters", "outcome"), [(b"aa", "dropped"), (b"", "dropped"), (b"?", "dropped"), (b"r", "already")]
)
def test_verdicts_that_are_none_read_as_dropped(letters: bytes, outcome: str) -> None:
    assert [verdict.outcome for verdict in verdicts_of(letters, 1)] == [outcome]


async def test_look_ups_of_another_type_give_way_to_what_is_written(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run, waits_at = parts.new_session(), parts.new_run(), Digest("e" * 32)
        redis_server.command("SET", store.keys.run(parts.REQUEST_DIGEST), "junk")
        redis_server.command("SET", store.keys.lineage(waits_at), "junk")
        await store.log.submit(parts.opening_append(session, run)).wait()
        await store.log.submit(parts.closing_append(session, run, 2, waits_at=(waits_at,))).wait()
        assert await store.log.runs_of_request(parts.REQUEST_DIGEST) == [(run, session)]
        assert await store.sessions.take(waits_at) == (waits_at, session)
        assert store.damage.total == 2


@pytest.mark.parametrize("kind", ["open", "audit", "inbox", "log"])
async def test_what_is_of_another_type_gives_way_to_a_run(redis_server: RedisServer, kind: str) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        keys = {
            "open": store.keys.open(parts.SHARD),
            "audit": store.keys.audit(parts.SHARD),
            "inbox": store.keys.inbox(parts.SHARD),
            "log": store.keys.log(parts.SHARD, session),
        }
        redis_server.command("SET", keys[kind], "foreign")
        opened = store.log.submit(parts.opening_append(session, run))
        assert await opened.wait() is Outcome.APPENDED
        ended = store.log.submit(parts.closing_append(session, run, 2, inbox_entry="1-1"))
        assert await ended.wait() is Outcome.APPENDED
        assert redis_server.command("TYPE", keys[kind]) in {b"stream", b"none"}
        assert await store.log.open_runs(parts.SHARD) == []


async def test_another_type_in_the_lease_s_place_fences_until_it_is_taken_again(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        key = store.keys.lease(parts.SHARD)
        redis_server.command("DEL", key)
        redis_server.command("RPUSH", key, "foreign")
        refused = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert await refused.wait() is Outcome.FENCED
        await store.leases.acquire([parts.SHARD])
        accepted = store.log.submit(parts.opening_append(parts.new_session(), parts.new_run()))
        assert await accepted.wait() is Outcome.APPENDED


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
        entry = await store.post.put_inbox(parts.SHARD, b"command", 1)
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
        ended, receipt = await audit_of(store)
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
        (receipt,) = await audit_of(store)
        assert isinstance(receipt, AuditedReceipt)
        assert (receipt.run_id, receipt.receipt, receipt.told) == (run, "end_unacked", "length")


async def take_down(store: Store, server: RedisServer) -> None:
    """Kills the server and waits until the writer knows. What it was told by stays in the spool, as one append."""
    server.kill()
    probe = store.log.submit(parts.chunks_append(parts.new_session(), parts.new_run(), 2))
    with trio.fail_after(5):
        await store.links[1].wait_down()
    assert probe.outcome is None


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

"""Damaged keys and keys of another type cost as little as they can."""

import pytest
import store_parts as parts
from redis_server import RedisServer

from mix2api.events.log import GivenEnding, Outcome
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.commit import verdicts_of
from mix2api.vocabulary import Digest, Receipt, RequestId

LAST_ID = "18446744073709551615-18446744073709551615"


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
        await parts.put_inbox(store, b"one", 1)
        await store.post.mail(store.process, b"one")
        store.log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.WRITTEN))
        assert await store.log.writer.drain(5)
        before = redis_server.command("XLEN", keys[kind])
        redis_server.command("XADD", keys[kind], LAST_ID, "no", "room")
        redis_server.command("XDEL", keys[kind], LAST_ID)
        ended = store.log.submit(parts.closing_append(session, run, 2))
        await parts.put_inbox(store, b"two", 1)
        await store.post.mail(store.process, b"two")
        assert await ended.wait() is Outcome.APPENDED
        assert redis_server.command("XLEN", keys[kind]) > before  # type: ignore[operator]
        assert redis_server.command("HLEN", store.keys.open(parts.SHARD)) == 0
        assert [entry.payload for entry in await store.post.read_inbox(parts.SHARD)] == [b"one", b"two"]
        assert await store.mail.take() == [parts.WAKE, b"one", parts.WAKE, b"two"]
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
        (audited,) = await parts.audit_of(store)
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

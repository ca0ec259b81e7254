"""Audit entries of refused requests: one each, at a bounded rate, and the rest counted."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import store_parts as parts
import trio
from attrs import define
from redis_server import RedisServer
from refusal_entries import counted, refusal

from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.store import refused_requests
from mix2api.store.audit_stream import AuditedRefusal, AuditedRefusalCount
from mix2api.store.refused_requests import RefusedRequests
from mix2api.store.store import Store
from mix2api.vocabulary import Channel, EndReason, Shard

MOST = refused_requests.ENTRIES_A_SECOND


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@define
class HeldClock:
    """A clock that stands until it is told to go on."""

    ms: int = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> float:
        return float(self.ms)


@asynccontextmanager
async def refusing(url: str, clock: HeldClock) -> AsyncIterator[tuple[Store, RefusedRequests]]:
    async with parts.running_store(url, shards=4) as store:
        yield (
            store,
            RefusedRequests(
                writer=store.log.writer,
                keys=store.keys,
                seal=store.seal,
                clock=clock,
                shards=4,
                channel=Channel.STABLE,
            ),
        )


async def audited(store: Store) -> list[object]:
    assert await store.log.writer.drain(5)
    return [entry async for batch in store.audit.read_audit(60_000) for entry in batch]


async def test_a_refused_request_is_in_the_audit_and_is_found_by_its_request_id(
    redis_server: RedisServer,
) -> None:
    async with refusing(redis_server.url, HeldClock()) as (store, refused):
        refused.note(refusal(request_id="wanted"))
        refused.note(refusal(request_id="another"))
        entries = await audited(store)
        key = store.keys.refusal(store.seal.digest("wanted", "request_id"))
        (value,) = redis_server.command("LRANGE", key, "0", "-1")  # type: ignore[misc]
        left_ms = redis_server.command("PTTL", key)
    found = [read_refusal(entry.data) for entry in entries if isinstance(entry, AuditedRefusal)]
    assert {entry.request_id for entry in found if entry is not None} == {"wanted", "another"}
    assert read_refusal(value) == refusal(request_id="wanted")
    assert isinstance(left_ms, int)
    assert left_ms > 0


async def test_beyond_a_hundred_a_second_requests_are_counted_by_reason_and_client(
    redis_server: RedisServer,
) -> None:
    clock = HeldClock()
    async with refusing(redis_server.url, clock) as (store, refused):
        for number in range(MOST):
            refused.note(refusal(request_id=f"req-{number}"))
        for client in ("curl", "curl", "codex"):
            refused.note(refusal(client=client, end_reason=EndReason.AUTH_ERROR, http_status=401))
        refused.note(refusal())
        clock.ms += 1000
        refused.note(refusal(request_id="the next second's"))
        entries = await audited(store)
    own = [entry for entry in entries if isinstance(entry, AuditedRefusal)]
    counts = [read_refusal_count(entry.data) for entry in entries if isinstance(entry, AuditedRefusalCount)]
    assert len(own) == MOST + 1
    assert {count.end_reason: count.by_client for count in counts if count is not None} == {
        EndReason.AUTH_ERROR: (
            counted(2, "curl"),
            counted(1, "codex"),
        ),
        EndReason.INVALID_REQUEST: (counted(1),),
    }
    assert {count.at_ms for count in counts if count is not None} == {1_700_000_000_000}


async def test_what_workers_of_a_channel_refused_is_counted_apart(redis_server: RedisServer) -> None:
    async with refusing(redis_server.url, HeldClock()) as (store, refused):
        for _ in range(MOST + 1):
            refused.note(refusal())
        for _ in range(2):
            refused.note(refusal(worker_channel=Channel.CANARY))
        refused.flush()
        entries = await audited(store)
    counts = [read_refusal_count(entry.data) for entry in entries if isinstance(entry, AuditedRefusalCount)]
    assert {count.worker_channel: count.by_client for count in counts if count is not None} == {
        None: (counted(1),),
        Channel.CANARY: (counted(2),),
    }


async def test_while_redis_is_away_the_first_requests_wait_and_the_rest_are_counted(
    own_server: RedisServer,
) -> None:
    clock = HeldClock()
    async with refusing(own_server.url, clock) as (store, refused):
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        own_server.kill()
        store.log.submit(parts.chunks_append(session, run, 2))
        with trio.fail_after(5):
            await store.links[1].wait_down()
        for _ in range(refused_requests.ENTRIES_HELD + 3):
            clock.ms += 1000
            refused.note(refusal())
        refused.flush()
        own_server.start()
        with trio.fail_after(10):
            await store.links[1].wait_up()
        refused.flush()
        entries = await audited(store)
    assert sum(isinstance(entry, AuditedRefusal) for entry in entries) == refused_requests.ENTRIES_HELD
    (count,) = [entry for entry in entries if isinstance(entry, AuditedRefusalCount)]
    told = read_refusal_count(count.data)
    assert told is not None
    assert sum(each.count for each in told.by_client) == 3


async def test_a_shard_that_has_refusals_alone_is_trimmed_too(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, retention_s=100, shards=1) as store:
        key = store.keys.audit(Shard(0))
        for number in range(1, 301):  # trimming goes by whole nodes of 100
            redis_server.command("XADD", key, f"{number}-0", "k", "refused", "n", "1")
        store.refused.note(refusal())
        await audited(store)
        length = redis_server.command("XLEN", key)
    assert isinstance(length, int)
    assert length < 101

"""What the heartbeats and leases of a deployment say, over a real server."""

import pytest
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.store.census import Counted, CountedProcess
from mix2api.store.heartbeat import ProcessLoad
from mix2api.store.redis.link import Command
from mix2api.store.store import Store
from mix2api.vocabulary import ProcessId

_FAR_MS = 60_000
"""More than any of these tests takes."""


async def change(store: Store, *commands: Command) -> None:
    """What someone else does in Redis."""
    for reply in await store.links[0].execute(*commands):
        assert not isinstance(reply, Exception), reply


def only(counted: Counted) -> CountedProcess:
    (process,) = counted.processes
    return process


async def test_a_process_is_counted_with_its_shards_and_its_load(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        store.heartbeat.load = lambda: ProcessLoad(streams=4, runs=3, queued=2, spooled=1, runtime_runs=0)
        store.heartbeat.take_shards(takes=True)
        await store.heartbeat.beat()
        counted = await store.census.take()
        process = only(counted)
        assert process.process == store.process
        assert (process.streams, process.runs, process.queued, process.spooled) == (4, 3, 2, 1)
        assert process.runtime_runs == 0
        assert (process.takes, process.shards, counted.unowned, counted.unreadable) == (True, SHARDS, (), 0)
        assert process.age_ms is not None
        assert process.skew_ms is not None
        assert 0 <= process.age_ms < _FAR_MS
        assert abs(process.skew_ms) < _FAR_MS


async def test_the_skew_of_a_clock_is_told(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        key = store.keys.process(store.process)
        (told,) = await store.links[0].execute(("HGET", key, "beat_ms"))
        await change(store, ("HSET", key, "beat_ms", int(told) + 10 * _FAR_MS))
        skew_ms = only(await store.census.take()).skew_ms
        assert skew_ms is not None
        assert abs(skew_ms - 10 * _FAR_MS) < _FAR_MS


async def test_a_process_that_missed_its_beats_is_late(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        assert not only(await store.census.take()).is_late
        key = store.keys.process(store.process)
        await change(store, ("HSET", key, "lease_ms", 2 * _FAR_MS), ("PEXPIRE", key, _FAR_MS))
        process = only(await store.census.take())
        assert process.is_late
        assert process.age_ms is not None
        assert process.age_ms >= 3 * _FAR_MS


async def test_a_heartbeat_that_a_thread_has_prolonged_has_no_age(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await change(store, ("PEXPIRE", store.keys.process(store.process), 10 * _FAR_MS))
        process = only(await store.census.take())
        assert (process.age_ms, process.skew_ms, process.is_late) == (None, None, False)


async def test_a_heartbeat_of_the_version_before_lacks_its_load(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        newer = ("beat_ms", "lease_ms", "streams", "runs", "queued", "spooled")
        await change(store, ("HDEL", store.keys.process(store.process), *newer))
        counted = await store.census.take()
        process = only(counted)
        assert (process.streams, process.runs, process.age_ms, process.skew_ms) == (None,) * 4
        assert counted.unreadable == 0


async def test_shards_without_an_owner_are_named(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.leases.release()
        counted = await store.census.take()
        assert counted.unowned == tuple(range(SHARDS))
        assert only(counted).shards == 0


async def test_a_process_that_has_ended_is_not_counted(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await change(store, ("SADD", store.keys.processes(), "gone"))
        counted = await store.census.take()
        assert only(counted).process == store.process
        assert counted.unreadable == 0


@pytest.mark.parametrize(
    "field",
    [
        ("version", b"\xff"),
        ("role", "two words"),
        ("channel", "two\nlines"),
        ("weight", "-1"),
        ("runs", "1e3"),
        ("beat_ms", "9" * 40),
    ],
)
async def test_a_damaged_field_is_a_miss_and_counted(
    redis_server: RedisServer, field: tuple[str, bytes | str]
) -> None:
    async with stored(redis_server.url) as store:
        await change(store, ("HSET", store.keys.process(store.process), *field))
        counted = await store.census.take()
        assert (counted.processes, counted.unreadable, store.damage.total) == ((), 1, 1)


async def test_a_heartbeat_without_a_needed_field_is_a_miss(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await change(store, ("HDEL", store.keys.process(store.process), "weight"))
        assert (await store.census.take()).unreadable == 1


async def test_heartbeats_of_another_type_or_without_expiry_are_misses(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        text, lasting = ProcessId("text"), ProcessId("lasting")
        await change(
            store,
            ("SADD", store.keys.processes(), text, lasting, "no process"),
            ("SET", store.keys.process(text), "x", "PX", _FAR_MS),
            ("HSET", store.keys.process(lasting), "role", "serve"),
        )
        counted = await store.census.take()
        assert only(counted).process == store.process
        assert (counted.unreadable, store.damage.total) == (3, 3)


async def test_a_set_of_processes_that_is_none_is_a_miss(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await change(store, ("DEL", store.keys.processes()), ("SET", store.keys.processes(), "x"))
        counted = await store.census.take()
        assert (counted.processes, counted.unreadable) == ((), 1)

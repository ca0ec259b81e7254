"""Traces in Redis: sealed, bounded in number and in time, and nothing of them rests."""

from pathlib import Path

import pytest
from damages import WHOLE, put
from projections.test_traces import trace
from redis_server import RedisServer
from stored_runs import stored
from whole_system import until

from mix2api.store.store import Store
from mix2api.store.traces import TraceBounds
from mix2api.vocabulary import RunId

DAY = TraceBounds(life_ms=86_400_000, most=3)
NOW_MS = 10**12


async def keep(store: Store, *numbers: int, bounds: TraceBounds = DAY) -> None:
    for number in numbers:
        await store.traces.keep(trace(run_id=f"run_{number}", at_ms=NOW_MS + number), bounds)


async def kept(store: Store) -> list[str]:
    return [each.run_id for each in await store.traces.newest(10)]


async def test_a_trace_comes_back_by_its_run_and_in_the_list(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await keep(store, 1, 2)
        assert await kept(store) == ["run_2", "run_1"]
        assert await store.traces.of_run(RunId("run_1")) == trace(run_id="run_1", at_ms=NOW_MS + 1)
        assert await store.traces.of_run(RunId("run_9")) is None


async def test_beyond_the_bound_the_oldest_give_way(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await keep(store, *range(5))
        assert await kept(store) == ["run_4", "run_3", "run_2"]
        assert await store.traces.of_run(RunId("run_1")) is None


async def test_traces_are_sealed_and_expire(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await keep(store, 1)
        for key in (store.keys.trace(RunId("run_1")), store.keys.traces()):
            left_ms = redis_server.command("PTTL", key)
            assert isinstance(left_ms, int)
            assert 0 < left_ms <= DAY.life_ms
        data = redis_server.command("GET", store.keys.trace(RunId("run_1")))
        assert isinstance(data, bytes)
        assert b"codex" not in data


@pytest.mark.parametrize("damage", WHOLE)
async def test_damage_costs_what_it_hit(redis_server: RedisServer, damage: str) -> None:
    async with stored(redis_server.url) as store:
        await keep(store, 1)
        put(redis_server, store.keys.trace(RunId("run_1")), WHOLE[damage])
        assert await store.traces.of_run(RunId("run_1")) is None
        assert await kept(store) == []
        put(redis_server, store.keys.traces(), WHOLE[damage])
        await kept(store)
        await keep(store, 2)
        assert "run_2" in await kept(store)


async def test_nothing_of_a_trace_rests_once_its_life_is_over(redis_server: RedisServer) -> None:
    def written() -> bytes:
        return b"".join(path.read_bytes() for path in folder.rglob("*.aof"))

    async def rewritten() -> bool:
        told = redis_server.command("INFO", "persistence")
        assert isinstance(told, bytes)
        return b"aof_rewrite_in_progress:0" in told and b"aof_rewrite_scheduled:0" in told

    folder = Path(redis_server.command("CONFIG", "GET", "dir")[1].decode())  # type: ignore[index]
    redis_server.command("CONFIG", "SET", "appendonly", "yes")
    try:
        async with stored(redis_server.url) as store:
            await until(rewritten)
            await keep(store, 1, bounds=TraceBounds(life_ms=500, most=3))
            sealed = redis_server.command("GET", store.keys.trace(RunId("run_1")))
            assert isinstance(sealed, bytes)
            assert sealed in written()

            async def gone() -> bool:
                return redis_server.command("KEYS", "*:trace*") == []

            await until(gone)
            redis_server.command("BGREWRITEAOF")
            await until(rewritten)
            assert sealed not in written()
            assert await kept(store) == []
    finally:
        redis_server.command("CONFIG", "SET", "appendonly", "no")

"""Open sessions of runtimes: the same contract in Redis and in memory; in Redis sealed, with an expiry, and damage gives way."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from damages import VALUES, WHOLE, put
from redis_server import RedisServer
from stored_runs import stored

from mix2api.sessions.bridged import Bridged
from mix2api.sessions.runtime_sessions import OpenSession, RuntimeSessions, ToolContext
from mix2api.store.runtime_sessions import LIFE_S
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.vocabulary import Digest, ProcessId, RunId

BRIDGED = Bridged(
    client_session="agent-planted",
    trace="trace-1",
    actor_key=Digest("a"),
    project_key=Digest("p"),
    scope_key=Digest("s"),
    project="planted project",
    access_token="planted token",
)
OPENED = OpenSession(run_id=RunId("run_1"), process=ProcessId("p_1"), title="t", session="ses_planted")
CONTEXT = ToolContext.of(BRIDGED, "ses_planted")
Making = Callable[[RedisServer], AbstractAsyncContextManager[RuntimeSessions]]


@asynccontextmanager
async def in_redis(redis_server: RedisServer) -> AsyncIterator[RuntimeSessions]:
    async with stored(redis_server.url) as store:
        yield store.runtime


@asynccontextmanager
async def in_memory(_: RedisServer) -> AsyncIterator[RuntimeSessions]:
    yield MemoryRuntimeSessions()


@pytest.mark.parametrize("making", [in_redis, in_memory])
async def test_an_entry_stands_from_its_announcement_to_its_removal(
    making: Making, redis_server: RedisServer
) -> None:
    async with making(redis_server) as sessions:
        announced = OpenSession(run_id=OPENED.run_id, process=OPENED.process, title="t")
        await sessions.announce(announced)
        assert await sessions.open() == [announced]
        await sessions.put(OPENED, CONTEXT)
        assert await sessions.open() == [OPENED]
        assert await sessions.context("ses_planted") == CONTEXT
        assert await sessions.context("ses_other") is None
        assert await sessions.knows(Digest("s"))
        assert not await sessions.knows(Digest("t"))
        for _ in range(2):
            await sessions.remove(OPENED)
        assert await sessions.open() == []
        assert await sessions.context("ses_planted") is None


async def test_all_of_it_is_sealed_and_expires_and_nothing_stays(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.runtime.put(OPENED, CONTEXT)
        names = redis_server.command("KEYS", "*{runtime}*")
        assert isinstance(names, list)
        assert len(names) == 3
        for name in names:
            left_s = redis_server.command("TTL", name)
            assert isinstance(left_s, int)
            assert 0 < left_s <= LIFE_S
            assert b"planted" not in redis_server.command("DUMP", name) + name  # type: ignore[operator]
        await store.runtime.remove(OPENED)
        assert redis_server.command("KEYS", "*{runtime}*") == [store.keys.runtime_scope(Digest("s")).encode()]


@pytest.mark.parametrize("damage", WHOLE)
async def test_damage_in_place_of_a_key_costs_what_it_hit(redis_server: RedisServer, damage: str) -> None:
    async with stored(redis_server.url) as store:
        key = store.keys.runtime_open()
        context = store.keys.runtime_context(store.seal.digest("ses_planted", "runtime"))
        await store.runtime.put(OPENED, CONTEXT)
        put(redis_server, context, WHOLE[damage])
        assert await store.runtime.context("ses_planted") is None
        put(redis_server, key, WHOLE[damage])
        assert await store.runtime.open() == []
        put(redis_server, key, WHOLE[damage])
        await store.runtime.put(OPENED, CONTEXT)
        assert await store.runtime.open() == [OPENED]
        assert await store.runtime.context("ses_planted") == CONTEXT
        put(redis_server, key, WHOLE[damage])
        await store.runtime.remove(OPENED)
        assert await store.runtime.open() == []


@pytest.mark.parametrize("damage", VALUES)
async def test_an_entry_that_cannot_be_read_is_removed_and_the_others_stay(
    redis_server: RedisServer, damage: str
) -> None:
    async with stored(redis_server.url) as store:
        await store.runtime.put(OPENED, CONTEXT)
        redis_server.command("HSET", store.keys.runtime_open(), "run_2", VALUES[damage])
        assert await store.runtime.open() == [OPENED]
        assert redis_server.command("HLEN", store.keys.runtime_open()) == 1
        assert store.damage.total

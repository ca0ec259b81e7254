"""The seat of a release's guard: one guard at a time, and only one that lives."""

import damages
import pytest
import store_parts as parts
from msgspec.structs import replace
from redis_server import RedisServer
from release.releases import beat
from whole_system import until

from mix2api.release.release import ReleaseState

BEAT = beat(ReleaseState())
OTHER = replace(BEAT, guard="guard-2")
LIFE_MS = 60_000


async def test_one_guard_sits_and_says_what_it_has_concluded(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        assert await store.guard.read() is None
        assert await store.guard.sit(BEAT, LIFE_MS)
        assert not await store.guard.sit(OTHER, LIFE_MS)
        newer = replace(BEAT, number=7)
        assert await store.guard.sit(newer, LIFE_MS)
        assert await store.guard.read() == newer


async def test_a_guard_that_beats_no_more_makes_room(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.guard.sit(BEAT, 1)

        async def is_gone() -> bool:
            return await store.guard.sit(OTHER, LIFE_MS)

        await until(is_gone)


@pytest.mark.parametrize("damage", damages.WHOLE)
async def test_what_no_guard_wrote_keeps_no_guard_away(redis_server: RedisServer, damage: str) -> None:
    async with parts.running_store(redis_server.url) as store:
        damages.put(redis_server, store.keys.release_guard(), damages.WHOLE[damage])
        assert await store.guard.read() is None
        assert await store.guard.sit(BEAT, LIFE_MS)
        assert await store.guard.read() == BEAT


async def test_a_heartbeat_without_expiry_is_no_guard_s(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.guard.sit(BEAT, LIFE_MS)
        redis_server.command("PERSIST", store.keys.release_guard())
        assert await store.guard.read() is None
        assert await store.guard.sit(OTHER, LIFE_MS)

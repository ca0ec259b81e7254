"""What processes tell of their settings, in Redis."""

import damages
import pytest
import store_parts as parts
from redis_server import RedisServer

from mix2api.store.process_settings import LIFE_MS
from mix2api.vocabulary import ProcessId

SHOWN = {"PORT": "3100", "MIX2API_SECRET": "***"}
OTHER = ProcessId("p_another")


async def test_they_are_read_as_they_were_told_and_expire(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.process_settings.keep(store.process, SHOWN)
        assert await store.process_settings.of([store.process, OTHER]) == [SHOWN]
        left_ms = redis_server.command("PTTL", store.keys.process_settings(store.process))
        assert isinstance(left_ms, int)
        assert LIFE_MS - 60_000 < left_ms <= LIFE_MS
        assert (store.damage.total, await store.process_settings.of([])) == (0, [])


@pytest.mark.parametrize("damage", damages.WHOLE)
async def test_what_no_process_wrote_is_left_out_and_gives_way(
    redis_server: RedisServer, damage: str
) -> None:
    async with parts.running_store(redis_server.url) as store:
        damages.put(redis_server, store.keys.process_settings(store.process), damages.WHOLE[damage])
        assert await store.process_settings.of([store.process]) == []
        assert store.damage.total == (damage != "nothing")
        await store.process_settings.keep(store.process, SHOWN)
        assert await store.process_settings.of([store.process]) == [SHOWN]

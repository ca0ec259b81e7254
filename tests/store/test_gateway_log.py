"""What a gateway was told, in Redis."""

import damages
import store_parts as parts
from redis_server import RedisServer

from mix2api.release.gateway import GatewayNews
from mix2api.store.release_log import HISTORY_MS

NEWS = GatewayNews(number=3, release="rel-1", at_ms=1, who="ann", stable=95, canary=5)


async def test_it_is_read_as_it_was_added_and_expires(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        assert (await store.gateway.last(), await store.gateway.history()) == (None, [])
        await store.gateway.add(NEWS)
        later = GatewayNews(number=4, release="rel-1", at_ms=2, who="ann", stable=100, canary=0, fault="away")
        await store.gateway.add(later)
        assert (await store.gateway.last(), await store.gateway.history()) == (later, [NEWS, later])
        left_ms = redis_server.command("PTTL", store.keys.release_gateway())
        assert isinstance(left_ms, int)
        assert HISTORY_MS - 60_000 < left_ms <= HISTORY_MS
        assert store.damage.total == 0


async def test_what_no_process_wrote_counts_as_none_and_gives_way(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        for damage in (*damages.ENTRIES.values(), *damages.WHOLE.values()):
            damages.put(redis_server, store.keys.release_gateway(), damage)
            await store.gateway.last()
            await store.gateway.history()
            await store.gateway.add(NEWS)
            assert await store.gateway.last() == NEWS
        assert store.damage.total

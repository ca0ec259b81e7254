"""The part of the store that service levels are read from."""

import io

import pytest
from cli.test_slo import good
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.cli.slo import SloQuery, slo
from mix2api.errors import ConfigurationError
from mix2api.store.level_store import open_level_store
from mix2api.store.options import StoreOptions


def options(server: RedisServer, shards: int = SHARDS) -> StoreOptions:
    return StoreOptions(url=server.url, secret=b"0123456789abcdef0123456789abcdef", shards=shards, role="slo")


async def test_it_reads_what_the_whole_store_wrote_and_keeps_the_same_fold(redis_server: RedisServer) -> None:
    out = io.StringIO()
    async with stored(redis_server.url) as store:
        await good(store)
        async with open_level_store(options(redis_server)) as part:
            assert await slo(part, SloQuery(), out) == 0
        kept = await store.slo.load()
        assert list(kept.reached) == [1]


async def test_it_is_not_opened_where_the_whole_store_would_not_be(redis_server: RedisServer) -> None:
    async with stored(redis_server.url):
        with pytest.raises(ConfigurationError, match="MIX2API_SHARDS is 5"):
            async with open_level_store(options(redis_server, shards=SHARDS + 1)):
                pass

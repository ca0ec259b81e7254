"""Processes of both channels over a real store, as far as a release sees them: their heartbeats and their leases."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import store_parts as parts
from redis_server import RedisServer

from mix2api.store.store import Store
from mix2api.vocabulary import Channel

SHARDS = 8
VERSION = "2.0"
BOTH = ((Channel.STABLE, "1.9"), (Channel.CANARY, VERSION))


@asynccontextmanager
async def members(redis: RedisServer, *versions: tuple[Channel, str]) -> AsyncIterator[list[Store]]:
    """Processes that take shards, each of a channel and a version."""
    async with AsyncExitStack() as stack:
        stores = []
        for channel, version in versions:
            running = parts.running_store(
                redis.url, channel=channel, version=version, shards=SHARDS, lease_s=60
            )
            stores.append(await stack.enter_async_context(running))
        for store in stores:
            await store.spread.enter(lambda _: None, lambda _: None)
        yield stores


async def settle(*stores: Store) -> None:
    """Lets each take the shards that are its own now."""
    for store in (*stores, *stores):
        await store.spread.settle(lambda _: None, lambda _: None)

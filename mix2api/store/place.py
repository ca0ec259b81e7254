"""Where the store is: Redis at a URL, or the embedded server. Found, and checked before anything is read or written."""

from contextlib import AsyncExitStack
from typing import Final

import trio
from attrs import frozen

from mix2api.errors import ConfigurationError
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.options import StoreOptions
from mix2api.store.redis.checks import Deployment, check_redis
from mix2api.store.redis.embedded import EmbeddedServer
from mix2api.store.redis.location import RedisLocation
from mix2api.store.redis.routing import SlotTable
from mix2api.store.secret_file import SHORTEST, kept_secret

_LIVING_ROLES: Final = frozenset({"serve", "edge", "worker"})
"""Of processes that show a heartbeat; all other roles are names of commands."""


@frozen
class Place:
    """A server, and the seal of the deployment that it has."""

    location: RedisLocation
    seal: Seal
    server: EmbeddedServer | None
    """None: the settings name a server, which others run."""


async def found_place(options: StoreOptions, stack: AsyncExitStack) -> Place:
    """The server that the options name; the embedded one is started where it does not run.

    Args:
        options: of the store.
        stack: gives the embedded server up on the way out.

    Raises:
        ConfigurationError: one line that says what to do.
    """
    location, secret, server = await _found(options, stack)
    return Place(location, Seal(secret), server)


async def check_place(
    place: Place, options: StoreOptions, keys: Keys, table: SlotTable | None = None
) -> None:
    """Checks the server and the deployment (`mix2api.store.redis.checks`).

    Args:
        place: of the store.
        options: likewise.
        keys: likewise.
        table: of a cluster.

    Raises:
        ConfigurationError: one line that says what to do.
    """
    lease_ms = int(options.lease_s * 1000) if options.role in _LIVING_ROLES else None
    deployment = Deployment(keys=keys, seal=place.seal, shards=options.shards, lease_ms=lease_ms)
    await trio.to_thread.run_sync(check_redis, place.location, options.timeouts, deployment, table)


async def _found(
    options: StoreOptions, stack: AsyncExitStack
) -> tuple[RedisLocation, bytes, EmbeddedServer | None]:
    if options.secret is not None and len(options.secret) < SHORTEST:
        raise ConfigurationError(f"MIX2API_SECRET is too short: at least {SHORTEST} characters, random ones")
    if options.url is not None:
        if options.secret is None:
            raise ConfigurationError(
                "MIX2API_SECRET is required with REDIS_URL: "
                "set it to the same 32 random characters in all processes"
            )
        return RedisLocation.parse(options.url), options.secret, None
    server = await trio.to_thread.run_sync(EmbeddedServer.found, options.data_dir)
    stack.push_async_callback(_leave, server)
    await server.enter()
    secret = options.secret if options.secret is not None else kept_secret(options.data_dir)
    return server.location, secret, server


async def _leave(server: EmbeddedServer) -> None:
    with trio.CancelScope(shield=True):
        await server.leave()

"""The part of the store that service levels are read from: the audit streams and the kept fold, over one connection.

`mix2api slo` may run every minute. The whole store has twenty parts, and to load them took a quarter of the command's time.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import trio
from attrs import frozen

from mix2api.store.audit_stream import AuditStream
from mix2api.store.damage import DamageCounter
from mix2api.store.kept_slo import KeptSlo
from mix2api.store.keys import Keys
from mix2api.store.options import StoreOptions
from mix2api.store.place import check_place, found_place
from mix2api.store.redis.server_link import ServerLink


class LevelSource(Protocol):
    """What service levels are read from: a `LevelStore`, or the whole `mix2api.store.store.Store`."""

    @property
    def audit(self) -> AuditStream:
        """The audit streams."""
        ...

    @property
    def slo(self) -> KeptSlo:
        """The kept fold."""
        ...

    @property
    def damage(self) -> DamageCounter:
        """What was passed over."""
        ...


@frozen(kw_only=True)
class LevelStore:
    """See `LevelSource`."""

    audit: AuditStream
    slo: KeptSlo
    damage: DamageCounter


@asynccontextmanager
async def open_level_store(options: StoreOptions) -> AsyncIterator[LevelSource]:
    """This part of the store that the options name.

    Raises:
        ConfigurationError: one line that says what to do.
    """
    async with AsyncExitStack() as stack:
        place = await found_place(options, stack)
        if place.location.nodes:
            # A cluster's links share tasks, which the whole store runs.
            from mix2api.store.opening import open_store  # noqa: PLC0415

            yield await stack.enter_async_context(open_store(options))
            return
        keys, damage = Keys(options.prefix), DamageCounter()
        await check_place(place, options, keys)
        link = ServerLink(place.location, options.timeouts, f"{options.prefix}-read")
        try:
            yield LevelStore(
                audit=AuditStream(link=link, keys=keys, shards=options.shards, damage=damage),
                slo=KeptSlo(link=link, keys=keys, seal=place.seal, life_ms=options.retention_s * 1000),
                damage=damage,
            )
        finally:
            with trio.CancelScope(shield=True):
                await link.aclose()

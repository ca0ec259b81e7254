"""Whether Redis keeps what it has confirmed: told while it works and answers, which no refusal shows.

Two things go wrong in silence. An operator may let Redis evict keys at run time. A server that was killed may come back without
its last second (`appendfsync everysec`), or be a replica that had not yet received it: the runs that lost events are fenced.
"""

from typing import Final

import structlog
import trio
from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.store.redis.checks import KEEPING, eviction_policy
from mix2api.store.refusals import told
from mix2api.store.store import Store

_LOOKS_S: Final = 15.0
"""A look is one round trip. Evictions begin when `maxmemory` is reached, which takes longer than that."""


@define(eq=False)
class StoreKeeping:
    """Looks at one process's store.

    Args:
        store: its.
        logger: of the process.
    """

    _store: Store
    _logger: structlog.typing.FilteringBoundLogger
    _policy: str = field(default=KEEPING, init=False)
    _forgotten: int = field(default=0, init=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What `/health` tells as long as it is so."""
        if self._policy == KEEPING:
            return ()
        return (
            f"Redis has maxmemory-policy {self._policy} and may evict the event log: set it to {KEEPING}",
        )

    async def watch(self) -> None:
        """Looks, for ever. While Redis is away nothing is asked."""
        while True:
            try:
                await self.look()
            except StoreUnavailable:
                await self._store.links[0].wait_up()
            await trio.sleep(_LOOKS_S)

    async def look(self) -> None:
        """Looks once, and writes a line for each change.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        forgotten = self._store.log.writer.statistics().out_of_order
        if forgotten > self._forgotten:
            self._logger.warning("store.forgot", appends=forgotten - self._forgotten)
        self._forgotten = forgotten
        policy = KEEPING
        servers = self._store.links[0].servers()
        for server in [server for server in servers if not server.is_lost] or servers:
            (reply,) = told(await server.execute(("INFO", "memory")))
            policy = max(
                policy, eviction_policy(reply.decode("utf-8", "replace")), key=lambda one: one != KEEPING
            )
        if policy != self._policy:
            self._logger.warning("store.keeps" if policy == KEEPING else "store.evicts", policy=policy)
        self._policy = policy

"""The owners of shards, as an edge asks for them."""

from typing import Final

import trio
from attrs import define, field

from mix2api.errors import Overloaded
from mix2api.relay.fresh_shards import FreshShards
from mix2api.relay.ports import Inboxes
from mix2api.vocabulary import Detail, ProcessId, Shard

_ASKED_PER_PERIOD: Final = 50
_ASKED: Final = 25
"""Half a period: leases are taken three times in one. Longer would keep clients waiting where no worker lives at all."""


@define(eq=False, kw_only=True)
class Owners:
    """Asks, and remembers.

    Args:
        inboxes: know who owns a shard.
        fresh: knows a shard's channel.
        period_s: how long a lease lasts.
    """

    _inboxes: Inboxes
    _fresh: FreshShards
    _period_s: float
    known: dict[Shard, ProcessId] = field(factory=dict, init=False)
    """Who owned a shard when a turn was put there last. The store takes a turn only if that still holds."""

    async def wait(self, shard: Shard) -> ProcessId:
        """The shard's owner. One that lost its lease with an emptied store, or is handing over, is waited for.

        Raises:
            Overloaded: nobody took the shard in time.
            StoreUnavailable: Redis does not answer.
        """
        for _ in range(_ASKED):
            owner = await self._inboxes.lease_owner(shard)
            if owner is not None:
                return owner
            await trio.sleep(self._period_s / _ASKED_PER_PERIOD)
        raise Overloaded(
            "no worker owns the session's shard; try again",
            detail=Detail.NO_OWNER,
            worker_channel=self._fresh.channel_of(shard),
        )

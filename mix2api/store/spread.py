"""Spreads the shards over the live processes: takes what should be this process's, and hands over what should be another's.

Three times a lease a process looks who else lives, computes the owner of every shard (`mix2api.store.channel_owners`), takes or
renews the shards that are its own, and hands the others to their owners. Nobody decides for all: a process that sees the others
late gives a shard to an owner of a moment ago, which hands it on. Runs that are under way stay where they run: `open` guards them,
and not the lease (ADR 39).
"""

from collections.abc import Callable, Mapping
from typing import Final

import trio
from attrs import define, frozen

from mix2api.errors import StoreUnavailable
from mix2api.stepping import in_turn
from mix2api.store.channel_owners import ChannelOwners
from mix2api.store.heartbeat import Heartbeat
from mix2api.store.leases import LeaseChange, Leases
from mix2api.store.redis.link import RedisLink
from mix2api.vocabulary import ProcessId, Shard

_ROUNDS_PER_LEASE: Final = 3
"""Two may fail before a shard is lost."""
_AT_ONCE: Final = 32
"""Shards handed over in one round trip: a new owner reads so many inboxes at once."""


@frozen
class Handed:
    """Shards that this process gave to another, which is to be told."""

    to: ProcessId
    shards: tuple[Shard, ...]


OnHanded = Callable[[Handed], None]
OnChange = Callable[[LeaseChange], None]


@define(eq=False, kw_only=True)
class Spread:
    """This process's share.

    Args:
        link: the leases'.
        leases: of this process.
        heartbeat: shows whether it takes shards, and sees the others.
        owners: says whose each shard is.
        lease_s: how long a lease lasts.
    """

    _link: RedisLink
    _leases: Leases
    _heartbeat: Heartbeat
    _owners: ChannelOwners
    _lease_s: float

    async def enter(self, on_change: OnChange, on_handed: OnHanded) -> None:
        """Shows that this process takes shards, and takes those of its share that are free; others hand it the rest.

        Args:
            on_change: told whenever shards were gained or lost.
            on_handed: told of shards that were given to another process.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        self._heartbeat.take_shards(takes=True)
        await self._heartbeat.beat()
        await self.settle(on_change, on_handed)

    async def leave(self, on_change: OnChange, on_handed: OnHanded) -> None:
        """Takes no more shards, and gives all of them to the others; `on_change` and `on_handed` as for `enter`.

        Raises:
            StoreUnavailable: Redis does not answer; the leases run out by themselves.
        """
        self._heartbeat.take_shards(takes=False)
        await self._heartbeat.beat()
        await self.settle(on_change, on_handed)

    async def settle(self, on_change: OnChange, on_handed: OnHanded) -> None:
        """Takes and renews what is this process's, and hands over the rest, once.

        Raises:
            StoreUnavailable: Redis does not answer; what was told until then holds.
        """
        try:
            await self._heartbeat.hear()
        except StoreUnavailable:
            if not self._link.is_down:
                # In a Redis Cluster the heartbeats' master alone may be away: what is held is kept, and nothing changes hands.
                _tell(await self._leases.acquire(self._leases.held), on_change)
            raise
        process, division = self._heartbeat.process, self._heartbeat.release.division
        owners = await in_turn(self._owners.owners(self._heartbeat.takers(), division))
        mine = [Shard(number) for number, owner in enumerate(owners) if owner == process]
        _tell(await self._leases.acquire(mine), on_change)
        others = {shard: owners[shard] for shard in self._leases.held.difference(mine)}
        await self._hand_over(others, on_change, on_handed)

    async def _hand_over(
        self, shards: Mapping[Shard, ProcessId | None], on_change: OnChange, on_handed: OnHanded
    ) -> None:
        waiting = sorted(shards)
        for first in range(0, len(waiting), _AT_ONCE):
            some = {shard: shards[shard] for shard in waiting[first : first + _AT_ONCE]}
            peers = self._heartbeat.peers
            holders = {shard: None if to is None else peers.holder(to) for shard, to in some.items()}
            _tell(await self._leases.hand(holders), on_change)
            for to in sorted({some[shard] or "" for shard, holder in holders.items() if holder is not None}):
                on_handed(Handed(ProcessId(to), tuple(shard for shard in some if some[shard] == to)))

    async def keep(self, on_change: OnChange, on_handed: OnHanded) -> None:
        """Settles again and again, for ever; silent while Redis is away."""
        while True:
            try:
                await self.settle(on_change, on_handed)
            except StoreUnavailable:
                await self._link.wait_up()
            await trio.sleep(self._lease_s / _ROUNDS_PER_LEASE)


def _tell(change: LeaseChange, on_change: OnChange) -> None:
    if change != LeaseChange():
        on_change(change)

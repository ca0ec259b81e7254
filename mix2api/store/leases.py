"""Leases on shards: who may accept runs there. In their simplest true form: a process takes every shard that is free.

A lease is a string `<process>:<nonce>:<epoch>` with expiry; the epoch counts how often the shard was taken. What the
process believes does not matter: the append script compares the token.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import trio
from attrs import define, field, frozen

from mix2api.errors import StoreUnavailable
from mix2api.store.keys import Keys
from mix2api.store.link import Command, RedisLink
from mix2api.store.scripts import ACQUIRE, RELEASE, run_scripts
from mix2api.vocabulary import Shard

_RENEWALS_PER_LEASE: Final = 3
"""Two may fail before a shard is lost."""
_UNBROKEN: Final = (0, 1)
"""By how much the epoch of a shard grows that nobody else had: extended, or run out and taken again."""


@frozen
class LeaseChange:
    """What a renewal brought.

    A shard that was in other hands in between, or whose store was emptied, is both lost and gained: what its old owner
    knew of it may not be true any more.
    """

    gained: frozenset[Shard] = frozenset()
    lost: frozenset[Shard] = frozenset()


@define(eq=False, kw_only=True)
class Leases:
    """The shards that this process holds.

    Args:
        link: its own connection: a long append must not cost a lease.
        keys: key names.
        holder: `<process>:<nonce>`.
        lease_s: how long a lease lasts without renewal.
        shards: how many there are.
    """

    _link: RedisLink
    _keys: Keys
    _holder: str
    _lease_s: float
    _shards: int
    _tokens: dict[Shard, str] = field(factory=dict, init=False)

    @property
    def held(self) -> frozenset[Shard]:
        """The shards held when we last heard."""
        return frozenset(self._tokens)

    def token(self, shard: Shard) -> str | None:
        """The token under which we hold a shard; None if we do not."""
        return self._tokens.get(shard)

    async def acquire(self, shards: Iterable[Shard] | None = None) -> LeaseChange:
        """Takes what is free among these shards (all, if none are named) and extends what is ours.

        A lease of ours that ran out unnoticed is taken again, if nobody else was faster; nothing has changed if nobody
        had it in between.

        Raises:
            StoreUnavailable: Redis does not answer; nothing is known to have changed.
        """
        asked = [Shard(number) for number in range(self._shards)] if shards is None else list(shards)
        lease_ms = int(self._lease_s * 1000)
        calls: list[Command] = [
            ACQUIRE.call([self._keys.lease(shard), self._keys.epoch(shard)], [self._holder, lease_ms])
            for shard in asked
        ]
        replies = await run_scripts(self._link, calls)
        before = dict(self._tokens)
        for shard, reply in zip(asked, replies, strict=True):
            if isinstance(reply, Exception):
                raise StoreUnavailable from reply
            if reply is None:
                self._tokens.pop(shard, None)
            else:
                self._tokens[shard] = reply.decode()
        return _change(before, self._tokens)

    async def renew(self) -> LeaseChange:
        """Extends what is ours; `lost` is what another has by now.

        Raises:
            StoreUnavailable: Redis does not answer; nothing is known to have changed.
        """
        return await self.acquire(self.held)

    async def release(self) -> None:
        """Gives all leases up.

        Raises:
            StoreUnavailable: Redis does not answer; they run out by themselves.
        """
        tokens, self._tokens = self._tokens, {}
        if tokens:
            calls = [RELEASE.call([self._keys.lease(shard)], [token]) for shard, token in tokens.items()]
            await run_scripts(self._link, calls)

    async def owners(self) -> dict[Shard, str | None]:
        """Every shard's lease token, None where nobody holds it.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        shards = [Shard(number) for number in range(self._shards)]
        replies = await self._link.execute(*(("GET", self._keys.lease(shard)) for shard in shards))
        if any(isinstance(reply, Exception) for reply in replies):
            raise StoreUnavailable
        return {
            shard: None if reply is None else reply.decode()
            for shard, reply in zip(shards, replies, strict=True)
        }

    async def keep(self, on_change: Callable[[LeaseChange], None]) -> None:
        """Renews and takes what becomes free, for ever; silent while Redis is away.

        Args:
            on_change: told whenever shards were gained or lost.
        """
        while True:
            try:
                change = await self.acquire()
            except StoreUnavailable:
                await self._link.wait_up()
            else:
                if change != LeaseChange():
                    on_change(change)
            await trio.sleep(self._lease_s / _RENEWALS_PER_LEASE)


def _change(before: Mapping[Shard, str], after: Mapping[Shard, str]) -> LeaseChange:
    broken = {
        shard
        for shard, token in after.items()
        if shard in before and _epoch(token) - _epoch(before[shard]) not in _UNBROKEN
    }
    return LeaseChange(
        gained=frozenset((after.keys() - before.keys()) | broken),
        lost=frozenset((before.keys() - after.keys()) | broken),
    )


def _epoch(token: str) -> int:
    return int(token.rpartition(":")[2])

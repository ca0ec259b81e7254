"""Leases on shards: who may accept runs there. Which shards a process takes is `mix2api.store.spread`'s to say.

A lease is a string `<process>:<nonce>:<epoch>` with expiry; the epoch counts how often the shard was taken. What the
process believes does not matter: the append script compares the token.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field, frozen

from mix2api.errors import StoreUnavailable
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import ACQUIRE, HAND, RELEASE, run_scripts_partly
from mix2api.vocabulary import ProcessId, Shard

_LEASE: Final = 1
_EPOCH: Final = 2
"""What of a shard gave way, in the acquiring script's sum."""
_TOKEN: Final = re.compile(rb"([\w.-]{1,64}):[\w.-]{1,64}:[0-9]{1,32}")
"""`<process>:<nonce>:<epoch>`."""
_UNBROKEN: Final = (0, 1)
"""By how much the epoch of a shard grows that nobody else had: extended, or run out and taken again."""


@frozen(kw_only=True)
class Holder:
    """Who writes: this process, with a nonce, as `open` entries and leases name it."""

    process: ProcessId
    nonce: str
    word: str = field(init=False)
    """`<process>:<nonce>`."""

    @word.default
    def _word(self) -> str:
        return f"{self.process}:{self.nonce}"


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
        damage: told of leases and epochs that no process wrote.
    """

    _link: RedisLink
    _keys: Keys
    _holder: str
    _lease_s: float
    _shards: int
    _damage: DamageCounter = field(factory=DamageCounter)
    held: frozenset[Shard] = field(default=frozenset(), init=False)
    """The shards held when we last heard."""
    reached: frozenset[Shard] = field(default=frozenset(), init=False)
    """Those of them whose server answered then. In a Redis Cluster the others' master is away."""
    _silent: set[Shard] = field(factory=set, init=False)
    """Those whose server did not answer when it was asked last."""
    _tokens: dict[Shard, str] = field(factory=dict, init=False)
    _surrendered: frozenset[str] = field(default=frozenset(), init=False)
    """Tokens that were given up outside the loop, the last time that happened."""

    def token(self, shard: Shard) -> str | None:
        """The token under which we hold a shard; None if we do not."""
        return self._tokens.get(shard)

    async def acquire(self, shards: Iterable[Shard] | None = None) -> LeaseChange:
        """Takes what is free among these shards (all, if none are named) and extends what is ours.

        A lease of ours that ran out unnoticed is taken again, if nobody else was faster; nothing has changed if nobody
        had it in between. Where the master of some shards is away, nothing is known to have changed with those.

        Raises:
            StoreUnavailable: Redis does not answer; nothing is known to have changed.
        """
        asked = [Shard(number) for number in range(self._shards)] if shards is None else list(shards)
        lease_ms = int(self._lease_s * 1000)
        calls: list[Command] = [
            ACQUIRE.call([self._keys.lease(shard), self._keys.epoch(shard)], [self._holder, lease_ms])
            for shard in asked
        ]
        surrendered = self._surrendered
        replies = _told_partly(await run_scripts_partly(self._link, calls))
        # What was given up while the replies were on their way is not ours any more, whatever they say.
        stale = self._surrendered if self._surrendered is not surrendered else frozenset()
        before = dict(self._tokens)
        self._silent -= set(asked)
        for shard, reply in zip(asked, replies, strict=True):
            if isinstance(reply, Exception):
                self._silent.add(shard)
                continue
            token = self._told_damage(shard, reply)
            if token is None or token.decode() in stale:
                self._tokens.pop(shard, None)
            else:
                self._tokens[shard] = token.decode()
        self.held = frozenset(self._tokens)
        self.reached = self.held - self._silent if self._silent else self.held
        return _change(before, self._tokens)

    def _told_damage(self, shard: Shard, reply: Reply) -> bytes | None:
        """The token of a reply, in which the damage may stand that gave way."""
        if not isinstance(reply, list):
            token: bytes | None = reply
            return token
        token, which = reply
        if which & _LEASE:
            self._damage.removed(self._keys.lease(shard))
        if which & _EPOCH:
            self._damage.removed(self._keys.epoch(shard))
        return token

    async def release(self) -> None:
        """Gives all leases up.

        Raises:
            StoreUnavailable: Redis does not answer; they run out by themselves.
        """
        tokens, self._tokens, self.held, self.reached = self._tokens, {}, frozenset(), frozenset()
        if tokens:
            calls = [RELEASE.call([self._keys.lease(shard)], [token]) for shard, token in tokens.items()]
            await run_scripts_partly(self._link, calls)

    async def hand(self, shards: Mapping[Shard, str | None]) -> LeaseChange:
        """Gives leases to other processes, each in one step, so that the shard is never without an owner.

        Args:
            shards: of this process, with the holder word of who gets each; None leaves the shard to whoever is first.

        Raises:
            StoreUnavailable: Redis does not answer. What was handed over is not ours at the next renewal. Where the master
                of some shards is away, their leases run out instead.
        """
        tokens = {shard: token for shard in shards if (token := self._tokens.get(shard)) is not None}
        lease_ms = int(self._lease_s * 1000)
        calls: list[Command] = [
            HAND.call(
                [self._keys.lease(shard), self._keys.epoch(shard)], [token, shards[shard] or "", lease_ms]
            )
            for shard, token in tokens.items()
        ]
        # Ours no more from here on: a run that begins now is refused, and goes to the new owner.
        change = self.given_up(tokens)
        if calls:
            _told_partly(await run_scripts_partly(self._link, calls))
        return change

    def tokens(self) -> dict[Shard, str]:
        """What is held, under which tokens: a copy, which another thread may ask for."""
        return dict(self._tokens)

    def given_up(self, tokens: Mapping[Shard, str]) -> LeaseChange:
        """Forgets leases that were given up, such as by a thread while the loop stood still; those taken anew since then stay."""
        before = dict(self._tokens)
        self._surrendered = frozenset(tokens.values())
        for shard, token in tokens.items():
            if self._tokens.get(shard) == token:
                del self._tokens[shard]
        self.held = frozenset(self._tokens)
        self.reached = self.held - self._silent
        return _change(before, self._tokens)

    async def owners(self) -> dict[Shard, str | None]:
        """Every shard's lease token, None where nobody holds it, as where something else stands.

        In a Redis Cluster the shards are left out whose master is away.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        shards = [Shard(number) for number in range(self._shards)]
        replies = await self._link.partly(*(("GET", self._keys.lease(shard)) for shard in shards))
        return {
            shard: None if owner_of(reply) is None else reply.decode()
            for shard, reply in zip(shards, replies, strict=True)
            if not isinstance(reply, StoreUnavailable)
        }


def owner_of(reply: Reply) -> ProcessId | None:
    """The process that a lease's value names; None if there is none, as where something else stands.

    Raises:
        StoreUnavailable: the reply is a refusal for another reason.
    """
    if reply is None or is_damage(reply):
        return None
    found = _TOKEN.fullmatch(told([reply])[0])
    return None if found is None else ProcessId(found[1].decode())


def _told_partly(replies: list[Reply]) -> list[Reply]:
    """The replies, one of them at least no error.

    Raises:
        StoreUnavailable: every command was refused.
    """
    if replies and all(isinstance(reply, Exception) for reply in replies):
        told(replies)
    return replies


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

"""Owners of responses in Redis: a key for each thing, with a life of its own.

The key has a digest of the caller and the thing, so one caller never finds what another one's request has made. The value is
sealed: a model's name is a client's word.
"""

from collections.abc import Sequence
from typing import Final

from attrs import define

from mix2api.accounts.owners import Owner
from mix2api.sealing import Seal, UnsealError
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest, Sealed

_PURPOSE: Final = "owner"


@define(eq=False, kw_only=True)
class RedisOwners:
    """`mix2api.accounts.owners.Owners` in Redis.

    Args:
        link: for short commands.
        keys: key names.
        seal: for digests and values.
        damage: told of what gave way.
        ttl_s: life of what is noted, in seconds; not extended by use, as a server's own keeping is not.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _damage: DamageCounter
    _ttl_s: int

    async def note(self, caller: Digest, made: Sequence[str], owner: Owner) -> None:
        """See the port."""
        value = self._seal.seal(f"{owner.account} {owner.model}", _PURPOSE)
        if made:
            keys = (self._key(caller, thing) for thing in made)
            told(await self._link.execute(*(("SET", key, value, "EX", self._ttl_s) for key in keys)))

    async def find(self, caller: Digest, things: Sequence[str]) -> list[Owner | None]:
        """See the port. Damage counts as a thing that nobody knows."""
        if not things:
            return []
        keys = [self._key(caller, thing) for thing in things]
        replies = await self._link.execute(*(("GET", key) for key in keys))
        return [self._owner(key, reply) for key, reply in zip(keys, replies, strict=True)]

    def _key(self, caller: Digest, thing: str) -> str:
        return self._keys.owner(self._seal.digest(f"{caller} {thing}", _PURPOSE))

    def _owner(self, key: str, reply: object) -> Owner | None:
        if is_damage(reply):
            self._damage.left(key)
            return None
        (value,) = told([reply])
        if value is None:
            return None
        try:
            account, _, model = self._seal.unseal(Sealed(value.decode("ascii")), _PURPOSE).partition(" ")
        except (UnsealError, UnicodeDecodeError):
            self._damage.left(key)
            return None
        return Owner(account, model)

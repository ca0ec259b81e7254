"""Which conversations there are: by user for callers, by shard for workers and operators."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from attrs import define

from mix2api.conversations.ids import TurnRef
from mix2api.errors import StoreUnavailable
from mix2api.sealing import Seal
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest, Shard

_CONVERSATION: Final = re.compile(rb"[0-9a-f]{32}")
_ENTRY: Final = re.compile(rb"([0-9a-f]{32}):([1-9][0-9]{0,8})")
"""What no process of ours wrote is passed over."""
_PAGE: Final = 1000
_TIES: Final = 64
"""Conversations of one user that may begin in the same millisecond, and are read twice by a page that begins among them."""


def user_of(seal: Seal, caller: Digest, user_id: str) -> Digest:
    """The key of a caller's user: another caller's user of the same id has another key."""
    return seal.digest(msgspec.json.encode([caller, user_id]), "user")


@define(eq=False, kw_only=True)
class ConversationIndex:
    """Look-ups over conversations.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what was removed.
        life_ms: how long a user's list rests after its last change; 0: for ever.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter
    life_ms: int = 0

    async def open_turns(self, shards: Sequence[Shard]) -> tuple[list[TurnRef], list[Shard]]:
        """The turns of these shards that have no end, and the shards in which that list was damaged, and is begun anew.

        In a Redis Cluster the shards are left out whose master is away.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        replies = await self._link.partly(*(("HKEYS", self._keys.conversing(shard)) for shard in shards))
        found: list[TurnRef] = []
        damaged: list[Shard] = []
        for shard, reply in zip(shards, replies, strict=True):
            if isinstance(reply, StoreUnavailable):
                continue
            if is_damage(reply):
                damaged.append(shard)
                continue
            entries = [_ENTRY.fullmatch(field) for field in told([reply])[0]]
            found += (TurnRef(Digest(entry[1].decode()), int(entry[2])) for entry in entries if entry)
            if None in entries:
                self._damage.left(self._keys.conversing(shard), entries.count(None))
        for shard in damaged:
            told(await self._link.execute(("DEL", self._keys.conversing(shard))))
            self._damage.removed(self._keys.conversing(shard))
        return found, damaged

    async def note_turn(self, shard: Shard, turn: TurnRef) -> None:
        """Adds an open turn whose entry was lost.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        field = f"{turn.conversation}:{turn.number}"
        told(await self._link.execute(("HSET", self._keys.conversing(shard), field, "")))

    async def forget_turn(self, shard: Shard, turn: TurnRef) -> None:
        """Removes an entry whose turn does not exist any more, or cannot be read.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        field = f"{turn.conversation}:{turn.number}"
        told(await self._link.execute(("HDEL", self._keys.conversing(shard), field)))

    async def note(self, user: Digest, conversation: Digest, at_ms: int) -> None:
        """Adds a conversation to its user's list. Before it is created: a list may name what there is not, never lack one.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        name = self._keys.user_conversations(user)
        kept: Command = ("PEXPIRE", name, self.life_ms) if self.life_ms else ("PERSIST", name)
        commands: tuple[Command, ...] = (("ZADD", name, "NX", at_ms, conversation), kept)
        replies = await self._link.execute(*commands)
        if any(map(is_damage, replies)):
            self._damage.removed(name)
            replies = await self._link.execute(("DEL", name), *commands)
        told(replies)

    async def of_user(
        self, user: Digest, count: int, before: tuple[int, Digest] | None = None
    ) -> list[tuple[int, Digest]]:
        """So many of a user's conversations with the moments at which they began, the newest first.

        Args:
            user: of one credential.
            count: at most so many.
            before: the last one of the page before.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        name = self._keys.user_conversations(user)
        most: str | int = "+inf" if before is None else before[0]
        limits = ("LIMIT", 0, count + _TIES)
        (reply,) = await self._link.execute(("ZREVRANGEBYSCORE", name, most, "-inf", "WITHSCORES", *limits))
        if is_damage(reply):
            self._damage.left(name)
            return []
        words = told([reply])[0]
        found = [
            (int(float(score)), Digest(member.decode()))
            for member, score in zip(words[::2], words[1::2], strict=True)
            if _CONVERSATION.fullmatch(member)
        ]
        return [entry for entry in found if before is None or entry < before][:count]

    async def drop(self, user: Digest, conversations: Iterable[Digest]) -> None:
        """Removes conversations from their user's list.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        gone = list(conversations)
        if gone:
            await self._link.execute(("ZREM", self._keys.user_conversations(user), *gone))

    async def of_shard(self, shard: Shard, start: int = 0, count: int = _PAGE) -> list[Digest]:
        """So many conversations of a shard, the oldest first.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        name = self._keys.conversations(shard)
        (reply,) = await self._link.execute(("ZRANGE", name, start, start + count - 1))
        return self._members(name, reply)

    def _members(self, name: str, reply: object) -> list[Digest]:
        if is_damage(reply):
            self._damage.left(name)
            return []
        return [Digest(member.decode()) for member in told([reply])[0] if _CONVERSATION.fullmatch(member)]

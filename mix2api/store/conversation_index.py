"""Which conversations there are: by user for callers, by shard for workers and operators."""

from collections.abc import Iterable
from typing import Final

from attrs import define

from mix2api.conversations.ids import TurnRef
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest, Shard

_PAGE: Final = 1000
_TIES: Final = 64
"""Conversations of one user that may begin in the same millisecond, and are read twice by a page that begins among them."""


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

    async def open_turns(self, shards: Iterable[Shard]) -> list[TurnRef]:
        """The turns of these shards that have no end.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        names = [self._keys.conversing(shard) for shard in shards]
        found: list[TurnRef] = []
        for name, reply in zip(
            names, await self._link.execute(*(("HKEYS", name) for name in names)), strict=True
        ):
            if is_damage(reply):
                told(await self._link.execute(("DEL", name)))
                self._damage.removed(name)
                continue
            for field in told([reply])[0]:
                conversation, _, number = field.decode(errors="replace").rpartition(":")
                if number.isdigit() and conversation:
                    found.append(TurnRef(Digest(conversation), int(number)))
        return found

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
            (int(float(score)), Digest(member.decode(errors="replace")))
            for member, score in zip(words[::2], words[1::2], strict=True)
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
        return [Digest(member.decode(errors="replace")) for member in told([reply])[0]]

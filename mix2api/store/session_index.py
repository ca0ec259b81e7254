"""The look-up of sessions by history and by name, for whoever resolves a request. Written by commits, read here.

What stands there and is no session id of ours (damage, another deployment's) is deleted and told as `UnreadableIndex`.
"""

from collections.abc import Callable

from attrs import define, field

from mix2api.sessions.resolution import UnreadableIndex
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest, SessionId


@define(eq=False, kw_only=True)
class RedisSessionIndex:
    """`mix2api.sessions.resolution.SessionIndex` in Redis, one round trip a call.

    Args:
        link: for short commands.
        keys: key names.
        waiting_s: how long a claimed name lasts without being used.
        issued: the session id that a word is, None if this deployment did not issue it.
        damage: told of what led to no session of ours.
    """

    _link: RedisLink
    _keys: Keys
    _waiting_s: int
    _issued: Callable[[str], SessionId | None]
    _damage: DamageCounter = field(factory=DamageCounter)

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        """The session that came last (the likeliest to be warm) to the first of these places where any waits, and the place.

        One round trip: all are asked at once. What the others gave, which is seldom anything, is put back in another.
        Damage at one place, which is gone then, costs no session that waits at another.

        Raises:
            UnreadableIndex: there was damage, and nothing else.
            StoreUnavailable: Redis does not answer; the sessions may have been taken out.
        """
        keys = [self._keys.lineage(at) for at in places]
        replies = await self._link.execute(*(("RPOP", key) for key in keys))
        found: list[tuple[Digest, SessionId]] = []
        damaged = False
        for at, key, reply in zip(places, keys, replies, strict=True):
            try:
                session_id = await self._session_of(key, reply)
            except UnreadableIndex:
                damaged = True
            else:
                found += [] if session_id is None else [(at, session_id)]
        for at, session_id in found[1:]:
            await self.put_back(at, session_id)
        if damaged and not found:
            raise UnreadableIndex
        return found[0] if found else None

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        """Has the session wait there again, for as long as one that has just ended.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = self._keys.lineage(at)
        commands: list[Command] = [("RPUSH", key, session_id), ("PEXPIRE", key, self._waiting_s * 1000)]
        replies = await self._link.execute(*commands)
        if is_damage(replies[0]):
            replies = await self._link.execute(("DEL", key), *commands)
            self._damage.removed(key)
        told(replies)

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        """The session bound to the name, ours if there was none.

        Raises:
            UnreadableIndex: damage; the name is free now.
            StoreUnavailable: Redis does not answer; the name may have been bound.
        """
        key = self._keys.name(name)
        life_ms = self._waiting_s * 1000
        _, bound = await self._link.execute(("SET", key, session_id, "NX", "PX", life_ms), ("GET", key))
        try:
            return await self._session_of(key, bound) or session_id
        except UnreadableIndex:
            await self._delete(key)
            raise

    async def _session_of(self, key: str, reply: Reply) -> SessionId | None:
        """The session that a reply names; None if there was nothing. What is of another type is deleted."""
        if is_damage(reply):
            await self._delete(key)
            self._damage.removed(key)
            raise UnreadableIndex
        (word,) = told([reply])
        if word is None:
            return None
        session_id = self._issued(word.decode("ascii", "replace"))
        if session_id is None:
            self._damage.removed(key)
            raise UnreadableIndex
        return session_id

    async def _delete(self, key: str) -> None:
        told(await self._link.execute(("DEL", key)))

"""The look-up of sessions by history and by name, for whoever resolves a request. Written by commits, read here.

What stands there and is no session id of ours (damage, another deployment's) is deleted and told as `UnreadableIndex`.
"""

from collections.abc import Callable

from attrs import define
from redis.exceptions import ResponseError

from mix2api.sessions.resolution import UnreadableIndex
from mix2api.store.keys import Keys
from mix2api.store.link import Command, RedisLink, Reply
from mix2api.store.log import is_damage, told
from mix2api.vocabulary import Digest, SessionId


@define(eq=False, kw_only=True)
class RedisSessionIndex:
    """`mix2api.sessions.resolution.SessionIndex` in Redis, one round trip a call.

    Args:
        link: for short commands.
        keys: key names.
        waiting_s: how long a claimed name lasts without being used.
        issued: the session id that a word is, None if this deployment did not issue it.
    """

    _link: RedisLink
    _keys: Keys
    _waiting_s: int
    _issued: Callable[[str], SessionId | None]

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        """The session that came last (the likeliest to be warm) to the first of these places where any waits, and the place.

        One round trip: all are asked at once. What the others gave, which is seldom anything, is put back in another.

        Raises:
            UnreadableIndex: damage; it is gone now.
            StoreUnavailable: Redis does not answer; the sessions may have been taken out.
        """
        keys = [self._keys.lineage(at) for at in places]
        replies = await self._link.execute(*(("RPOP", key) for key in keys))
        for key, reply in zip(keys, replies, strict=True):
            await self._check(key, reply)
        found = [
            (at, self._session(word))
            for at, word in zip(places, told(replies), strict=True)
            if word is not None
        ]
        for at, session_id in found[1:]:
            await self.put_back(at, session_id)
        return found[0] if found else None

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        """Has the session wait there again, for as long as one that has just ended.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = self._keys.lineage(at)
        told(await self._link.execute(("RPUSH", key, session_id), ("PEXPIRE", key, self._waiting_s * 1000)))

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        """The session bound to the name, ours if there was none.

        Raises:
            UnreadableIndex: damage; the name is free now.
            StoreUnavailable: Redis does not answer; the name may have been bound.
        """
        key = self._keys.name(name)
        life_ms = self._waiting_s * 1000
        bound = await self._last_of(key, ("SET", key, session_id, "NX", "PX", life_ms), ("GET", key))
        if bound is None:
            return session_id
        try:
            return self._session(bound)
        except UnreadableIndex:
            await self._delete(key)
            raise

    async def _last_of(self, key: str, *commands: Command) -> Reply:
        """The last command's reply; a key of the wrong type is deleted."""
        replies = await self._link.execute(*commands)
        await self._check(key, replies[-1])
        return told(replies)[-1]

    async def _check(self, key: str, reply: Reply) -> None:
        if isinstance(reply, ResponseError) and is_damage(reply):
            await self._delete(key)
            raise UnreadableIndex

    async def _delete(self, key: str) -> None:
        told(await self._link.execute(("DEL", key)))

    def _session(self, word: bytes) -> SessionId:
        session_id = self._issued(word.decode("ascii", "replace"))
        if session_id is None:
            raise UnreadableIndex
        return session_id

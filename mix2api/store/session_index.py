"""The look-up of sessions by history and by name, for whoever resolves a request. Written by commits, read here."""

from attrs import define

from mix2api.store.keys import Keys
from mix2api.store.link import RedisLink
from mix2api.store.log import told
from mix2api.vocabulary import Digest, SessionId


@define(eq=False, kw_only=True)
class RedisSessionIndex:
    """`mix2api.sessions.resolution.SessionIndex` in Redis, one round trip a call.

    Args:
        link: for short commands.
        keys: key names.
        waiting_s: how long a claimed name lasts without being used.
    """

    _link: RedisLink
    _keys: Keys
    _waiting_s: int

    async def take(self, at: Digest) -> SessionId | None:
        """The session that came to wait there last: the likeliest to be warm.

        Raises:
            StoreUnavailable: Redis does not answer; the session may have been taken out.
        """
        (found,) = told(await self._link.execute(("RPOP", self._keys.lineage(at))))
        return None if found is None else SessionId(found.decode())

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        """The session bound to the name, ours if there was none.

        Raises:
            StoreUnavailable: Redis does not answer; the name may have been bound.
        """
        key = self._keys.name(name)
        life_ms = self._waiting_s * 1000
        _, bound = told(await self._link.execute(("SET", key, session_id, "NX", "PX", life_ms), ("GET", key)))
        return session_id if bound is None else SessionId(bound.decode())

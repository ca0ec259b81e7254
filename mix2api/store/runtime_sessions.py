"""The open sessions of runtimes, and their tools' contexts, in Redis: all sealed, all with an expiry, one hash tag.

An entry that is damaged leads to no session any more and is removed. A context that is damaged counts as none.
"""

from typing import Final

import msgspec
from attrs import define

from mix2api.sealing import Seal, UnsealError
from mix2api.sessions.runtime_sessions import OpenSession, ToolContext
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest

LIFE_S: Final = 86_400
"""A day. Every run ends long before (`MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS`), and the next start finds what a lost one left."""
_OPEN: Final = b"runtime open"
_CONTEXT: Final = b"runtime context"
_encode: Final = msgspec.json.Encoder().encode
_opened: Final = msgspec.json.Decoder(OpenSession).decode
_context: Final = msgspec.json.Decoder(ToolContext).decode


@define(eq=False, kw_only=True)
class RedisRuntimeSessions:
    """`mix2api.sessions.runtime_sessions.RuntimeSessions` in Redis, one round trip a call.

    Args:
        link: for short commands.
        keys: key names.
        seal: the deployment's.
        damage: told of what was removed or left out.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _damage: DamageCounter

    async def announce(self, opened: OpenSession) -> None:
        """Keeps an entry."""
        await self._write(*self._entry(opened))

    async def put(self, opened: OpenSession, context: ToolContext) -> None:
        """Keeps an entry and its context."""
        key = self._context_key(context.runtime_session_id)
        sealed = self._seal.seal_bytes(_encode(context), _CONTEXT + key.encode())
        scope = self._keys.runtime_scope(context.scope_key)
        await self._write(
            *self._entry(opened), ("SET", key, sealed, "EX", LIFE_S), ("SET", scope, "", "EX", LIFE_S)
        )

    async def context(self, session: str) -> ToolContext | None:
        """The context of a session."""
        key = self._context_key(session)
        (reply,) = await self._link.execute(("GET", key))
        data = None if is_damage(reply) else told([reply])[0]
        if data is None:
            return None
        try:
            return _context(self._seal.unseal_bytes(data, _CONTEXT + key.encode()))
        except (UnsealError, msgspec.MsgspecError):
            self._damage.left(key)
            return None

    async def knows(self, scope_key: Digest) -> bool:
        """Whether a context of that scope was kept within a day."""
        (found,) = told(await self._link.execute(("EXISTS", self._keys.runtime_scope(scope_key))))
        return bool(found)

    async def remove(self, opened: OpenSession) -> None:
        """Removes an entry with its context."""
        commands: list[Command] = [("HDEL", self._keys.runtime_open(), opened.run_id)]
        if opened.session is not None:
            commands.append(("DEL", self._context_key(opened.session)))
        await self._write(*commands)

    async def open(self) -> list[OpenSession]:
        """All entries; those that cannot be read are removed."""
        key = self._keys.runtime_open()
        (reply,) = await self._link.execute(("HGETALL", key))
        if is_damage(reply):
            told(await self._link.execute(("DEL", key)))
            self._damage.removed(key)
            return []
        found: list[OpenSession] = []
        fields: list[bytes] = told([reply])[0]
        for run_id, sealed in zip(fields[::2], fields[1::2], strict=True):
            try:
                found.append(_opened(self._seal.unseal_bytes(sealed, _OPEN + run_id)))
            except (UnsealError, msgspec.MsgspecError):
                await self._write(("HDEL", key, run_id))
                self._damage.removed(key)
        return found

    def _entry(self, opened: OpenSession) -> tuple[Command, ...]:
        key = self._keys.runtime_open()
        sealed = self._seal.seal_bytes(_encode(opened), _OPEN + opened.run_id.encode())
        return ("HSET", key, opened.run_id, sealed), ("EXPIRE", key, LIFE_S)

    def _context_key(self, session: str) -> str:
        return self._keys.runtime_context(self._seal.digest(session, "runtime"))

    async def _write(self, *commands: Command) -> list[Reply]:
        """Does it; where the hash is none, after removing what stands in its place."""
        replies = await self._link.execute(*commands)
        if any(map(is_damage, replies)):
            key = self._keys.runtime_open()
            replies = await self._link.execute(("DEL", key), *commands)
            self._damage.removed(key)
        return told(replies)

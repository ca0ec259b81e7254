"""The vault in Redis: values sealed, rights fenced by a counter, waiting in one blocking read. Four keys and a stream.

All keys of a credential carry one hash tag. A value is authenticated with the key's name (ADR 0007), so that it cannot be
put in another credential's place; what does not open counts as not there.
"""

import secrets

from attrs import define

from mix2api.sealing import Seal, UnsealError
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.post import BLOCK_MS
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import run_scripts
from mix2api.store.vault_scripts import CLAIM, GIVE_BACK, PUBLISH
from mix2api.vault import Claim, Granted, Held, Kept, Paused
from mix2api.vocabulary import Digest, ProcessId


@define(eq=False, kw_only=True)
class RedisVault:
    """`mix2api.vault.Vault` in Redis.

    Args:
        link: for short commands.
        waiting: a connection of its own for the blocking read, with reply timeouts above `BLOCK_MS`; it is made with the first
            wait, so that it costs nothing where no process waits for another.
        keys: key names.
        seal: the deployment's.
        process: in whose name rights are held.
        damage: told of what gave way, and of values that do not open.
    """

    _link: RedisLink
    _waiting: RedisLink
    _keys: Keys
    _seal: Seal
    _process: ProcessId
    _damage: DamageCounter

    async def claim(self, name: Digest, spent: str | None, life_ms: int) -> Claim:
        """The newest value, or who is to fetch one; one round trip."""
        keys = self._keys.vault(name)
        kind, *said = await self._claimed(keys, (spent or "").encode(), life_ms)
        if kind == b"kept":
            try:
                return Kept(said[0].decode(), self._seal.unseal_bytes(said[1], keys[0].encode()))
            except (UnsealError, UnicodeDecodeError):
                self._damage.left(keys[0])
            # As good as spent. Should another such value come in between, this one's right is asked for once more.
            kind, *said = await self._claimed(keys, said[0], life_ms)
        match kind:
            case b"granted":
                return Granted(said[0].decode(), said[1])
            case b"held":
                return Held(said[0], said[1].decode())
            case b"paused":
                return Paused(said[0], said[1].decode("ascii", "replace"))
            case _:
                return await self.claim(name, spent, life_ms)

    async def _claimed(self, keys: tuple[str, ...], spent: bytes, life_ms: int) -> list[Reply]:
        arguments: list[str | bytes | int] = [spent, self._process, secrets.token_hex(4), life_ms]
        reply: list[Reply] = await self._run(CLAIM.call(list(keys), arguments))
        return reply

    async def publish(self, name: Digest, generation: str, payload: bytes, life_ms: int) -> bool:
        """Keeps a value and wakes all who wait."""
        keys = self._keys.vault(name)
        sealed = self._seal.seal_bytes(payload, keys[0].encode())
        return bool(await self._run(PUBLISH.call(list(keys), [generation, sealed, life_ms])))

    async def fail(self, name: Digest, generation: str, why: str, pause_ms: int) -> None:
        """Gives the right back for a pause."""
        await self._run(GIVE_BACK.call(list(self._keys.vault(name)), [generation, why, pause_ms]))

    async def release(self, name: Digest, generation: str) -> None:
        """Gives the right back unused."""
        await self._run(GIVE_BACK.call(list(self._keys.vault(name)), [generation, "", 0]))

    async def wait_news(self, name: Digest, held: Held) -> None:
        """Waits for what is said after that claim; returns without news after a second at most."""
        news = self._keys.vault(name)[-1]
        block_ms = max(1, min(BLOCK_MS, held.left_ms))
        (reply,) = await self._waiting.execute(
            ("XREAD", "COUNT", 1, "BLOCK", block_ms, "STREAMS", news, held.news)
        )
        if not is_damage(reply):  # the next claim mends it
            told([reply])

    async def _run(self, call: Command) -> Reply:
        """A script's reply; the keys that gave way stand behind it, in a list with it."""
        (reply,) = told(await run_scripts(self._link, [call]))
        if isinstance(reply, list) and not isinstance(reply[0], bytes):
            reply, *mended = reply
            for key in mended:
                self._damage.removed(key.decode())
        return reply

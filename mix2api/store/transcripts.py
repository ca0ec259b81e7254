"""Transcripts of client sessions in Redis: one sealed string a line, each with an expiry.

They are content at rest, like conversations, and stand apart from events. Nothing but the life that is left can be seen of
one. A transcript that is damaged counts as words that are lost, so no turn goes on without them in silence.
"""

from typing import Final

import msgspec
from attrs import define

from mix2api.sealing import Seal, UnsealError
from mix2api.sessions.transcripts import Transcript, Unkept
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest

_PURPOSE: Final = b"transcript"
_DAMAGED: Final = Transcript(unkept=Unkept.DAMAGED)
_transcript: Final = msgspec.json.Decoder(Transcript).decode


@define(eq=False, kw_only=True)
class RedisTranscripts:
    """`mix2api.sessions.transcripts.Transcripts` in Redis, one round trip a call.

    Args:
        link: for short commands.
        keys: key names.
        seal: the deployment's.
        damage: told of what cannot be read.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _damage: DamageCounter

    async def find(self, line: Digest) -> Transcript | None:
        """See the port. Damage counts as words that are lost."""
        key = self._key(line)
        (reply,) = await self._link.execute(("GET", key))
        if is_damage(reply):
            self._damage.left(key)
            return _DAMAGED
        (sealed,) = told([reply])
        if sealed is None:
            return None
        try:
            return _transcript(self._seal.unseal_bytes(sealed, _PURPOSE + key.encode()))
        except (UnsealError, msgspec.MsgspecError):
            self._damage.left(key)
            return _DAMAGED

    async def keep(self, line: Digest, kept: bytes, ttl_s: int) -> None:
        """See the port. Whatever stands in the key's place gives way."""
        key = self._key(line)
        told(
            await self._link.execute(
                ("SET", key, self._seal.seal_bytes(kept, _PURPOSE + key.encode()), "EX", ttl_s)
            )
        )

    def _key(self, line: Digest) -> str:
        return self._keys.transcript(self._seal.digest(line, "transcript"))

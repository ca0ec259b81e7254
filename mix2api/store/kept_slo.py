"""The fold of the service levels, kept in Redis between two looks, so that each look reads only what is new.

It holds counts, run ids and digests of call ids, and no content. Losing it costs one long look.
"""

from typing import Final

import msgspec
from attrs import define

from mix2api.projections.slo import STATE_VERSION, SloFold
from mix2api.sealing import Seal, UnsealError
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told

_MOST_BYTES: Final = 256 * 1024 * 1024
"""A larger fold is not kept: Redis takes 512 MB in a string. A million runs took 60 MB where no loop had closed."""

_PURPOSE: Final = b"slo"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SloFold)


@define(eq=False, kw_only=True)
class KeptSlo:
    """Reads and writes it. Of two commands at once the later one wins: each fold is whole in itself.

    Args:
        link: for reading.
        keys: key names.
        seal: seals it, so that what is damaged is known as that.
        life_ms: after which it is forgotten: as long as the entries live.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _life_ms: int

    async def load(self) -> SloFold:
        """The kept fold; an empty one where there is none, or it is damaged or of another version.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        (data,) = await self._link.execute(("GET", self._keys.slo()))
        if is_damage(data):
            return SloFold()
        (data,) = told([data])
        try:
            fold = SloFold() if data is None else _decoder.decode(self._seal.unseal_bytes(data, _PURPOSE))
        except (UnsealError, msgspec.MsgspecError):
            return SloFold()
        return fold if fold.version == STATE_VERSION else SloFold()

    async def keep(self, fold: SloFold) -> bool:
        """Keeps the fold; gives whether it was small enough.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        data = self._seal.seal_bytes(_encoder.encode(fold), _PURPOSE)
        if len(data) > _MOST_BYTES:
            return False
        told(await self._link.execute(("SET", self._keys.slo(), data, "PX", self._life_ms)))
        return True

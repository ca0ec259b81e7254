"""What became of telling the gateway the weights of a release: a stream with expiry, beside the release's history."""

from typing import Final

import msgspec
from attrs import define

from mix2api.release.gateway import GatewayNews
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.release_log import HISTORY_MS
from mix2api.store.release_scripts import TELL
from mix2api.store.scripts import run_scripts

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(GatewayNews).decode


@define(eq=False, kw_only=True)
class GatewayLog:
    """Reads and writes it.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what no process wrote.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter

    async def add(self, news: GatewayNews) -> None:
        """Adds an outcome.

        Raises:
            StoreUnavailable: Redis does not answer; it may have been added.
        """
        call = TELL.call([self._keys.release_gateway()], [HISTORY_MS, _encode(news)])
        (mended,) = told(await run_scripts(self._link, [call]))
        for key in mended:
            self._damage.removed(key.decode())

    async def last(self) -> GatewayNews | None:
        """The newest outcome; None: nobody told the gateway anything, or the newest entry is damaged.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        found = self._read(*await self._link.execute(("XREVRANGE", self._key, "+", "-", "COUNT", 1)))
        return found[0] if found else None

    async def history(self) -> list[GatewayNews]:
        """All outcomes, the oldest first: the last thousand and some more.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return self._read(*await self._link.execute(("XRANGE", self._key, "-", "+")))

    async def of(self, release: str) -> list[GatewayNews]:
        """The outcomes of one release.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return [one for one in await self.history() if one.release == release]

    @property
    def _key(self) -> str:
        return self._keys.release_gateway()

    def _read(self, reply: Reply) -> list[GatewayNews]:
        if is_damage(reply):
            self._damage.left(self._key)
            return []
        found = []
        for _, fields in told([reply])[0]:
            news = _news(fields)
            if news is None:
                self._damage.left(self._key)
            else:
                found.append(news)
        return found


def _news(fields: list[bytes]) -> GatewayNews | None:
    if fields[:1] != [b"n"]:
        return None
    try:
        return _decode(fields[1])
    except (msgspec.MsgspecError, RecursionError):
        return None

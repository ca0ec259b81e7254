"""The one seat of a release's guard: its lease, and its last heartbeat. A guard that stops beating loses the seat by expiry."""

from typing import Final

import msgspec
from attrs import define

from mix2api.release.guard_beat import GuardBeat
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.store.release_scripts import SIT
from mix2api.store.scripts import run_scripts

LONGEST_MS: Final = 3_600_000
"""Of a heartbeat's life. What lives longer no guard wrote: it would keep the seat for ever."""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(GuardBeat).decode


@define(eq=False, kw_only=True)
class GuardSeat:
    """Reads and takes it.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what no guard wrote.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter

    async def sit(self, beat: GuardBeat, life_ms: int) -> bool:
        """Takes the seat, or keeps it, with a new heartbeat.

        Args:
            beat: what the guard has concluded.
            life_ms: after which another guard may sit here; at most `LONGEST_MS`.

        Returns:
            False: another guard sits here, and this one must not act.

        Raises:
            StoreUnavailable: Redis does not answer; the guard may or may not sit here.
        """
        arguments: list[str | bytes | int] = [beat.guard, _encode(beat), life_ms, LONGEST_MS]
        call = SIT.call([self._keys.release_guard()], arguments)
        ((sits, *mended),) = told(await run_scripts(self._link, [call]))
        for key in mended:
            self._damage.removed(key.decode())
        return bool(sits)

    async def read(self) -> GuardBeat | None:
        """The last heartbeat of the guard that lives; None: no guard does.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = self._keys.release_guard()
        text, left_ms = await self._link.execute(("GET", key), ("PTTL", key))
        if text is None:
            return None
        if is_damage(text) or not 0 < told([left_ms])[0] <= LONGEST_MS:
            self._damage.left(key)
            return None
        try:
            return _decode(told([text])[0])
        except (msgspec.MsgspecError, RecursionError):
            self._damage.left(key)
            return None

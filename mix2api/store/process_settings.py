"""The effective settings of each process, secrets masked, so that a rollback's evidence can say what both channels ran with."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from attrs import define

from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import ProcessId

LIFE_MS: Final = 600_000
"""Three times the pause between two tellings (`mix2api.process.settings_telling`), and a little."""
_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


@define(eq=False, kw_only=True)
class ProcessSettings:
    """Reads and writes them.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what no process wrote.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter

    async def keep(self, process: ProcessId, shown: Mapping[str, str]) -> None:
        """Writes those of one process, for `LIFE_MS`.

        Args:
            process: whose they are.
            shown: name -> the value as an operator may see it.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key, data = self._keys.process_settings(process), msgspec.json.encode(shown)
        told(await self._link.execute(("SET", key, data, "PX", LIFE_MS)))

    async def of(self, processes: Sequence[ProcessId]) -> list[dict[str, str]]:
        """Those of several processes. Processes of an older version, and damaged keys, are left out.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        keys = [self._keys.process_settings(process) for process in processes]
        found = []
        for key, reply in zip(keys, await self._link.execute(*[("GET", key) for key in keys]), strict=True):
            shown = _read(reply)
            if shown is not None:
                found.append(shown)
            elif reply is not None:
                self._damage.left(key)
        return found


def _read(reply: object) -> dict[str, str] | None:
    if is_damage(reply):
        return None
    (data,) = told([reply])
    if data is None:
        return None
    try:
        return _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None

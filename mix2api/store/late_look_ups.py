"""Look-ups whose master was away when their commit was written: they wait here, and are written once it is back.

Only in a Redis Cluster. Until then a conversation whose history lies there begins a fresh session, and `replay` does not
find a run by its request id.
"""

from collections.abc import Sequence
from typing import Final

import trio
from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.store.damage import DamageCounter
from mix2api.store.redis.link import Command, RedisLink
from mix2api.store.refusals import is_damage

_MOST: Final = 20_000
"""Commands that wait: some 10 MB. A run has about seven, so 3,000 runs; the oldest keys stay, newer ones are counted."""
_LOOK_S: Final = 0.5
_AT_ONCE: Final = 500


@define(eq=False)
class LateLookUps:
    """Of one process.

    Args:
        link: to all masters.
        damage: told of keys that gave way.
    """

    _link: RedisLink
    _damage: DamageCounter
    _waiting: dict[str, list[Command]] = field(factory=dict, init=False)
    """By key: the commands of one key keep their order."""
    count: int = field(default=0, init=False)
    """Commands that wait."""
    lost: int = field(default=0, init=False)
    """Commands for which there was no room."""
    _added: trio.Event = field(factory=trio.Event, init=False)

    def add(self, commands: Sequence[Command]) -> None:
        """Takes commands that may or may not have been run. Never waits."""
        for command in commands:
            if self.count >= _MOST:
                self.lost += 1
                continue
            of_key = self._waiting.setdefault(str(command[1]), [])
            if command[0] == "RPUSH":
                # It may stand there already: two takers of one session are one too many.
                of_key.append(("LREM", command[1], 0, command[2]))
                self.count += 1
            of_key.append(command)
            self.count += 1
        if commands:
            self._added.set()

    async def keep(self) -> None:
        """Writes what waits as soon as it can be written, for ever."""
        while True:
            await self._added.wait()
            self._added = trio.Event()
            while self.count:
                await trio.sleep(_LOOK_S)
                await self.flush()

    async def flush(self) -> None:
        """Writes what can be written now."""
        for key in list(self._waiting)[:_AT_ONCE]:
            commands = self._waiting.pop(key)
            self.count -= len(commands)
            try:
                replies = await self._link.execute(*commands)
                if any(map(is_damage, replies)):
                    replies = await self._link.execute(("DEL", key), *commands)
                    self._damage.removed(key)
            except StoreUnavailable:
                replies = [StoreUnavailable()]
            if any(isinstance(reply, Exception) for reply in replies):
                self._waiting[key] = [*commands, *self._waiting.get(key, ())]
                self.count += len(commands)

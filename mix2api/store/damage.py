"""What this process found in Redis that no process of ours wrote, or that is broken: counted, and told to the log.

Readers pass over damage and owners remove it (ADR 13). Both report it here, so that no damage is silent and none floods
the log. A report never has any of the content.
"""

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from mix2api.store.keys import kind_of

_REMEMBERED: Final = 10_000
"""Keys whose damage stays where it is and was told of: 1 MB of names. Past that, the first ones are told of again."""


@frozen(kw_only=True)
class Damage:
    """Damage in one key, as it may be told."""

    key_kind: str
    """The kind of key (`mix2api.store.keys`): `open`, `audit`, `credential` ..."""
    shard: str | None
    """As in the key's name: `s0f`. None: the key belongs to no shard."""
    count: int
    """Entries, or 1 for the whole key."""
    total: int
    """All that this process has found so far, this included."""


def _told_to_nobody(_: Damage) -> None:
    """Commands have no log; they print `DamageCounter.total`."""


@define(eq=False)
class DamageCounter:
    """The damage that one process has found."""

    on_damage: Callable[[Damage], None] = _told_to_nobody
    """Set by the composition root."""
    total: int = field(default=0, init=False)
    _left: dict[str, None] = field(factory=dict, init=False)

    def removed(self, key: str, count: int = 1) -> None:
        """Damage that is gone now, so every report is news."""
        self._report(key, count)

    def left(self, key: str, count: int = 1) -> None:
        """Damage that stays, for others to remove or to look into. Each key is reported once."""
        if key in self._left:
            return
        if len(self._left) >= _REMEMBERED:
            del self._left[next(iter(self._left))]
        self._left[key] = None
        self._report(key, count)

    def take_total(self) -> int:
        """Gives up what was found so far, for another process to tell of it (`found_elsewhere`)."""
        total, self.total = self.total, 0
        return total

    def found_elsewhere(self, count: int) -> None:
        """Damage that another process found for this one."""
        self.total += count

    def _report(self, key: str, count: int) -> None:
        self.total += count
        kind, shard = kind_of(key)
        self.on_damage(Damage(key_kind=kind, shard=shard, count=count, total=self.total))

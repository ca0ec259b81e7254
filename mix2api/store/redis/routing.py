"""Where a command goes in a Redis Cluster: the slot of its key, and the table that says which master has the slot.

Pure. The commands are those that this store sends; a new one without a key has to be named here.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import define, field, frozen
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from mix2api.store.redis.link import Command
from mix2api.store.redis.sentinel import Address

SLOTS: Final[int] = REDIS_CLUSTER_HASH_SLOTS
_SCRIPTED: Final = frozenset({"EVALSHA", "EVAL"})
_KEYLESS: Final = frozenset({"PING", "INFO", "TIME", "CLUSTER", "CONFIG", "SCRIPT", "MULTI", "EXEC"})
_NAMED_BEFORE: Final = {"XREAD": "STREAMS", "SCAN": "MATCH"}
"""The word that stands before the key. A pattern of ours begins with the hash tag of the keys that it finds."""


def slot_of(key: str | bytes) -> int:
    """The slot of a key, or of its hash tag where it has one."""
    slot: int = key_slot(key.encode() if isinstance(key, str) else key)
    return slot


def slot_of_command(command: Command) -> int | None:
    """The slot of a command's first key; all its keys share it. None: it has no key."""
    name = str(command[0])
    if name in _KEYLESS:
        return None
    place = 1
    if name in _SCRIPTED:
        place = 3
    elif name in _NAMED_BEFORE:
        place = command.index(_NAMED_BEFORE[name]) + 1
    key = command[place]
    return slot_of(key if isinstance(key, bytes) else str(key))


@frozen
class Unit:
    """Commands of one caller that stay together: one, or a transaction."""

    places: range
    """Where they stand among the caller's commands."""
    slot: int | None
    is_everywhere: bool = False
    """Every master that gets anything of the caller's gets it first: a script that is loaded."""


def units_of(commands: Sequence[Command]) -> Iterator[Unit]:
    """Divides a caller's commands."""
    begun: int | None = None
    slot: int | None = None
    for place, command in enumerate(commands):
        own = slot_of_command(command)
        if command[0] == "MULTI":
            begun, slot = place, None
        elif begun is None:
            yield Unit(range(place, place + 1), own, is_everywhere=command[0] == "SCRIPT")
        elif command[0] == "EXEC":
            yield Unit(range(begun, place + 1), slot)
            begun = None
        elif slot is None:
            slot = own


@define(eq=False)
class SlotTable:
    """Which master has which slot, as this process last heard."""

    _of: list[Address | None] = field(factory=lambda: [None] * SLOTS, init=False)
    masters: tuple[Address, ...] = field(default=(), init=False)
    """Those that have slots, in the order of their slots."""

    def master(self, slot: int) -> Address | None:
        """The master of a slot; None if no master has it."""
        return self._of[slot]

    def learn(self, reply: list[Any], asked: Address) -> bool:
        """Takes the reply to `CLUSTER SLOTS`.

        Args:
            reply: `[first, last, [host, port, ...], replicas ...]` for each range of slots.
            asked: who gave it: a node that does not know its own host leaves it empty.

        Returns:
            Whether anything has changed.
        """
        found: list[Address | None] = [None] * SLOTS
        for first, last, (host, port, *_), *_ in reply:
            address = (host.decode() if host else asked[0], int(port))
            found[first : last + 1] = [address] * (last + 1 - first)
        has_changed, self._of = found != self._of, found
        self.masters = tuple(dict.fromkeys(address for address in found if address is not None))
        return has_changed

    def moved(self, slot: int, address: Address) -> None:
        """One slot is at another master now."""
        self._of[slot] = address
        if address not in self.masters:
            self.masters = (*self.masters, address)

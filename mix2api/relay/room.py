"""Where a fresh turn finds a slot: at a process whose heartbeat told of room, or of callers that hold more than its own.

A heartbeat is up to a third of a lease old. So each process fills no more than its part of another one's room until that one's
next beat (`mix2api.store.peers`): no key that all requests touch, and no rush of all processes on the same free slot.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from attrs import define, frozen

from mix2api.errors import StoreUnavailable
from mix2api.identity import Mint
from mix2api.relay.fresh_shards import FreshShards
from mix2api.relay.ports import Inboxes
from mix2api.store.newcomer import Newcomer
from mix2api.store_watch import StoreWatch
from mix2api.vocabulary import Channel, Digest, ProcessId, SessionId

_DRAWS: Final = 32
"""Shards that are drawn for one turn and looked up in one round trip. Where a tenth of the shards belong to processes with room,
one turn of 29 finds none; it then waits in a queue."""


class Room(Protocol):
    """What heartbeats tell of the other processes' slots and queues."""

    def has_places(self, newcomer: Newcomer | None = None) -> bool:
        """Whether any other process has a place for this turn; None: for one that goes to a free slot only."""
        ...

    def take_place(self, process: ProcessId, newcomer: Newcomer | None = None) -> bool:
        """Takes a place at that process; False: it has none. True also where nothing is known of its room."""
        ...

    def give_back(self, process: ProcessId, caller: Digest | None) -> None:
        """The turn that took a place has ended."""
        ...


@frozen
class Placed:
    """The place that was taken for a fresh turn."""

    session_id: SessionId
    """Of its session, in a shard of that process."""
    process: ProcessId
    caller: Digest | None
    """For whom it was taken; None where callers do not matter."""


@define(eq=False, kw_only=True)
class Elsewhere:
    """Looks for room at other processes.

    Args:
        room: as this process knows it.
        inboxes: know who owns a shard.
        mint: makes ids.
        fresh: draws shards.
        process: this one.
        store: whether Redis answers: the look is cut short where it does not.
    """

    room: Room
    _inboxes: Inboxes
    _mint: Mint
    _fresh: FreshShards
    _process: ProcessId
    _store: StoreWatch

    async def place(self, channel: Channel, newcomer: Newcomer | None = None) -> Placed | None:
        """Takes a place for a fresh turn at a process of a channel. None: there is none.

        A store that is away shows none, too: whoever submits the turn hears of that.

        Args:
            channel: whose shards are drawn.
            newcomer: the turn; None: it goes to a free slot only.
        """
        if not self.room.has_places(newcomer):
            return None
        drawn = [self._fresh.of(channel) for _ in range(_DRAWS)]
        owners: Sequence[ProcessId | None] = ()
        with suppress(StoreUnavailable), self._store.patience():
            owners = await self._inboxes.lease_owners(drawn)
        for shard, owner in zip(drawn, owners, strict=False):  # none where the store is away
            if owner is not None and owner != self._process and self.room.take_place(owner, newcomer):
                caller = None if newcomer is None else newcomer.caller
                return Placed(self._mint.session_id(shard), owner, caller)
        return None

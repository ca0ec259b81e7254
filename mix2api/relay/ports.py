"""What an edge's relay needs of the store."""

from collections.abc import Sequence
from typing import Protocol

from mix2api.events.log import EventLog
from mix2api.store.log import OpenEntry
from mix2api.vocabulary import ProcessId, Shard


class Inboxes(Protocol):
    """The store's inboxes, as far as an edge needs them."""

    async def put_inbox(
        self, owner: ProcessId, shard: Shard, payload: bytes, deadline_ms: int, wake: bytes
    ) -> str | None:
        """Puts a turn into the inbox of a shard that this process owns, wakes it, and gives the entry's id; else does nothing."""
        ...

    async def lease_owner(self, shard: Shard) -> ProcessId | None:
        """The process that holds a shard now."""
        ...

    async def lease_owners(self, shards: Sequence[Shard]) -> list[ProcessId | None]:
        """The processes that hold these shards now, in one round trip."""
        ...


class RunLog(EventLog, Protocol):
    """The event log with the look-up of running runs."""

    async def open_entries(self, shards: list[Shard]) -> list[OpenEntry]:
        """The accepted runs of these shards that have no end."""
        ...

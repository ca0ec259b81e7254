"""The event log in Redis: what `mix2api.events.log.EventLog` promises, and what owners and readers need beside it."""

import re
from collections.abc import AsyncIterator
from typing import Final

from attrs import define, evolve, field
from msgspec.structs import replace

from mix2api.events.codec import UnreadableEvent
from mix2api.events.edge_times import times_bytes
from mix2api.events.log import Append, GivenEnding, History, OpenRun, Recorded, Ticket
from mix2api.identity import shard_of
from mix2api.store.commit import AuditNote
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.open_runs import OpenEntry, OpenRuns
from mix2api.store.redis.link import RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.schema import WrittenSchema
from mix2api.store.scripts import HISTORY, run_scripts
from mix2api.store.writer_port import EventWriter
from mix2api.vocabulary import (
    Channel,
    Digest,
    Receipt,
    RunId,
    SessionId,
    Shard,
)

__all__ = ["OpenEntry", "RedisEventLog"]

_PAGE: Final = 500
"""Entries a round trip when a whole log is read: some 150 kB."""
_LONGEST_EVENT: Final = 1 << 20
"""Bytes: an event holds digests, counts and ids of some kB at most. Decoding more would hold the loop."""
_LAST_ID: Final = f"{(1 << 64) - 1}-{(1 << 64) - 1}"
"""The last stream id that there can be: Redis refuses to look for anything after it."""
_RUN_OF_SESSION: Final = re.compile(rb"([\w.-]{1,64})@(ses_[0-9a-f]{4}[\w-]{22}_[0-9a-f]{16})")


@define(eq=False, kw_only=True)
class RedisEventLog:
    """The append-only log of all sessions.

    Args:
        link: for reading; not the writer's.
        writer: for everything that is appended.
        keys: key names.
        open_runs: the accepted runs without an end.
        damage: told of look-ups that are broken.
        schema: of this process.
        channel: of this process; stands in every event that it writes.
    """

    _link: RedisLink
    writer: EventWriter
    _keys: Keys
    _open_runs: OpenRuns
    _damage: DamageCounter
    _schema: WrittenSchema = field(factory=WrittenSchema)
    _channel: Channel = Channel.STABLE

    @property
    def is_down(self) -> bool:
        """Whether an append handed in now would have to wait for Redis to come back. Never waits."""
        return self.writer.is_down

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left."""
        return self.writer.is_starved

    def submit(self, append: Append) -> Ticket:
        """Hands an append over; appends of one run are written in the order of their submission."""
        if self._channel is not Channel.STABLE:
            append = self._marked(append)
        return self.writer.submit(append)

    def _marked(self, append: Append) -> Append:
        """The append with this process's channel in its events; `stable` is the default and needs no mark."""
        return evolve(append, events=tuple(replace(event, channel=self._channel) for event in append.events))

    def receipt(self, given: GivenEnding) -> None:
        """Records what the edge knows of an ending; never waits, never fails (a full spool drops it)."""
        told: tuple[str | bytes, ...]
        fields = ("k", "receipt", "r", given.run_id, "s", given.session_id, "i", given.request_id)
        told = () if given.told is None else ("t", given.told.value)
        if given.times is not None:
            # Fields are read by their place: the reason keeps its own, be there one or not.
            told = ("t", "" if given.told is None else given.told.value, "m", times_bytes(given.times))
        note = AuditNote(shard_of(given.session_id), (*fields, "w", given.receipt.value, *told))
        if self.writer.note(note) and given.receipt is Receipt.RERUN:
            # Lost with its process, it would leave the audit two runs of which each seems to answer the request.
            self.writer.hurry(note)

    def refused(self, count: int) -> None:
        """Notes requests that were refused because the store was away; one entry with their number follows."""
        self.writer.refused(count)

    async def history(self, session_id: SessionId) -> History:
        """The session's snapshot and what follows it, in one round trip.

        Raises:
            StoreUnavailable: the store does not answer.
            mix2api.events.codec.UnreadableEvent: an entry is newer or damaged: treat the session as a miss.
        """
        shard = shard_of(session_id)
        call = HISTORY.call([self._keys.snapshot(shard, session_id), self._keys.log(shard, session_id)], [])
        replies = await run_scripts(self._link, [call])
        if is_damage(replies[0]):
            raise UnreadableEvent("damaged")
        snapshot, entries = told(replies)[0]
        return History(
            snapshot=None if snapshot is None else snapshot.partition(b" ")[2],
            recorded=tuple(self.recorded(entry) for entry in entries),
        )

    async def records(self, session_id: SessionId, after: str = "") -> AsyncIterator[Recorded]:
        """All that the log still has of a session, snapshot or not, in order.

        Args:
            session_id: whose log.
            after: a position; only what came later is given. Empty: from the start.

        Raises:
            StoreUnavailable: the store does not answer.
            mix2api.events.codec.UnreadableEvent: an entry is newer or damaged; `after` its position reading goes on.
                Without a position the whole log is damaged.
        """
        key = self._keys.log(shard_of(session_id), session_id)
        while after != _LAST_ID:
            start = f"({after}" if after else "-"
            (entries,) = await self._link.execute(("XRANGE", key, start, "+", "COUNT", _PAGE))
            if is_damage(entries):
                raise UnreadableEvent("damaged")
            told([entries])
            for entry in entries:
                recorded = self.recorded(entry)
                after = recorded.position
                yield recorded
            if len(entries) < _PAGE:
                return

    async def open_runs(self, shard: Shard) -> list[OpenRun]:
        """The accepted runs of a shard that have no end.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return [entry.run for entry in await self.open_entries([shard])]

    async def open_entries(self, shards: list[Shard]) -> list[OpenEntry]:
        """The accepted runs of several shards that have no end, in one round trip.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return await self._open_runs.entries(shards)

    async def seize(self, run: OpenRun) -> bool:
        """Takes over the run of a process that is gone (`OpenRuns.seize`).

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return await self._open_runs.seize(run)

    async def runs_of_request(self, request_digest: Digest) -> list[tuple[RunId, SessionId]]:
        """The runs (the latest hundred) that had this request id, oldest first.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        key = self._keys.run(request_digest)
        (values,) = await self._link.execute(("LRANGE", key, 0, -1))
        if is_damage(values):
            self._damage.left(key)
            return []
        found = [run_of_session(value) for value in dict.fromkeys(told([values])[0])]
        damaged = found.count(None)
        if damaged:
            self._damage.left(key, damaged)
        return [each for each in found if each is not None]

    def recorded(self, entry: list[Reply]) -> Recorded:
        """The event of a log's entry, as Redis gives it.

        Raises:
            mix2api.events.codec.UnreadableEvent: it is newer or damaged.
        """
        position, flat = entry
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        data = fields.get(b"d", b"")
        if len(data) > _LONGEST_EVENT:
            raise UnreadableEvent("damaged", position.decode())
        try:
            event = self._schema.decode(fields.get(b"k", b""), fields.get(b"v", b""), data)
        except UnreadableEvent as fault:
            raise UnreadableEvent(fault.why, position.decode()) from fault
        return Recorded(position=position.decode(), event=event)


def run_of_session(value: bytes) -> tuple[RunId, SessionId] | None:
    """A value of the look-up by request id; None of another form."""
    found = _RUN_OF_SESSION.fullmatch(value)
    return None if found is None else (RunId(found[1].decode()), SessionId(found[2].decode()))

"""The event log in Redis: what `mix2api.events.log.EventLog` promises, and what owners and readers need beside it."""

from collections.abc import AsyncIterator
from typing import Final

from attrs import define, evolve, field, frozen
from redis.exceptions import ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import Append, History, OpenRun, Recorded, Ticket
from mix2api.identity import shard_of
from mix2api.store.commit import AuditNote
from mix2api.store.keys import Keys
from mix2api.store.leases import Leases
from mix2api.store.link import Command, RedisLink, Reply
from mix2api.store.schema import WrittenSchema
from mix2api.store.scripts import HISTORY, SEIZE, run_scripts
from mix2api.store.writer import Holder, LogWriter
from mix2api.vocabulary import (
    Channel,
    Digest,
    EndReason,
    ProcessId,
    Receipt,
    RequestId,
    RunId,
    SessionId,
    Shard,
)

_PAGE: Final = 500
"""Entries a round trip when a whole log is read: some 150 kB."""


@frozen(kw_only=True)
class OpenEntry:
    """An accepted run without an end, with what its audit entry will say of its request."""

    run: OpenRun
    summary: bytes


@define(eq=False, kw_only=True)
class RedisEventLog:
    """The append-only log of all sessions.

    Args:
        link: for reading; not the writer's.
        writer: for everything that is appended.
        keys: key names.
        holder: who writes.
        leases: of this process.
        schema: of this process.
        channel: of this process; stands in every event that it writes.
    """

    _link: RedisLink
    writer: LogWriter
    _keys: Keys
    _holder: Holder
    _leases: Leases
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
        return self.writer.submit(self._marked(append))

    def _marked(self, append: Append) -> Append:
        """The append with this process's channel in its events; `stable` is the default and needs no mark."""
        if self._channel is Channel.STABLE:
            return append
        return evolve(append, events=tuple(evolve(event, channel=self._channel) for event in append.events))

    def receipt(
        self,
        session_id: SessionId,
        run_id: RunId,
        request_id: RequestId,
        receipt: Receipt,
        told: EndReason | None = None,
    ) -> None:
        """Records what the edge knows of the ending; never waits, never fails (a full spool drops it)."""
        fields = ("k", "receipt", "r", run_id, "s", session_id, "i", request_id, "w", receipt.value)
        given = () if told is None else ("t", told.value)
        self.writer.note(AuditNote(shard_of(session_id), (*fields, *given)))

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
        if isinstance(replies[0], ResponseError) and is_damage(replies[0]):
            raise UnreadableEvent("damaged")
        snapshot, entries = told(replies)[0]
        return History(
            snapshot=None if snapshot is None else snapshot.partition(b" ")[2],
            recorded=tuple(self._recorded(entry) for entry in entries),
        )

    async def records(self, session_id: SessionId, after: str = "") -> AsyncIterator[Recorded]:
        """All that the log still has of a session, snapshot or not, in order.

        Args:
            session_id: whose log.
            after: a position; only what came later is given. Empty: from the start.

        Raises:
            StoreUnavailable: the store does not answer.
            mix2api.events.codec.UnreadableEvent: an entry is newer or damaged; `after` its position reading goes on.
        """
        key = self._keys.log(shard_of(session_id), session_id)
        while True:
            start = f"({after}" if after else "-"
            (entries,) = told(await self._link.execute(("XRANGE", key, start, "+", "COUNT", _PAGE)))
            for entry in entries:
                recorded = self._recorded(entry)
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
        commands: list[Command] = [("HGETALL", self._keys.open(shard)) for shard in shards]
        entries = []
        for flat in told(await self._link.execute(*commands)):
            entries += [_open_entry(run, value) for run, value in zip(flat[::2], flat[1::2], strict=True)]
        return entries

    async def seize(self, run: OpenRun) -> bool:
        """Takes over the run of a process whose heartbeat is gone, on a shard that we hold; its next seq stays.

        The heartbeat is looked up before, not in the script (it is not of the shard): a process that comes back in
        between is fenced at its next append.

        Returns:
            Whether it is ours now. False: still somebody's, ended, or the shard is not ours.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        shard = shard_of(run.session_id)
        token = self._leases.token(shard)
        (alive,) = told(await self._link.execute(("EXISTS", self._keys.process(run.process))))
        if alive or token is None:
            return False
        call = SEIZE.call(
            [self._keys.lease(shard), self._keys.open(shard)],
            [token, run.run_id, run.process, self._holder.word],
        )
        return bool(told(await run_scripts(self._link, [call]))[0])

    async def runs_of_request(self, request_digest: Digest) -> list[tuple[RunId, SessionId]]:
        """The runs (the latest hundred) that had this request id, oldest first.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        (values,) = told(await self._link.execute(("LRANGE", self._keys.run(request_digest), 0, -1)))
        pairs = (value.decode().partition("@") for value in dict.fromkeys(values))
        return [(RunId(run), SessionId(session)) for run, _, session in pairs]

    def _recorded(self, entry: list[Reply]) -> Recorded:
        position, flat = entry
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        try:
            event = self._schema.decode(fields.get(b"k", b""), fields.get(b"v", b""), fields.get(b"d", b""))
        except UnreadableEvent as fault:
            raise UnreadableEvent(fault.why, position.decode()) from fault
        return Recorded(position=position.decode(), event=event)


def told(replies: list[Reply]) -> list[Reply]:
    """The replies, none of them an error: a server that refuses to answer is as good as away.

    Raises:
        StoreUnavailable: one of the commands was refused.
    """
    for reply in replies:
        if isinstance(reply, Exception):
            raise StoreUnavailable from reply
    return replies


def is_damage(refusal: ResponseError) -> bool:
    """Whether a command was refused for what stands in the key, and not for the state that the server is in."""
    return any(word in str(refusal) for word in ("WRONGTYPE", "Invalid stream ID"))


def _open_entry(run_id: bytes, value: bytes) -> OpenEntry:
    due, holder, started_ms, edge, session_id, summary = value.split(b" ", 5)
    return OpenEntry(
        run=OpenRun(
            run_id=RunId(run_id.decode()),
            session_id=SessionId(session_id.decode()),
            process=ProcessId(holder.partition(b":")[0].decode()),
            edge=ProcessId(edge.decode()),
            next_seq=int(due),
            started_ms=int(started_ms),
        ),
        summary=summary,
    )

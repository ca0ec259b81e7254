"""The fake event log: the port's promises without Redis, for tests of whatever writes and reads events.

Several `MemoryEventLog`s over one `MemoryWorld` are several processes over one store.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from attrs import define, evolve, field

from mix2api.accounts.owners import Owner
from mix2api.errors import StoreUnavailable
from mix2api.events.kinds import Request, SessionNote
from mix2api.events.log import Append, GivenEnding, History, OpenRun, Outcome, Recorded, Ticket
from mix2api.identity import shard_of
from mix2api.store.commit import PendingAppend
from mix2api.store.open_runs import OpenEntry
from mix2api.store.schema import WrittenSchema
from mix2api.vocabulary import Digest, ProcessId, RunId, SessionId, Shard

_SCHEMA: Final = WrittenSchema()


@define(eq=False)
class MemoryWorld:
    """What a Redis would hold."""

    logs: dict[SessionId, list[Recorded]] = field(factory=dict)
    snapshots: dict[SessionId, tuple[str, bytes]] = field(factory=dict)
    """Position of the last event that is folded in, and the folded state."""
    open: dict[RunId, OpenEntry] = field(factory=dict)
    audit: list[tuple[str, ...]] = field(factory=list)
    """`("run", run, session)`, `("receipt", run, word)` with the reason told, `("refused", count)`, in order."""
    runs: dict[Digest, list[tuple[RunId, SessionId]]] = field(factory=dict)
    leases: dict[Shard, ProcessId] = field(factory=dict)
    alive: set[ProcessId] = field(factory=set)
    waiting: dict[Digest, list[SessionId]] = field(factory=dict)
    names: dict[Digest, SessionId] = field(factory=dict)
    done: set[tuple[Shard, str | None]] = field(factory=set)
    """Inbox entries that an `end` has deleted."""
    _count: int = 0

    def position(self) -> str:
        """The next stream id."""
        self._count += 1
        return f"{self._count}-0"


@define(eq=False)
class MemorySessionIndex:
    """`mix2api.sessions.resolution.SessionIndex` over a `MemoryWorld`. Nothing in it expires."""

    world: MemoryWorld = field(factory=MemoryWorld)

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        """Takes the session that came last to the first of these digests where any waits, and says where."""
        for at in places:
            waiting = self.world.waiting.get(at)
            if waiting:
                return at, waiting.pop()
        return None

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        """Has the session wait there again."""
        self.world.waiting.setdefault(at, []).append(session_id)

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        """The session bound to the name, this one if there was none."""
        return self.world.names.setdefault(name, session_id)


@define(eq=False)
class MemoryOwners:
    """`mix2api.accounts.owners.Owners` of one process. Nothing in it expires."""

    known: dict[tuple[Digest, str], Owner] = field(factory=dict)

    async def note(self, caller: Digest, made: Sequence[str], owner: Owner) -> None:
        """See the port."""
        self.known |= {(caller, thing): owner for thing in made}

    async def find(self, caller: Digest, things: Sequence[str]) -> list[Owner | None]:
        """See the port."""
        return [self.known.get((caller, thing)) for thing in things]


@define(eq=False)
class MemoryEventLog:
    """One process's view of a `MemoryWorld`. While `away` is set, appends wait and reads fail."""

    process: ProcessId
    world: MemoryWorld = field(factory=MemoryWorld)
    _away: bool = field(default=False, init=False)
    _spool: list[PendingAppend] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.world.alive.add(self.process)

    @property
    def is_down(self) -> bool:
        """Whether appends wait."""
        return self._away

    @property
    def is_starved(self) -> bool:
        """Never: no connection is needed."""
        return False

    @property
    def away(self) -> bool:
        """Whether the store cannot be reached. Setting it to False writes what waits."""
        return self._away

    @away.setter
    def away(self, away: bool) -> None:
        self._away = away
        if not away:
            spool, self._spool = self._spool, []
            for pending in spool:
                pending.settle(self._write(pending.append))

    def take_all(self, shards: int = 256) -> None:
        """Takes every lease that is free."""
        for number in range(shards):
            self.world.leases.setdefault(Shard(number), self.process)

    def submit(self, append: Append) -> Ticket:
        """Writes at once, or spools while away."""
        pending = PendingAppend.of(append, self, _SCHEMA)
        if self._away:
            self._spool.append(pending)
        else:
            pending.settle(self._write(append))
        return pending

    def hurry(self, entry: PendingAppend) -> None:
        """Makes no difference: what can be written is written at once."""

    def withdraw(self, entry: PendingAppend) -> None:
        """Drops an append that waits."""
        self._spool.remove(entry)
        entry.settle(Outcome.DROPPED)

    async def history(self, session_id: SessionId) -> History:
        """The session's snapshot and what follows it.

        Raises:
            StoreUnavailable: while away.
        """
        self._check_reachable()
        records = self.world.logs.get(session_id, [])
        if session_id not in self.world.snapshots:
            return History(snapshot=None, recorded=tuple(records))
        position, snapshot = self.world.snapshots[session_id]
        after = [record.position for record in records].index(position) + 1
        return History(snapshot=snapshot, recorded=tuple(records[after:]))

    async def records(self, session_id: SessionId, after: str = "") -> AsyncIterator[Recorded]:
        """All that the log has of a session, from after a position on."""
        self._check_reachable()
        seen = not after
        for record in list(self.world.logs.get(session_id, [])):
            if seen:
                yield record
            seen = seen or record.position == after

    def receipt(self, given: GivenEnding) -> None:
        """Records what the edge knows of an ending."""
        told = () if given.told is None else (given.told.value,)
        self.world.audit.append(("receipt", given.run_id, given.receipt.value, *told))

    def refused(self, count: int) -> None:
        """Notes requests that were refused because the store was away."""
        self.world.audit.append(("refused", str(count)))

    async def open_runs(self, shard: Shard) -> list[OpenRun]:
        """The accepted runs of a shard that have no end."""
        return [entry.run for entry in await self.open_entries([shard])]

    async def open_entries(self, shards: list[Shard]) -> list[OpenEntry]:
        """The accepted runs of several shards that have no end."""
        self._check_reachable()
        return [entry for entry in self.world.open.values() if shard_of(entry.run.session_id) in shards]

    async def seize(self, run: OpenRun) -> bool:
        """Takes over the run of a process that is not alive, on a shard that we hold."""
        self._check_reachable()
        entry = self.world.open.get(run.run_id)
        if entry is None or run.process in self.world.alive or not self._holds(run.session_id):
            return False
        if entry.run.process not in {run.process, self.process}:
            return False
        self.world.open[run.run_id] = evolve(entry, run=evolve(entry.run, process=self.process))
        return True

    async def runs_of_request(self, request_digest: Digest) -> list[tuple[RunId, SessionId]]:
        """The runs that had this request id, oldest first."""
        self._check_reachable()
        return list(self.world.runs.get(request_digest, []))

    def _check_reachable(self) -> None:
        if self._away:
            raise StoreUnavailable

    def _holds(self, session_id: SessionId) -> bool:
        return self.world.leases.get(shard_of(session_id)) == self.process

    def _write(self, append: Append) -> Outcome:
        if append.remark:
            return self._noted(append)
        entry = self.world.open.get(append.run_id)
        if entry is None:
            if append.opening is None or not self._holds(append.session_id) or self._is_opened_twice(append):
                return Outcome.FENCED
            if (shard_of(append.session_id), append.opening.inbox_entry) in self.world.done:
                return Outcome.FENCED
            entry = self._opened(append)
        elif entry.run.process != self.process or append.first_seq > entry.run.next_seq:
            return Outcome.FENCED
        elif append.first_seq < entry.run.next_seq:
            return Outcome.ALREADY
        self._record(append)
        self._advance(append, entry)
        return Outcome.APPENDED

    def _is_opened_twice(self, append: Append) -> bool:
        return isinstance(append.events[0], SessionNote) and append.session_id in self.world.logs

    def _noted(self, append: Append) -> Outcome:
        if not self._holds(append.session_id):
            return Outcome.FENCED
        self._record(append)
        return Outcome.APPENDED

    def _record(self, append: Append) -> None:
        log = self.world.logs.setdefault(append.session_id, [])
        log += [Recorded(position=self.world.position(), event=event) for event in append.events]

    def _opened(self, append: Append) -> OpenEntry:
        opening = append.opening
        assert opening is not None  # noqa: S101 - for the type checker: the caller has looked
        self.world.runs.setdefault(opening.request_digest, []).append((append.run_id, append.session_id))
        if opening.bind is not None:
            self.world.names[opening.bind] = append.session_id
        return OpenEntry(
            run=OpenRun(
                run_id=append.run_id,
                session_id=append.session_id,
                process=self.process,
                edge=opening.edge,
                next_seq=append.first_seq,
                started_ms=next(event.at_ms for event in append.events if isinstance(event, Request)),
            ),
            summary=opening.summary,
        )

    def _advance(self, append: Append, entry: OpenEntry) -> None:
        if append.closing is None:
            sequenced = sum(not isinstance(event, SessionNote) for event in append.events)
            run = evolve(entry.run, next_seq=append.first_seq + sequenced)
            self.world.open[append.run_id] = evolve(entry, run=run)
            return
        self.world.open.pop(append.run_id, None)
        self.world.audit.append(("run", append.run_id, append.session_id))
        if append.closing.inbox_entry is not None:
            self.world.done.add((shard_of(append.session_id), append.closing.inbox_entry))
        for at in append.closing.waits_at:
            self.world.waiting.setdefault(at, []).append(append.session_id)
        if append.closing.snapshot is not None:
            last = self.world.logs[append.session_id][-1].position
            self.world.snapshots[append.session_id] = (last, append.closing.snapshot)

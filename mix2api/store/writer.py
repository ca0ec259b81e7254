"""Group commit: appends of many sessions in one round trip, one script call per shard, resent until answered.

While a commit is on its way the next one collects; there is no timer. A commit whose reply was lost is sent again as it
was, marked as a repeat; the script answers what it answered (ADR 0002). While Redis is away appends wait in a bounded
spool, out of which chunk events fall first, leaving a gap note in the log.
"""

from collections.abc import Callable
from typing import Final

import trio
from attrs import define, field, frozen
from redis.exceptions import ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.events.log import Append, Outcome
from mix2api.store.commit import AuditNote, IndexLife, PendingAppend, ShardCommit, Verdict, verdicts_of
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.options import SpoolLimits
from mix2api.store.redis.link import Command, NotSent, RedisLink, Reply
from mix2api.store.refusals import is_damage
from mix2api.store.schema import WrittenSchema
from mix2api.store.scripts import run_scripts
from mix2api.store.willingness import Willingness, unwilling
from mix2api.vocabulary import ProcessId, RunId, Shard

_WINDOW_S: Final = 0.005
"""Chunk events and receipts wait so long for company: for a short answer they leave with its `end`. Nobody waits for
them, and each round trip of its own costs as much as the events in it."""
_PAUSE_S: Final = 0.2
"""Between attempts while the server answers but refuses to write (full, read-only, still loading)."""
_REFUSED_SHARD: Final = Shard(0)
"""Requests refused while Redis was away belong to no session; their number stands in one known place."""


@frozen(kw_only=True)
class WriterStatistics:
    """Counts since the start."""

    commits: int
    appended: int
    already: int
    fenced: int
    dropped: int
    out_of_order: int
    """Appends that would have left a hole: the store has lost what it had confirmed, or a fault of ours. Counted as fenced too."""
    repeats: int
    """Commits sent again because their reply was lost."""
    waiting: int


@frozen(kw_only=True)
class Holder:
    """Who writes: this process, with a nonce, as `open` entries and leases name it."""

    process: ProcessId
    nonce: str

    @property
    def word(self) -> str:
        """`<process>:<nonce>`."""
        return f"{self.process}:{self.nonce}"


@define(eq=False)
class LogWriter:
    """The one writer of a process. `run` has to be running for anything to be written.

    Args:
        link: its own connection.
        keys: key names.
        holder: who writes.
        lease_token: the token under which this process holds a shard; None if it does not.
        life: expiry of logs and look-ups.
        limits: of the spool.
        schema: in which version events are written.
        willingness: told whether the server takes what is written.
        damage: told of what gave way to what is written.
    """

    _link: RedisLink
    _keys: Keys
    _holder: Holder
    _lease_token: Callable[[Shard], str | None]
    _life: IndexLife
    _limits: SpoolLimits
    _schema: WrittenSchema = field(factory=WrittenSchema)
    _willingness: Willingness = field(factory=Willingness)
    _damage: DamageCounter = field(factory=DamageCounter)
    _pending: dict[PendingAppend | AuditNote, None] = field(factory=dict, init=False)
    _skipped: dict[RunId, int] = field(factory=dict, init=False)
    _unreported: int = field(default=0, init=False)
    _waiting: int = field(default=0, init=False)
    _waiting_bytes: int = field(default=0, init=False)
    _numbers: dict[Shard, int] = field(factory=dict, init=False)
    _work: trio.Event = field(factory=trio.Event, init=False)
    _urgent: trio.Event = field(factory=trio.Event, init=False)
    """Set while something waits that a client waits for."""
    _idle: trio.Event = field(factory=trio.Event, init=False)
    _refused: bool = field(default=False, init=False)
    _counts: dict[str, int] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._idle.set()

    @property
    def is_down(self) -> bool:
        """Whether an append handed in now would have to wait for Redis to come back. Never waits."""
        return self._refused or self._link.is_down

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left."""
        return self._link.is_starved

    def statistics(self) -> WriterStatistics:
        """What was done since the start."""
        count = self._counts.get
        return WriterStatistics(
            commits=count("commits", 0),
            appended=count(Outcome.APPENDED, 0),
            already=count(Outcome.ALREADY, 0),
            fenced=count(Outcome.FENCED, 0),
            dropped=count(Outcome.DROPPED, 0),
            out_of_order=count("out_of_order", 0),
            repeats=count("repeats", 0),
            waiting=self._waiting,
        )

    def submit(self, append: Append) -> PendingAppend:
        """Takes an append; over the spool's limits its ticket says `DROPPED` at once."""
        entry = PendingAppend.of(append, self._withdraw, self._schema)
        share = self._limits.droppable_share if append.droppable else 1.0
        if not self._has_room(entry.size_bytes, share):
            self._skip(entry)
            self._settle(entry, Outcome.DROPPED)
            return entry
        entry.skipped = self._skipped.pop(append.run_id, 0)
        self._enqueue(entry)
        return entry

    def refused(self, count: int) -> None:
        """Counts requests that were refused because Redis was away; one audit entry follows once it is back."""
        self._unreported += count
        self._wake()

    def note(self, note: AuditNote) -> bool:
        """Takes an audit entry that belongs to no append; False if the spool is full and it was dropped."""
        if not self._has_room(note.size_bytes, 1.0):
            return False
        self._enqueue(note)
        return True

    async def run(self) -> None:
        """Writes for ever."""
        while True:
            await self._work.wait()
            if not self._urgent.is_set():
                with trio.move_on_after(_WINDOW_S):
                    await self._urgent.wait()
            # What waits here can still be withdrawn; what was sent cannot.
            await self._link.wait_up()
            self._work = trio.Event()
            self._urgent = trio.Event()
            if self._unreported:
                unreported, self._unreported = self._unreported, 0
                self.note(AuditNote(_REFUSED_SHARD, ("k", "refused", "n", str(unreported))))
            entries, self._pending = list(self._pending), {}
            if entries:
                await self._write_or_drop(entries)
            if not self._pending:
                self._idle.set()

    async def drain(self, deadline_s: float) -> bool:
        """Waits until all is written; what is left after the deadline becomes `DROPPED`. Gives whether all was written."""
        with trio.move_on_after(deadline_s) as scope:
            await self._idle.wait()
        for entry in list(self._pending):
            if isinstance(entry, PendingAppend):
                self._settle(entry, Outcome.DROPPED)
        self._pending.clear()
        return not scope.cancelled_caught

    def _has_room(self, size_bytes: int, share: float) -> bool:
        return (
            self._waiting < self._limits.appends * share
            and self._waiting_bytes + size_bytes <= self._limits.size_bytes * share
        )

    def _enqueue(self, entry: PendingAppend | AuditNote) -> None:
        self._pending[entry] = None
        self._waiting += 1
        self._waiting_bytes += entry.size_bytes
        if isinstance(entry, PendingAppend) and entry.is_awaited:
            self._urgent.set()
        self._wake()

    def _wake(self) -> None:
        if self._idle.is_set():
            self._idle = trio.Event()
        self._work.set()

    def _withdraw(self, entry: PendingAppend) -> None:
        if entry not in self._pending:
            return
        del self._pending[entry]
        self._done(entry)
        self._skip(entry)
        self._settle(entry, Outcome.DROPPED)
        self._work.set()
        self._urgent.set()

    def _skip(self, entry: PendingAppend) -> None:
        """Has the run's next append say how many events are missing before it."""
        append = entry.append
        missing = entry.skipped + entry.sequenced
        if append.opening is not None or append.closing is not None or not missing:
            return
        for later in self._pending:
            if isinstance(later, PendingAppend) and later.follows(append):
                later.skipped += missing
                return
        self._skipped[append.run_id] = self._skipped.get(append.run_id, 0) + missing

    def _commits_of(self, entries: list[PendingAppend | AuditNote]) -> list[ShardCommit]:
        by_shard: dict[Shard, list[PendingAppend | AuditNote]] = {}
        for entry in entries:
            by_shard.setdefault(entry.shard, []).append(entry)
        return [self._commit(shard, of_shard) for shard, of_shard in by_shard.items()]

    def _commit(self, shard: Shard, entries: list[PendingAppend | AuditNote]) -> ShardCommit:
        number = self._numbers[shard] = self._numbers.get(shard, 0) + 1
        return ShardCommit.build(shard, entries, number=number, keys=self._keys, holder=self._holder.word)

    async def _write_or_drop(self, entries: list[PendingAppend | AuditNote]) -> None:
        """Writes; should a fault of ours end that, nobody waits for ever for what was under way."""
        try:
            await self._write(self._commits_of(entries))
        except Exception:
            for entry in entries:
                if isinstance(entry, PendingAppend) and entry.outcome is None and entry not in self._pending:
                    self._settle(entry, Outcome.DROPPED)
            self._waiting = len(self._pending)
            self._waiting_bytes = sum(entry.size_bytes for entry in self._pending)
            raise

    async def _write(self, commits: list[ShardCommit]) -> None:
        """Sends commits until every one is answered. Nothing newer is sent before: a run's appends keep their order."""
        self._count("commits")
        while commits:
            commands = self._commands(commits)
            try:
                replies = await run_scripts(self._link, commands)
                await self._mend_index(commands[len(commits) :], replies[len(commits) :])
            except NotSent:
                commits = self._put_back(commits)
                await self._link.wait_up()
                continue
            except StoreUnavailable:
                self._count("repeats")
                for commit in commits:
                    commit.repeat = True
                await self._link.wait_up()
                continue
            commits = self._settle_all(commits, replies)
            self._refused = bool(commits)
            if not commits:
                self._willingness.taken("log")
            if commits:
                await trio.sleep(_PAUSE_S)

    def _put_back(self, commits: list[ShardCommit]) -> list[ShardCommit]:
        """Has the entries of commits that no server has seen wait again, where they can be withdrawn; gives the others."""
        unseen = [entry for commit in commits if not commit.repeat for entry in commit.entries]
        if unseen:
            self._pending = dict.fromkeys([*unseen, *self._pending])
            self._work.set()
            self._urgent.set()
        for entry in unseen:
            if isinstance(entry, PendingAppend) and entry.unwanted:
                self._withdraw(entry)
        return [commit for commit in commits if commit.repeat]

    def _commands(self, commits: list[ShardCommit]) -> list[Command]:
        life = self._life
        commands = [
            commit.command(self._lease_token(commit.shard) or "", life.retention_ms) for commit in commits
        ]
        for commit in commits:
            commands += commit.index_commands(self._keys, life)
        return commands

    async def _mend_index(self, commands: list[Command], replies: list[Reply]) -> None:
        """Writes the look-ups again whose keys were of another type: those told nothing, and give way.

        Raises:
            StoreUnavailable: the connection broke; then all is sent again.
        """
        if not any(map(is_damage, replies)):
            return
        damaged = dict.fromkeys(
            str(command[1]) for command, reply in zip(commands, replies, strict=True) if is_damage(reply)
        )
        again = [command for command in commands if command[1] in damaged]
        try:
            await self._link.execute(*(("DEL", key) for key in damaged), *again)
        except NotSent:
            raise StoreUnavailable from None  # the scripts have been run
        for key in damaged:
            self._damage.removed(key)

    def _settle_all(self, commits: list[ShardCommit], replies: list[Reply]) -> list[ShardCommit]:
        """Tells the tickets; gives the commits that the server would not write now."""
        refused = []
        for commit, reply in zip(commits, replies, strict=False):  # index commands' replies follow
            if isinstance(reply, ResponseError) and self._passes(reply):
                refused.append(commit)
                continue
            letters = self._letters(reply)
            for entry, verdict in zip(commit.entries, verdicts_of(letters, len(commit.entries)), strict=True):
                self._settled(entry, verdict)
        return refused

    def _passes(self, refusal: ResponseError) -> bool:
        """Whether the server will write it later: by its state, and not for what the command is."""
        word = unwilling(refusal)
        if word is not None:
            self._willingness.refused("log", word)
        return word is not None or type(refusal) is not ResponseError

    def _letters(self, reply: Reply) -> bytes:
        """A commit's verdicts; none if its script failed. A list has the keys in it that gave way."""
        if isinstance(reply, list):
            reply, *mended = reply
            for key in mended:
                self._damage.removed(key.decode())
        return reply if isinstance(reply, bytes) else b""

    def _settled(self, entry: PendingAppend | AuditNote, verdict: Verdict) -> None:
        self._done(entry)
        if isinstance(entry, PendingAppend):
            self._count("out_of_order", int(verdict.out_of_order))
            if verdict.failed:
                self._damage.left(self._keys.log(entry.shard, entry.append.session_id))
            self._settle(entry, verdict.outcome)

    def _done(self, entry: PendingAppend | AuditNote) -> None:
        self._waiting -= 1
        self._waiting_bytes -= entry.size_bytes

    def _settle(self, entry: PendingAppend, outcome: Outcome) -> None:
        self._count(outcome)
        if entry.append.closing is not None:
            self._skipped.pop(entry.append.run_id, None)
        entry.settle(outcome)

    def _count(self, what: str, by: int = 1) -> None:
        self._counts[what] = self._counts.get(what, 0) + by

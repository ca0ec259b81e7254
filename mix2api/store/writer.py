"""Group commit: appends of many sessions in one round trip, one script call per shard, resent until answered.

Whoever waits for an append has it sent at once, with all that waits in its shard and all that others wait for. While
that commit is on its way the next one collects, and it leaves when the replies are there. Nobody waits for chunk events
and receipts: they go with the next commit of their shard, or when their time is over. All of this happens without a
task of its own, in `submit`, `wait` and the link's replies.

What does not go well is the task's, `run`. A commit whose reply was lost is sent again as it was, marked as a repeat;
the script answers what it answered (ADR 0002). While Redis is away appends wait in a bounded spool, out of which chunk
events fall first, leaving a gap note in the log.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from typing import Final

import trio
from attrs import define, field
from redis.exceptions import ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.events.log import Append, Outcome
from mix2api.store.commit import AuditNote, Entry, IndexLife, PendingAppend, ShardCommit, verdicts_of
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.leases import Holder
from mix2api.store.options import SpoolLimits
from mix2api.store.redis.link import Command, CommitLink, NotSent, Reply, Told
from mix2api.store.refusals import is_damage
from mix2api.store.schema import WrittenSchema
from mix2api.store.scripts import with_scripts
from mix2api.store.spool import Spool, SpoolUse
from mix2api.store.willingness import Willingness, unwilling
from mix2api.store.writer_port import WriterStatistics
from mix2api.vocabulary import Shard

_TICK_S: Final = 0.05
"""How often the task looks for what has waited long enough, while anything waits."""
_EVENTS_S: Final = 0.05
"""Chunk events wait so long for company (ADR 0024): a short answer's leave with its `end`. Each round trip of their own
costs more than the events in it."""
_PAUSE_S: Final = 0.2
"""Between attempts while the server answers but refuses to write (full, read-only, still loading)."""
_PLAIN: Final = frozenset({bytes, int, type(None)})
"""What the server replies to a commit that went well, look-ups included."""
_REFUSED_SHARD: Final = Shard(0)
"""Requests refused while Redis was away belong to no session; their number stands in one known place."""


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
        use: of the spool: shared with other writers of the process, where there are any.
        receipt_window_s: how long receipts wait for company.
    """

    _link: CommitLink
    _keys: Keys
    _holder: Holder
    _lease_token: Callable[[Shard], str | None]
    _life: IndexLife
    _limits: SpoolLimits
    _schema: WrittenSchema = field(factory=WrittenSchema)
    _willingness: Willingness = field(factory=Willingness)
    _damage: DamageCounter = field(factory=DamageCounter)
    _use: SpoolUse = field(factory=SpoolUse)
    _receipt_window_s: float = 1.0
    _spool: Spool = field(init=False)
    _under_way: list[ShardCommit] = field(factory=list, init=False)
    _commands: list[Command] = field(factory=list, init=False)
    """Of the commits under way."""
    _told: Told | None = field(default=None, init=False)
    """What they were told, where it is for the task to go on."""
    _fault: Exception | None = field(default=None, init=False)
    """A fault of ours, for the task's supervisor. Nothing is sent until it was raised."""
    _unreported: int = field(default=0, init=False)
    _numbers: dict[Shard, int] = field(factory=lambda: defaultdict(int), init=False)
    _stirred: trio.Event = field(factory=trio.Event, init=False)
    """Set when the task has something to do; it sleeps while nothing waits."""
    _resting: bool = field(default=False, init=False)
    _settled: trio.Event = field(factory=trio.Event, init=False)
    """Set when a commit is done."""
    _refused: bool = field(default=False, init=False)
    _counts: dict[str, int] = field(factory=lambda: defaultdict(int), init=False)

    @_spool.default
    def _within_limits(self) -> Spool:
        return Spool(self._limits, self._use)

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
        count = self._counts
        return WriterStatistics(
            commits=count["commits"],
            appended=count[Outcome.APPENDED],
            already=count[Outcome.ALREADY],
            fenced=count[Outcome.FENCED],
            dropped=count[Outcome.DROPPED],
            out_of_order=count["out_of_order"],
            repeats=count["repeats"],
            waiting=self._spool.count,
        )

    def submit(self, append: Append) -> PendingAppend:
        """Takes an append; over the spool's limits its ticket says `DROPPED` at once."""
        entry = PendingAppend.of(append, self, self._schema)
        urgent = append.opening is not None or append.closing is not None
        if not self._spool.put(entry, trio.current_time() + _EVENTS_S, urgent=urgent):
            self._spool.skip(entry)
            self._settle(entry, Outcome.DROPPED)
            return entry
        if self._resting:
            self._stir()
        return entry

    def note(self, note: AuditNote) -> bool:
        """Takes an audit entry that belongs to no append; False if the spool is full and it was dropped."""
        has_room = self._spool.put(note, trio.current_time() + self._receipt_window_s)
        if self._resting:
            self._stir()
        return has_room

    def refused(self, count: int) -> None:
        """Counts requests that were refused because Redis was away; one audit entry follows once it is back."""
        self._unreported += count
        self._stir()

    def _note_refused(self) -> None:
        count, self._unreported = self._unreported, 0
        self.note(AuditNote(_REFUSED_SHARD, ("k", "refused", "n", str(count))))

    def hurry(self, entry: Entry) -> None:
        """Somebody waits for that entry, or must not lose it: its shard's entries leave now, or with the next commit."""
        self._spool.urge(entry.shard)
        self._push()

    def withdraw(self, entry: PendingAppend) -> None:
        """Drops an append that was not sent yet."""
        if self._spool.remove(entry):
            self._settle(entry, Outcome.DROPPED)

    def _stir(self) -> None:
        self._resting = False
        self._stirred.set()

    def _push(self) -> None:
        """Sends what is urgent, unless a commit is under way: then it goes next. Never waits and never raises."""
        if not self._spool.urgent or self._under_way or self._fault is not None or self._link.is_lost:
            return
        taken, keys, holder = self._spool.take_urgent(), self._keys, self._holder.word
        try:
            for shard, entries in taken.items():
                number = self._numbers[shard] = self._numbers[shard] + 1
                commit = ShardCommit.build(shard, entries, number=number, keys=keys, holder=holder)
                self._under_way.append(commit)
            self._counts["commits"] += 1
            self._commands = self._commands_of(self._under_way)
            self._link.hand_in(self._commands, self._replied)
        except Exception as fault:  # noqa: BLE001 - nobody may wait for ever for it; `run` raises it, for its supervisor
            self._break_off(taken.values(), fault)

    def _commands_of(self, commits: list[ShardCommit]) -> list[Command]:
        life = self._life
        commands = [
            commit.command(self._lease_token(commit.shard) or "", life.retention_ms) for commit in commits
        ]
        for commit in commits:
            commit.add_index(commands, self._keys, life)
        return commands

    def _replied(self, told: Told) -> None:
        """Hears what became of the commits under way. Never raises: the link's task calls."""
        commits = self._under_way
        if isinstance(told, Exception) or not _PLAIN.issuperset(map(type, told)):
            self._told = told
            self._stir()
            return
        try:
            self._settle_all(commits, told)
        except Exception as fault:  # noqa: BLE001 - as in `_push`
            self._break_off([commit.entries for commit in commits], fault)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """The commits under way are written: the next may leave."""
        self._under_way = []
        if self._refused:
            self._refused = False
            self._willingness.taken("log")
        self._settled.set()
        self._push()

    def _break_off(self, taken: Iterable[list[Entry]], fault: Exception) -> None:
        """A fault of ours: nobody waits for ever for what was taken, and the task raises the fault."""
        self._under_way, self._fault = [], fault
        for entries in taken:
            for entry in entries:
                if isinstance(entry, PendingAppend) and entry.outcome is None:
                    self._settle(entry, Outcome.DROPPED)
        self._spool.recount()
        self._settled.set()
        self._stir()

    async def run(self) -> None:
        """Sends what has waited long enough, and goes on with what was not written at once; for ever."""
        while True:
            if self._told is not None:
                await self._insist(self._told)
            if self._fault is not None:
                fault, self._fault = self._fault, None
                raise fault
            # What waits here can still be withdrawn; what was sent cannot.
            if self._link.is_lost:
                await self._link.wait_up()
            if self._unreported:
                self._note_refused()
            self._spool.urge_due(trio.current_time())
            self._push()
            if self._told is None and self._fault is None:
                await self._rest()

    async def _rest(self) -> None:
        """Waits until something may be due, or has to be gone on with."""
        self._resting = self._spool.is_empty and not self._under_way
        self._stirred = trio.Event()
        with trio.move_on_after(inf if self._resting else _TICK_S):
            await self._stirred.wait()
        self._resting = False

    async def _insist(self, told: Told) -> None:
        """Sends commits until every one is answered. Nothing newer is sent before: a run's appends keep their order."""
        self._told = None
        try:
            while self._under_way:
                self._under_way = await self._rewritten(self._under_way, told)
                if self._under_way:
                    self._commands = self._commands_of(self._under_way)
                    told = await self._sent_again()
        except Exception as fault:  # noqa: BLE001 - as in `_push`
            self._break_off([commit.entries for commit in self._under_way], fault)
        else:
            self._go_on()

    async def _sent_again(self) -> Told:
        try:
            return await self._link.execute(*self._commands)
        except StoreUnavailable as fault:
            return fault

    async def _rewritten(self, commits: list[ShardCommit], told: Told) -> list[ShardCommit]:
        """Draws the conclusions of what commits were told, and waits before those are sent again that it gives."""
        # A fault is not raised here: with this frame in its traceback it would be a cycle (ADR 18).
        if isinstance(told, NotSent):
            commits = self._put_back(commits)
            await self._link.wait_up()
            return commits
        refused: list[ShardCommit] | None = None
        if not isinstance(told, Exception):
            with suppress(StoreUnavailable):
                refused = await self._settled_with(commits, told)
        if refused is None:
            self._counts["repeats"] += 1
            for commit in commits:
                commit.repeat = True
            await self._link.wait_up()
            return commits
        if refused:
            self._refused = True
            await trio.sleep(_PAUSE_S)
        return refused

    async def _settled_with(self, commits: list[ShardCommit], replies: list[Reply]) -> list[ShardCommit]:
        """Does what single commands need, and tells the tickets; gives the commits that the server would not write now.

        Raises:
            StoreUnavailable: the connection broke; no ticket was told.
        """
        replies = await with_scripts(self._link, self._commands, replies)
        await self._mend_index(self._commands[len(commits) :], replies[len(commits) :])
        return self._settle_all(commits, replies)

    def _put_back(self, commits: list[ShardCommit]) -> list[ShardCommit]:
        """Has the entries of commits that no server has seen wait again, where they can be withdrawn; gives the others."""
        for commit in commits:
            if not commit.repeat:
                self._spool.put_back(commit.shard, commit.entries)
                for entry in commit.entries:
                    if isinstance(entry, PendingAppend) and entry.unwanted:
                        self.withdraw(entry)
        return [commit for commit in commits if commit.repeat]

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

    async def drain(self, deadline_s: float) -> bool:
        """Waits until all is written; what is left after the deadline becomes `DROPPED`. Gives whether all was written."""
        with trio.move_on_after(deadline_s) as scope:
            while self._under_way or self._unreported or not self._spool.is_empty:
                self._settled = trio.Event()
                if self._unreported:
                    self._note_refused()
                self._spool.urge_all()
                self._push()
                await self._settled.wait()
        for entry in self._spool.give_up():
            if isinstance(entry, PendingAppend):
                self._settle(entry, Outcome.DROPPED)
        return not scope.cancelled_caught

    def _settle_all(self, commits: list[ShardCommit], replies: list[Reply]) -> list[ShardCommit]:
        """Tells the tickets; gives the commits that the server would not write now."""
        refused = []
        for commit, reply in zip(commits, replies, strict=False):  # index commands' replies follow
            if isinstance(reply, ResponseError) and self._passes(reply):
                refused.append(commit)
                continue
            letters = reply if isinstance(reply, bytes) else self._letters(reply)
            self._spool.forget(commit.entries)
            for entry, verdict in zip(commit.entries, verdicts_of(letters, len(commit.entries)), strict=True):
                if isinstance(entry, PendingAppend):
                    self._counts["out_of_order"] += verdict.out_of_order
                    if verdict.failed:
                        self._damage.left(self._keys.log(entry.shard, entry.append.session_id))
                    self._counts[verdict.outcome] += 1
                    entry.settle(verdict.outcome)
        return refused

    def _passes(self, refusal: ResponseError) -> bool:
        """Whether the server will write it later: by its state, and not for what the command is."""
        word = unwilling(refusal)
        if word is not None:
            self._willingness.refused("log", word)
        return word is not None or type(refusal) is not ResponseError

    def _letters(self, reply: Reply) -> bytes:
        """A commit's verdicts, of a list that has the keys in it that gave way; none if its script failed."""
        if isinstance(reply, list):
            reply, *mended = reply
            for key in mended:
                self._damage.removed(key.decode())
        return reply if isinstance(reply, bytes) else b""

    def _settle(self, entry: PendingAppend, verdict: Outcome) -> None:
        self._counts[verdict] += 1
        entry.settle(verdict)

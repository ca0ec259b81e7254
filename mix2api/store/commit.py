"""What goes into one script call: appends and audit notes of one shard, as the arguments that the script reads."""

from collections.abc import Callable
from typing import Final

import trio
from attrs import define, evolve, frozen

from mix2api.events.codec import Encoded
from mix2api.events.kinds import Request, SessionNote
from mix2api.events.log import Append, Outcome
from mix2api.identity import shard_of
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command
from mix2api.store.schema import WrittenSchema
from mix2api.store.scripts import APPEND
from mix2api.vocabulary import ProcessId, SessionWord, Shard

Argument = str | bytes | int
_OPENS: Final = 1
_CLOSES: Final = 2
_HAS_SNAPSHOT: Final = 4
_AUDIT: Final = 8
_REMARKS: Final = 16
_RUNS_PER_REQUEST_ID: Final = 100
"""The latest that are found by one request id; a caller who always sends the same one must not grow a list."""
_SESSIONS_PER_HISTORY: Final = 8
"""Waiting at the very same history under one realm: identical openings with identical answers."""


@define(eq=False)
class PendingAppend:
    """An append on its way; also the ticket that its submitter holds (`mix2api.events.log.Ticket`)."""

    append: Append
    shard: Shard
    encoded: list[Encoded]
    sequenced: int
    """How many of the events have a `seq`."""
    size_bytes: int
    _on_withdraw: Callable[["PendingAppend"], None]
    _schema: WrittenSchema
    skipped: int = 0
    """Events of the run that were dropped just before this append."""
    unwanted: bool = False
    """It was asked to be withdrawn."""
    _outcome: Outcome | None = None
    _settled: trio.Event | None = None

    @classmethod
    def of(
        cls, append: Append, on_withdraw: Callable[["PendingAppend"], None], schema: WrittenSchema
    ) -> "PendingAppend":
        """Encodes the events, so that what cannot be encoded is told to the submitter."""
        if append.opening is not None and not any(isinstance(event, Request) for event in append.events):
            raise ValueError("an opening append carries its request")
        if not schema.is_newest:
            append = _without_snapshot(append)
        encoded = [schema.encode(event) for event in append.events]
        return cls(
            append=append,
            shard=shard_of(append.session_id),
            encoded=encoded,
            sequenced=sum(not isinstance(event, SessionNote) for event in append.events),
            size_bytes=sum(len(entry.data) for entry in encoded) + _extra_bytes(append),
            on_withdraw=on_withdraw,
            schema=schema,
        )

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for it before a client gets on: a run's begin and end."""
        return self.append.opening is not None or self.append.closing is not None

    @property
    def outcome(self) -> Outcome | None:
        """None while it is under way."""
        return self._outcome

    async def wait(self) -> Outcome:
        """Waits until the store has said what became of it."""
        while self._outcome is None:
            if self._settled is None:
                self._settled = trio.Event()
            await self._settled.wait()
        return self._outcome

    def withdraw(self) -> None:
        """Asks that it not be written; without effect once it was sent."""
        self.unwanted = True
        if self._outcome is None:
            self._on_withdraw(self)

    def settle(self, outcome: Outcome) -> None:
        """Says what became of it, and wakes who waits."""
        self._outcome = outcome
        if self._settled is not None:
            self._settled.set()

    @property
    def needs_ledger(self) -> bool:
        """Whether a repeat cannot be told by `seq`: before and after a run there is no `open` entry, notes have no `seq`."""
        return self.append.opening is not None or self.append.closing is not None or self.sequenced == 0

    def follows(self, append: Append) -> bool:
        """Whether this is a later append of the same run."""
        return self.append.run_id == append.run_id and self.append.first_seq > append.first_seq

    def keys(self, keys: Keys) -> list[str]:
        """The append's own keys, after those of the shard."""
        names = [keys.log(self.shard, self.append.session_id)]
        if self.append.closing is not None and self.append.closing.snapshot is not None:
            names.append(keys.snapshot(self.shard, self.append.session_id))
        return names

    def arguments(self) -> list[Argument]:
        """What the script is told, led by the number of arguments."""
        append = self.append
        mode = _REMARKS if append.remark else _OPENS if append.opening is not None else 0
        closing: list[Argument] = []
        if append.closing is not None:
            mode |= _CLOSES | (_HAS_SNAPSHOT if append.closing.snapshot is not None else 0)
            closing = [
                append.closing.summary,
                append.closing.inbox_entry or "",
                append.closing.snapshot or b"",
            ]
        events = [part for entry in self._with_gap() for part in (entry.kind, entry.version, entry.data)]
        return [
            6 + len(closing) + len(events),
            mode,
            append.run_id,
            append.first_seq - self.skipped,
            append.first_seq + self.sequenced,
            _open_value(append),
            *closing,
            *events,
        ]

    def _with_gap(self) -> list[Encoded]:
        if not self.skipped:
            return self.encoded
        gap = SessionNote(word=SessionWord.GAP, why="spool", count=self.skipped, run_id=self.append.run_id)
        return [self._schema.encode(gap), *self.encoded]


@define(eq=False)
class AuditNote:
    """An entry of the audit stream that belongs to no append: a receipt, or requests refused while Redis was away."""

    shard: Shard
    fields: tuple[str | bytes, ...]
    """Names and values, alternating."""
    size_bytes: int = 128

    def arguments(self) -> list[Argument]:
        """What the script is told, led by the number of arguments."""
        return [2 + len(self.fields), _AUDIT, *self.fields]


@frozen
class Verdict:
    """What the script said of one entry."""

    outcome: Outcome
    out_of_order: bool = False
    failed: bool = False
    """Its own commands failed; it may have been written in part."""


_DROPPED: Final = Verdict(Outcome.DROPPED)
_VERDICTS: Final = {
    ord("a"): Verdict(Outcome.APPENDED),
    ord("r"): Verdict(Outcome.ALREADY),
    ord("f"): Verdict(Outcome.FENCED),
    ord("o"): Verdict(Outcome.FENCED, out_of_order=True),
    ord("d"): Verdict(Outcome.DROPPED, failed=True),
}


def verdicts_of(letters: bytes, entries: int) -> list[Verdict]:
    """One verdict per entry; without as many letters (the script failed, or the ledger is damaged) all were dropped."""
    if len(letters) != entries:
        return [_DROPPED] * entries
    return [_VERDICTS.get(letter, _DROPPED) for letter in letters]


@frozen(kw_only=True)
class IndexLife:
    """How long look-ups are kept, in milliseconds."""

    retention_ms: int
    """As long as the events that they lead to."""
    waiting_ms: int
    """As long as a session waits for its next turn (`SESSION_TTL_MS`)."""


@define(eq=False, kw_only=True)
class ShardCommit:
    """The entries of one shard in one commit. Sent again unchanged, but for the mark, when its reply was lost."""

    shard: Shard
    entries: list[PendingAppend | AuditNote]
    repeat: bool = False
    """It may have been written already."""
    _keys: list[str]
    _holder: str
    _number: str
    _arguments: list[Argument]

    @classmethod
    def build(
        cls, shard: Shard, entries: list[PendingAppend | AuditNote], *, number: int, keys: Keys, holder: str
    ) -> "ShardCommit":
        """Puts the arguments together, once.

        Args:
            shard: of all entries.
            entries: in the order of their submission.
            number: of this commit among those of this process and shard.
            keys: key names.
            holder: who writes.
        """
        names = list(keys.of_commit(shard, ProcessId(holder.partition(":")[0])))
        arguments: list[Argument] = []
        ledger = False
        for entry in entries:
            arguments += entry.arguments()
            if isinstance(entry, PendingAppend):
                names += entry.keys(keys)
                ledger = ledger or entry.needs_ledger
            else:
                ledger = True
        return cls(
            shard=shard,
            entries=entries,
            keys=names,
            holder=holder,
            number=str(number) if ledger else "",
            arguments=arguments,
        )

    def command(self, lease_token: str, retention_ms: int) -> Command:
        """The script call."""
        lead: list[Argument] = [lease_token, self._holder, retention_ms, self._number, int(self.repeat)]
        return APPEND.call(self._keys, lead + self._arguments)

    def index_commands(self, keys: Keys, life: IndexLife) -> list[Command]:
        """Look-ups by request id, by name and by history: other slots, so beside the script."""
        commands: list[Command] = []
        for entry in self.entries:
            if isinstance(entry, PendingAppend):
                commands += self._opening_index(entry.append, keys, life)
                commands += self._closing_index(entry.append, keys, life)
        return commands

    def _opening_index(self, append: Append, keys: Keys, life: IndexLife) -> list[Command]:
        opening = append.opening
        if opening is None:
            return []
        commands = self._index(keys.run(opening.request_digest), append, life.retention_ms)
        if opening.bind is not None:
            commands.append(("SET", keys.name(opening.bind), append.session_id, "PX", life.waiting_ms))
        return commands

    def _closing_index(self, append: Append, keys: Keys, life: IndexLife) -> list[Command]:
        commands: list[Command] = []
        for at in () if append.closing is None else append.closing.waits_at:
            key = keys.lineage(at)
            commands += [
                # Once only, also where a commit is sent again: two takers of one session are one too many.
                ("LREM", key, 0, append.session_id),
                ("RPUSH", key, append.session_id),
                ("LTRIM", key, -_SESSIONS_PER_HISTORY, -1),
                ("PEXPIRE", key, life.waiting_ms),
            ]
        return commands

    def _index(self, key: str, append: Append, retention_ms: int) -> list[Command]:
        value = f"{append.run_id}@{append.session_id}"
        again: list[Command] = [("LREM", key, 0, value)] if self.repeat else []
        return [
            *again,
            ("RPUSH", key, value),
            ("LTRIM", key, -_RUNS_PER_REQUEST_ID, -1),
            ("PEXPIRE", key, retention_ms),
        ]


def _without_snapshot(append: Append) -> Append:
    """The append for a log that an older version reads too: it has no use for this one's folded states."""
    if append.closing is None or append.closing.snapshot is None:
        return append
    return evolve(append, closing=evolve(append.closing, snapshot=None))


def _open_value(append: Append) -> bytes:
    """`<started ms> <edge> <session> <summary>`: what stands in `open` after seq and holder."""
    if append.opening is None:
        return b""
    started_ms = next(event.at_ms for event in append.events if isinstance(event, Request))
    return f"{started_ms} {append.opening.edge} {append.session_id} ".encode() + append.opening.summary


def _extra_bytes(append: Append) -> int:
    opening = len(append.opening.summary) if append.opening is not None else 0
    if append.closing is None:
        return opening
    return opening + len(append.closing.summary) + len(append.closing.snapshot or b"")

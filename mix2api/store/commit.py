"""What goes into one script call: appends and audit notes of one shard, as the arguments that the script reads."""

from collections.abc import Callable
from typing import Final, Protocol

import trio
from attrs import define, evolve, frozen

from mix2api.events.codec import Encoded, encode
from mix2api.events.kinds import Request, SessionNote
from mix2api.events.log import DURABLE, Append, Opening, Outcome
from mix2api.identity import shard_of
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command
from mix2api.store.schema import WrittenSchema
from mix2api.store.scripts import APPEND
from mix2api.vocabulary import SessionWord, Shard

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
_REFUSALS_PER_REQUEST_ID: Final = 8
"""The latest: a client that is refused repeats itself."""


class Carrier(Protocol):
    """Who brings appends into the log."""

    @property
    def is_down(self) -> bool:
        """Whether an append would have to wait for the store to come back. Never waits."""
        ...

    def hurry(self, entry: "PendingAppend") -> None:
        """Somebody waits for that append: it does not wait for company any longer."""
        ...

    def withdraw(self, entry: "PendingAppend") -> None:
        """Drops an append that was not sent yet."""
        ...


@define(eq=False)
class PendingAppend:
    """An append on its way; also the ticket that its submitter holds (`mix2api.events.log.Ticket`)."""

    append: Append
    shard: Shard
    encoded: list[Encoded]
    sequenced: int
    """How many of the events have a `seq`."""
    size_bytes: int
    _opened: bytes
    """What an opening puts into `open`, after seq and holder; else empty."""
    _carrier: Carrier
    _schema: WrittenSchema
    skipped: int = 0
    """Events of the run that were dropped just before this append."""
    unwanted: bool = False
    """It was asked to be withdrawn."""
    _outcome: Outcome | None = None
    _told: Callable[[], None] | None = None
    _settled: trio.Event | None = None

    @classmethod
    def of(cls, append: Append, carrier: Carrier, schema: WrittenSchema) -> "PendingAppend":
        """Encodes the events, so that what cannot be encoded is told to the submitter."""
        opening, closing = append.opening, append.closing
        if closing is not None and closing.snapshot is not None and not schema.is_newest:
            # An older version reads the log too, and has no use for this one's folded states.
            closing = evolve(closing, snapshot=None)
            append = evolve(append, closing=closing)
        opened = b"" if opening is None else _open_value(append, opening)
        encoded, sequenced, size_bytes = [], 0, len(opened)
        for event in append.events:
            entry = encode(event, schema.version, schema.schema)
            encoded.append(entry)
            size_bytes += len(entry.data)
            sequenced += not isinstance(event, SessionNote)
        if closing is not None:
            size_bytes += len(closing.summary) + len(closing.snapshot or b"")
        return cls(
            append, shard_of(append.session_id), encoded, sequenced, size_bytes, opened, carrier, schema
        )

    @property
    def outcome(self) -> Outcome | None:
        """None while it is under way."""
        return self._outcome

    @property
    def is_down(self) -> bool:
        """Whether its carrier would have to wait for the store to come back. Never waits."""
        return self._carrier.is_down

    async def wait(self) -> Outcome:
        """Waits until the store has said what became of it."""
        if self._outcome is None:
            self._carrier.hurry(self)
        while self._outcome is None:
            if self._settled is None:
                self._settled = trio.Event()
            await self._settled.wait()
        return self._outcome

    def withdraw(self) -> None:
        """Asks that it not be written; without effect once it was sent."""
        self.unwanted = True
        if self._outcome is None:
            self._carrier.withdraw(self)

    def on_durable(self, told: Callable[[], None]) -> None:
        """Has somebody told in the moment in which it becomes durable, at once if it is."""
        if self._outcome is None:
            self._told = told
        elif self._outcome in DURABLE:
            told()

    def settle(self, outcome: Outcome) -> None:
        """Says what became of it, and wakes who waits."""
        self._outcome = outcome
        told, self._told = self._told, None
        if told is not None and outcome in DURABLE:
            told()
        if self._settled is not None:
            self._settled.set()

    def follows(self, append: Append) -> bool:
        """Whether this is a later append of the same run."""
        return self.append.run_id == append.run_id and self.append.first_seq > append.first_seq

    def put_into(self, names: list[str], arguments: list[Argument], keys: Keys) -> bool:
        """Adds what the script is told of it: its own keys, and its arguments, led by their number.

        Returns:
            Whether the commit needs the ledger, because a repeat cannot be told by `seq`: before and after a run there is
            no `open` entry, and notes have no `seq`.
        """
        append, closing = self.append, self.append.closing
        mode = _REMARKS if append.remark else _OPENS if append.opening is not None else 0
        names.append(keys.log(self.shard, append.session_id))
        start = len(arguments)
        due = append.first_seq + self.sequenced
        arguments += (0, mode, append.run_id, append.first_seq - self.skipped, due, self._opened)
        if closing is not None:
            mode |= _CLOSES
            if closing.snapshot is not None:
                mode |= _HAS_SNAPSHOT
                names.append(keys.snapshot(self.shard, append.session_id))
            arguments += (closing.summary, closing.inbox_entry or "", closing.snapshot or b"")
        if append.opening is not None:
            arguments.append(append.opening.inbox_entry or "")
        for entry in self._with_gap() if self.skipped else self.encoded:
            arguments += (entry.kind, entry.version, entry.data)
        arguments[start : start + 2] = (len(arguments) - start, mode)
        return mode != 0 or self.sequenced == 0

    def _with_gap(self) -> list[Encoded]:
        gap = SessionNote(word=SessionWord.GAP, why="spool", count=self.skipped, run_id=self.append.run_id)
        return [self._schema.encode(gap), *self.encoded]


@define(eq=False)
class AuditNote:
    """An entry of the audit stream that belongs to no append: a receipt, or refused requests."""

    shard: Shard
    fields: tuple[str | bytes, ...]
    """Names and values, alternating."""
    size_bytes: int = 128
    found_by: tuple[str, bytes] | None = None
    """A list that leads to it, and what is put there."""

    def put_into(self, _names: list[str], arguments: list[Argument], _keys: Keys) -> bool:
        """Adds what the script is told of it; it needs the ledger."""
        arguments += (2 + len(self.fields), _AUDIT, *self.fields)
        return True


Entry = PendingAppend | AuditNote


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
    entries: list[Entry]
    repeat: bool = False
    """It may have been written already."""
    _keys: list[str]
    _holder: str
    _number: str
    _arguments: list[Argument]

    @classmethod
    def build(
        cls, shard: Shard, entries: list[Entry], *, number: int, keys: Keys, holder: str
    ) -> "ShardCommit":
        """Puts the arguments together, once.

        Args:
            shard: of all entries.
            entries: in the order of their submission.
            number: of this commit among those of this process and shard.
            keys: key names.
            holder: who writes, `<process>:<nonce>`.
        """
        names = [*keys.of_commit(shard, holder)]
        arguments: list[Argument] = []
        ledger = False
        for entry in entries:
            ledger |= entry.put_into(names, arguments, keys)
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
        lead = (lease_token, self._holder, retention_ms, self._number, int(self.repeat))
        return ("EVALSHA", APPEND.sha, len(self._keys), *self._keys, *lead, *self._arguments)

    def add_index(self, commands: list[Command], keys: Keys, life: IndexLife) -> None:
        """Adds what writes the look-ups by request id, by name and by history: other slots, so beside the script."""
        for entry in self.entries:
            if isinstance(entry, AuditNote):
                if entry.found_by is not None:
                    key, value = entry.found_by
                    commands += _listed(
                        key, value, _REFUSALS_PER_REQUEST_ID, life.retention_ms, anew=self.repeat
                    )
                continue
            append = entry.append
            if append.opening is not None:
                self._add_opening(commands, append, append.opening, keys, life)
            if append.closing is not None:
                for at in append.closing.waits_at:
                    # Once only, also where a commit is sent again: two takers of one session are one too many.
                    waiting, session = keys.lineage(at), append.session_id
                    commands += _listed(waiting, session, _SESSIONS_PER_HISTORY, life.waiting_ms, anew=True)

    def _add_opening(
        self, commands: list[Command], append: Append, opening: Opening, keys: Keys, life: IndexLife
    ) -> None:
        value = f"{append.run_id}@{append.session_id}"
        runs = keys.run(opening.request_digest)
        commands += _listed(runs, value, _RUNS_PER_REQUEST_ID, life.retention_ms, anew=self.repeat)
        if opening.bind is not None:
            commands.append(("SET", keys.name(opening.bind), append.session_id, "PX", life.waiting_ms))


def _listed(key: str, value: str | bytes, longest: int, life_ms: int, *, anew: bool) -> tuple[Command, ...]:
    """Puts a value at the end of a list; `anew`: where it stands already, it leaves its place."""
    pushed: tuple[Command, ...] = (
        ("RPUSH", key, value),
        ("LTRIM", key, -longest, -1),
        ("PEXPIRE", key, life_ms),
    )
    return (("LREM", key, 0, value), *pushed) if anew else pushed


def _open_value(append: Append, opening: Opening) -> bytes:
    """`<started ms> <edge> <session> <summary>`: what stands in `open` after seq and holder."""
    for event in append.events:
        if isinstance(event, Request):
            stem = f"{event.at_ms} {opening.edge} {append.session_id} "
            return stem.encode() + opening.summary
    raise ValueError("an opening append carries its request")

"""The audit streams of all shards, read fast: raw halves of entries, decoded by whoever counts them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, Protocol, assert_never

import trio
from attrs import define, field
from msgspec import Struct

from mix2api.errors import StoreUnavailable
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink, Reply, Told
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import EndReason, Receipt, RunId, SessionId, Shard

_PAGE: Final = 1000
"""Entries of one shard a round trip: with 32 shards some 10 MB at most."""
_SHARDS_PER_TRIP: Final = 32
_RUN_FIELDS: Final = 10
"""Names and values of a run's entry."""
_TOLD_FIELDS: Final = 12
"""Those of a receipt as far as the reason that its client was told."""
_DIGITS: Final = 15
"""Of a count: no process refuses more, and Python converts no number of thousands of digits."""


class AuditedRun(Struct, frozen=True):
    """A run that ended. The halves are `mix2api.events.audit_entry`'s bytes."""

    position: str
    run_id: RunId
    session_id: SessionId
    request: bytes
    end: bytes


class AuditedReceipt(Struct, frozen=True):
    """What an edge knew of an ending; `receipt` is a `Receipt`, `told` an `EndReason`, or a newer version's words."""

    position: str
    run_id: RunId
    session_id: SessionId
    receipt: str
    told: str | None = None
    """The `end_reason` under which the client was given its ending. None: an older version's receipt, or it was given none."""
    times: bytes = b""
    """`mix2api.events.edge_times`'s bytes; none in an older version's receipt."""


class AuditedRefusals(Struct, frozen=True):
    """So many requests were refused while the store was away."""

    position: str
    count: int


class AuditedRefusal(Struct, frozen=True):
    """One refused request. `data` is `mix2api.events.refusal_entry.RefusalEntry`'s bytes."""

    position: str
    data: bytes


class AuditedRefusalCount(Struct, frozen=True):
    """Refused requests that were only counted. `data` is `mix2api.events.refusal_entry.RefusalCount`'s bytes."""

    position: str
    data: bytes


AuditEntry = AuditedRun | AuditedReceipt | AuditedRefusals | AuditedRefusal | AuditedRefusalCount


class AuditListener(Protocol):
    """A fold that is told entries one by one. `at_ms` is Unix milliseconds on the store's clock."""

    def add_run(self, at_ms: int, run_id: str, request: bytes, end: bytes) -> None:
        """A run that ended."""
        ...

    def add_receipt(self, at_ms: int, run_id: str, receipt: str, told: str | None) -> None:
        """What an edge knew of an ending."""
        ...

    def add_refusal(self, at_ms: int, data: bytes) -> None:
        """A refused request."""
        ...

    def add_refusals(self, at_ms: int, data: bytes) -> None:
        """Refused requests that were only counted."""
        ...


@define(eq=False)
class _Asked:
    """Commands whose replies are not there yet."""

    due: dict[Shard, str]
    _told: list[Told] = field(factory=list)
    _arrived: trio.Event = field(factory=trio.Event)

    def hear(self, told: Told) -> None:
        self._told.append(told)
        self._arrived.set()

    async def replies(self) -> list[Reply]:
        """Waits for them.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        await self._arrived.wait()
        (told,) = self._told
        if isinstance(told, StoreUnavailable):
            raise told
        return told


@define(eq=False, kw_only=True)
class AuditStream:
    """Reads over all shards.

    Args:
        link: for reading.
        keys: key names.
        shards: how many there are.
        damage: told of streams that are none, and of entries that no process wrote.
    """

    _link: RedisLink
    _keys: Keys
    shards: int
    _damage: DamageCounter

    async def now_ms(self) -> int:
        """The store's clock, Unix milliseconds.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        ((seconds, micros),) = told(await self._link.execute(("TIME",)))
        return int(seconds) * 1000 + int(micros) // 1000

    async def read_audit(self, window_ms: int) -> AsyncGenerator[list[AuditEntry], None]:
        """Batches of what was written in the last `window_ms` milliseconds by the store's clock.

        In order within a shard, shard after shard in groups. Entries of newer kinds are left out.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        oldest_ms = max(0, await self.now_ms() - window_ms)
        # A reader may leave early; then the inner generator is closed with this one, and not left to the collector.
        async with aclosing(self.read_on(oldest_ms, {})) as batches:
            async for batch in batches:
                yield batch

    async def read_on(
        self,
        oldest_ms: int,
        reached: dict[int, str],
        size: int | None = None,
        newest_ms: int | None = None,
    ) -> AsyncGenerator[list[AuditEntry], None]:
        """Batches of what stands behind the places that were reached; of other shards, what is not older.

        Args:
            oldest_ms: on the store's clock.
            reached: shard -> position of the last entry that was read. Goes on with each batch that is given.
            size: entries of one shard in a batch, `_PAGE` if it is not given. A batch has those of 32 shards, and takes
                the loop some 4 µs for each.
            newest_ms: on the same clock: what is newer is left for the next time. None: nothing is.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        newest = "+" if newest_ms is None else str(newest_ms)
        async with aclosing(self._pages(oldest_ms, reached, size, newest)) as pages:
            async for page in pages:
                batch = [entry for raw in page if (entry := audit_entry(raw)) is not None]
                if batch:
                    yield batch

    async def tell(
        self, oldest_ms: int, reached: dict[int, str], listener: AuditListener, shards: Sequence[int] = ()
    ) -> None:
        """Tells a fold what `read_on` would give. Faster by half: most entries become no objects of ours on the way.

        Args:
            oldest_ms: as in `read_on`.
            reached: likewise.
            listener: the fold.
            shards: reads these alone; empty: all.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        async with aclosing(self._pages(oldest_ms, reached, shards=shards)) as pages:
            async for page in pages:
                _tell(page, listener)

    async def length(self) -> int:
        """How many entries the streams of all shards have, those before any window included. A stream that is none has none.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        commands = [("XLEN", self._keys.audit(Shard(number))) for number in range(self.shards)]
        replies = await self._link.execute(*commands)
        return sum(told([reply for reply in replies if not is_damage(reply)]))

    async def _pages(
        self,
        oldest_ms: int,
        reached: dict[int, str],
        size: int | None = None,
        newest: str = "+",
        shards: Sequence[int] = (),
    ) -> AsyncGenerator[list[list[Reply]], None]:
        """The entries as Redis gives them. The next page is asked for before one is given, so the server works meanwhile."""
        size, numbers = _PAGE if size is None else size, shards or range(self.shards)
        for first in range(0, len(numbers), _SHARDS_PER_TRIP):
            due = {
                Shard(number): _start(reached.get(number), oldest_ms)
                for number in numbers[first : first + _SHARDS_PER_TRIP]
            }
            foreign: dict[Shard, int] = {}
            asked: _Asked | None = self._ask(due, size, newest)
            while asked is not None:
                page, due = self._page(asked.due, await asked.replies(), foreign, reached, size)
                asked = self._ask(due, size, newest) if due else None
                if page:
                    yield page
            for shard, count in foreign.items():
                if count:
                    self._damage.left(self._keys.audit(shard), count)

    def _ask(self, due: dict[Shard, str], size: int, newest: str) -> _Asked:
        """Asks for one page of every shard from its place in `due` on, up to the newest position that is wanted."""
        commands: list[Command] = [
            ("XRANGE", self._keys.audit(shard), place, newest, "COUNT", size) for shard, place in due.items()
        ]
        asked = _Asked(due)
        self._link.hand_in(commands, asked.hear)
        return asked

    @staticmethod
    def _page(
        due: dict[Shard, str],
        replies: list[Reply],
        foreign: dict[Shard, int],
        reached: dict[int, str],
        size: int,
    ) -> tuple[list[list[Reply]], dict[Shard, str]]:
        """The entries of one page, and the places of the shards that have more.

        `foreign` counts what no process wrote: entries, or a key that is no stream.
        """
        page: list[list[Reply]] = []
        more = {}
        for shard, entries in zip(due, replies, strict=True):
            if is_damage(entries):
                # Unless the last page ended at the last id that there can be: then there is nothing more.
                foreign.setdefault(shard, 0 if due[shard].startswith("(") else 1)
                continue
            page += told([entries])[0]
            foreign[shard] = foreign.get(shard, 0) + len([raw for raw in entries if raw[1][0] != b"k"])
            if entries:
                reached[shard] = entries[-1][0].decode()
            if len(entries) == size:
                more[shard] = "(" + reached[shard]
        return page, more


def _start(reached: str | None, oldest_ms: int) -> str:
    if reached is None or int(reached.partition("-")[0]) < oldest_ms:
        return str(oldest_ms)
    return "(" + reached


_KNOWN: Final = {str(word).encode(): str(word) for word in (*Receipt, *EndReason)}
"""Words of receipts. A day has two million, so each is one string that is decoded and hashed once."""


def _tell(page: list[list[Reply]], listener: AuditListener) -> None:
    """Tells a fold of entries as Redis gives them. One loop: a day has millions, and a call for each costs a tenth of the time."""
    add_run, add_receipt, known = listener.add_run, listener.add_receipt, _KNOWN.get
    for raw in page:
        position, fields = raw
        kind, count, at_ms = fields[1], len(fields), int(position.partition(b"-")[0])
        if kind == b"run" and count >= _RUN_FIELDS:
            add_run(at_ms, fields[3].decode("utf-8", "replace"), fields[7], fields[9])
        elif kind == b"receipt" and count >= _TOLD_FIELDS:
            run_id, receipt, told_reason = fields[3].decode("utf-8", "replace"), fields[9], fields[11]
            add_receipt(
                at_ms,
                run_id,
                known(receipt) or _text(receipt),
                known(told_reason) or _text(told_reason) or None,
            )
        else:
            tell_entry(at_ms, audit_entry(raw), listener)


def tell_entry(at_ms: int, entry: AuditEntry | None, listener: AuditListener) -> None:
    """Tells a fold of one entry.

    Args:
        at_ms: of the entry: Unix milliseconds on the store's clock.
        entry: None is of a newer kind.
        listener: the fold.
    """
    match entry:
        case AuditedRun():
            listener.add_run(at_ms, entry.run_id, entry.request, entry.end)
        case AuditedReceipt():
            listener.add_receipt(at_ms, entry.run_id, entry.receipt, entry.told)
        case AuditedRefusal():
            listener.add_refusal(at_ms, entry.data)
        case AuditedRefusalCount():
            listener.add_refusals(at_ms, entry.data)
        case AuditedRefusals() | None:
            pass  # the same requests have entries of their own; a newer version's kind
        case _:
            assert_never(entry)


def audit_entry(raw: list[Reply]) -> AuditEntry | None:
    """An entry as Redis gives it; None of a newer kind.

    Fields stand in the order in which the append script and the writer put them; a newer version may add some.

    What is damaged is given as far as it goes: its halves are unreadable, and whoever counts says so.
    """
    position, fields = raw
    values: list[bytes] = [*fields[3::2], b"", b"", b"", b"", b"", b""]
    match fields[1]:
        case b"run":
            run, session, request, end = values[:4]
            return AuditedRun(position.decode(), RunId(_text(run)), SessionId(_text(session)), request, end)
        case b"receipt":
            run, session, _, receipt, told_reason, times = values[:6]
            return AuditedReceipt(
                position.decode(),
                RunId(_text(run)),
                SessionId(_text(session)),
                _text(receipt),
                _text(told_reason) or None,
                times,
            )
        case b"refusal":
            return AuditedRefusal(position.decode(), values[1])
        case b"refusals":
            return AuditedRefusalCount(position.decode(), values[0])
        case b"refused" if values[0].isdigit() and len(values[0]) <= _DIGITS:
            return AuditedRefusals(position.decode(), int(values[0]))
        case _:
            return None


def _text(word: bytes) -> str:
    return word.decode(errors="replace")

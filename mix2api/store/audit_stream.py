"""The audit streams of all shards, read fast: raw halves of entries, decoded by whoever counts them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from attrs import define
from msgspec import Struct

from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.log import OpenEntry, RedisEventLog
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import RunId, SessionId, Shard

_PAGE: Final = 1000
"""Entries of one shard a round trip: with 32 shards some 10 MB at most."""
_SHARDS_PER_TRIP: Final = 32
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


@define(eq=False, kw_only=True)
class AuditStream:
    """Reads over all shards.

    Args:
        link: for reading.
        keys: key names.
        log: for what is still open.
        shards: how many there are.
        damage: told of streams that are none, and of entries that no process wrote.
    """

    _link: RedisLink
    _keys: Keys
    _log: RedisEventLog
    _shards: int
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
        self, oldest_ms: int, reached: dict[int, str]
    ) -> AsyncGenerator[list[AuditEntry], None]:
        """Batches of what stands behind the places that were reached; of other shards, what is not older.

        Args:
            oldest_ms: on the store's clock.
            reached: shard -> position of the last entry that was read. Goes on with each batch that is given.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        for first in range(0, self._shards, _SHARDS_PER_TRIP):
            due = {
                Shard(number): _start(reached.get(number), oldest_ms)
                for number in range(first, min(first + _SHARDS_PER_TRIP, self._shards))
            }
            foreign: dict[Shard, int] = {}
            while due:
                batch, due = await self._page(due, foreign, reached)
                if batch:
                    yield batch
            for shard, count in foreign.items():
                if count:
                    self._damage.left(self._keys.audit(shard), count)

    async def open_entries(self) -> list[OpenEntry]:
        """The accepted runs without an end, of all shards.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return await self._log.open_entries([Shard(number) for number in range(self._shards)])

    async def _page(
        self, due: dict[Shard, str], foreign: dict[Shard, int], reached: dict[int, str]
    ) -> tuple[list[AuditEntry], dict[Shard, str]]:
        """One page of every shard from its place in `due` on, and the places of those that have more.

        `foreign` counts what no process wrote: entries, or a key that is no stream.
        """
        commands: list[Command] = [
            ("XRANGE", self._keys.audit(shard), place, "+", "COUNT", _PAGE) for shard, place in due.items()
        ]
        batch: list[AuditEntry] = []
        more = {}
        for shard, entries in zip(due, await self._link.execute(*commands), strict=True):
            if is_damage(entries):
                # Unless the last page ended at the last id that there can be: then there is nothing more.
                foreign.setdefault(shard, 0 if due[shard].startswith("(") else 1)
                continue
            batch += [entry for raw in told([entries])[0] if (entry := audit_entry(raw)) is not None]
            foreign[shard] = foreign.get(shard, 0) + sum(raw[1][0] != b"k" for raw in entries)
            if entries:
                reached[shard] = entries[-1][0].decode()
            if len(entries) == _PAGE:
                more[shard] = "(" + reached[shard]
        return batch, more


def _start(reached: str | None, oldest_ms: int) -> str:
    if reached is None or int(reached.partition("-")[0]) < oldest_ms:
        return str(oldest_ms)
    return "(" + reached


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

"""The sessions of a window as other processes have written them: bytes, for whoever reads them anew. Changes nothing."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from attrs import define, field

from mix2api.identity import is_session_id, shard_of
from mix2api.release.recorded_session import RecordedEntry, RecordedRun, RecordedSession
from mix2api.store.audit_stream import AuditedRun, AuditStream
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import SessionId, Shard

_ENTRIES: Final = 20_000
"""Of one log at most. A log is trimmed to about 10,000 with each snapshot."""
_OPENED: Final = b'"word":"opened"'
"""In the first event of every log. Without it, older entries are gone."""


@define(eq=False, kw_only=True)
class RecordedSessions:
    """Reads them.

    Args:
        link: for reading.
        keys: key names.
        audit: says which sessions there were.
        shards: how many there are.
    """

    _link: RedisLink
    _keys: Keys
    _audit: AuditStream
    _shards: int
    left_out: int = field(default=0, init=False)
    """Runs of sessions that were left out: there were more than were asked for, or the log cannot be read."""

    async def of_window(self, window_ms: int, most: int) -> AsyncIterator[RecordedSession]:
        """The sessions whose runs ended in a window; of each shard the newest ones.

        Args:
            window_ms: up to now, on the store's clock.
            most: sessions; each shard has its part of them.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        self.left_out = 0
        for session_id, runs in (await self._runs(window_ms, -(-most // self._shards))).items():
            session = await self._session(session_id, runs)
            if session is None:
                self.left_out += len(runs)
            else:
                yield session

    async def _runs(self, window_ms: int, most: int) -> dict[SessionId, dict[str, RecordedRun]]:
        """The audited runs of the newest sessions of each shard, in the order in which they were first seen."""
        found: dict[Shard, dict[SessionId, dict[str, RecordedRun]]] = {}
        async with aclosing(self._audit.read_audit(window_ms)) as batches:
            async for batch in batches:
                for entry in batch:
                    if isinstance(entry, AuditedRun) and is_session_id(entry.session_id):
                        of_shard = found.setdefault(shard_of(entry.session_id), {})
                        half = RecordedRun(_text(entry.request), _text(entry.end))
                        of_shard.setdefault(entry.session_id, {})[entry.run_id] = half
                        if len(of_shard) > most:
                            self.left_out += len(of_shard.pop(next(iter(of_shard))))
        return {session: runs for of_shard in found.values() for session, runs in of_shard.items()}

    async def _session(self, session_id: SessionId, runs: dict[str, RecordedRun]) -> RecordedSession | None:
        shard = shard_of(session_id)
        snapshot, entries = await self._link.execute(
            ("GET", self._keys.snapshot(shard, session_id)),
            ("XRANGE", self._keys.log(shard, session_id), "-", "+", "COUNT", _ENTRIES + 1),
        )
        if is_damage(snapshot) or is_damage(entries):
            return None
        told([snapshot, entries])
        if not entries or len(entries) > _ENTRIES:
            return None
        covers, _, state = (snapshot or b"").partition(b" ")
        return RecordedSession(
            session=session_id,
            entries=tuple(map(_entry, entries)),
            snapshot=_text(state) if state else None,
            covered=sum(_place(entry[0]) <= _place(covers) for entry in entries) if state else 0,
            is_trimmed=_OPENED not in b"".join(entries[0][1]),
            runs=runs,
        )


def _entry(entry: list[Reply]) -> RecordedEntry:
    _, flat = entry
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return RecordedEntry(*(_text(fields.get(name, b"")) for name in (b"k", b"v", b"d")))


def _place(position: bytes) -> tuple[int, int]:
    """A stream id as its two numbers. What is no id comes before everything."""
    first, _, second = position.partition(b"-")
    return (int(first), int(second)) if first.isdigit() and second.isdigit() else (-1, -1)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")

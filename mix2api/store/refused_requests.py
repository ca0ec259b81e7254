"""Audit entries of requests that were refused before a run began, at a bounded rate.

A flood of refused requests must not become a flood of writes. So a process writes an entry of its own for a hundred requests a
second at most. It counts the others, and writes one entry for each reason, channel and second. While the store is away the first hundred
entries wait in the process, so that `mix2api explain` knows some of the requests that this refused; the others are counted.
"""

from collections import Counter, deque
from typing import Final

import trio
from attrs import define, field

from mix2api.clock import Clock
from mix2api.events.refusal_entry import CountedRefusals, RefusalCount, RefusalEntry, refusal_bytes
from mix2api.sealing import Seal
from mix2api.store.commit import AuditNote
from mix2api.store.keys import Keys
from mix2api.store.writer_port import EventWriter
from mix2api.vocabulary import Channel, EndReason, Shard

ENTRIES_A_SECOND: Final = 100
"""Entries of their own: some 50 kB a second, less than a moderate load of accepted runs writes."""
ENTRIES_HELD: Final = 100
"""Entries that wait for a store that is away: some 50 kB."""
_COUNTED_SHARD: Final = Shard(0)
"""Counts belong to no request id."""

_Reason = tuple[EndReason, str | None, int, Channel | None]
"""The last one is the worker's channel."""
_Caller = tuple[str, bool | None, bool | None]


@define(eq=False, kw_only=True)
class RefusedRequests:
    """One process's.

    Args:
        writer: takes the entries.
        keys: key names.
        seal: digests request ids.
        clock: tells the second.
        shards: over how many the entries are spread.
        channel: of this process.
    """

    _writer: EventWriter
    _keys: Keys
    _seal: Seal
    _clock: Clock
    _shards: int
    _channel: Channel
    _second: int = field(default=0, init=False)
    _left: int = field(default=0, init=False)
    """Entries that this second may still have."""
    _held: deque[AuditNote] = field(factory=deque, init=False)
    """Entries that wait for the store."""
    _counted_since: int = field(default=0, init=False)
    _counts: dict[_Reason, Counter[_Caller]] = field(factory=dict, init=False)

    def note(self, entry: RefusalEntry) -> None:
        """Records one refused request, or counts it. Never waits and never fails."""
        second = self._clock.now_ms() // 1000
        if second != self._second:
            self.flush()
            self._second, self._left = second, ENTRIES_A_SECOND
        if self._left > 0 and self._took(self._own_note(entry)):
            self._left -= 1
            return
        if not self._counts:
            self._counted_since = second
        reason = (entry.end_reason, entry.detail, entry.http_status, entry.worker_channel)
        caller = (entry.client, entry.stream, entry.tools_present)
        self._counts.setdefault(reason, Counter())[caller] += 1

    def _took(self, note: AuditNote) -> bool:
        """Whether an entry is on its way to the store, or waits for it."""
        if not self._writer.is_down:
            return self._writer.note(note)
        if len(self._held) >= ENTRIES_HELD:
            return False
        self._held.append(note)
        return True

    def flush(self) -> None:
        """Hands over what waits and the counts so far, unless the store is away: then they wait, and go on growing."""
        if self._writer.is_down:
            return
        while self._held:
            if not self._writer.note(self._held[0]):
                return
            self._held.popleft()
        for reason in list(self._counts):
            note = AuditNote(_COUNTED_SHARD, ("k", "refusals", "c", refusal_bytes(self._count_of(reason))))
            if not self._writer.note(note):
                return
            del self._counts[reason]

    async def keep(self) -> None:
        """Flushes once a second, for ever: the last second of a flood has no later request to flush it."""
        while True:
            await trio.sleep(1)
            self.flush()

    def _own_note(self, entry: RefusalEntry) -> AuditNote:
        data = refusal_bytes(entry)
        digest = self._seal.digest(entry.request_id, "request_id")
        shard = Shard(int(digest[:8], 16) % self._shards)
        fields = ("k", "refusal", "i", entry.request_id, "d", data)
        return AuditNote(shard, fields, len(data) + 128, (self._keys.refusal(digest), data))

    def _count_of(self, reason: _Reason) -> RefusalCount:
        end_reason, detail, http_status, worker_channel = reason
        return RefusalCount(
            at_ms=self._counted_since * 1000,
            end_reason=end_reason,
            detail=detail,
            http_status=http_status,
            channel=self._channel,
            by_client=tuple(
                CountedRefusals(client=client, stream=stream, tools_present=tools_present, count=count)
                for (client, stream, tools_present), count in self._counts[reason].items()
            ),
            worker_channel=worker_channel,
        )

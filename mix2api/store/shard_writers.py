"""The writers of a process in a Redis Cluster: one for each shard that it writes to.

A shard's commits go to its master only, wherever that is by now, and wait for nobody else's. So a master that is away stops
its own shards, and a shard that moves takes its order along. Commits that leave together share a round trip all the same:
the link to each master sends at once what was handed in while it waited.
"""

from collections.abc import Callable
from typing import Final

import trio
from attrs import define, field

from mix2api.events.log import Append
from mix2api.identity import shard_of
from mix2api.store.commit import AuditNote, Entry, PendingAppend
from mix2api.store.late_look_ups import LateLookUps
from mix2api.store.redis.link import RedisLink
from mix2api.store.writer import LogWriter
from mix2api.store.writer_port import WriterStatistics
from mix2api.supervision import OnFault, supervised
from mix2api.vocabulary import Shard

_COUNTING_SHARD: Final = Shard(0)
"""Its writer writes how many requests were refused: they belong to no session."""


@define(eq=False, kw_only=True)
class ShardWriters:
    """`mix2api.store.writer_port.EventWriter` for a Redis Cluster.

    Args:
        link: to all masters; the writers' own.
        make: makes the writer of a shard.
        late: takes the look-ups whose master is away.
        on_fault: told of faults of single writers.
    """

    _link: RedisLink
    _make: Callable[[Shard], LogWriter]
    _late: LateLookUps
    _on_fault: OnFault
    _writers: dict[Shard, LogWriter] = field(factory=dict, init=False)
    _idle: list[LogWriter] = field(factory=list, init=False)
    """Made, and not running yet."""
    _grown: trio.Event = field(factory=trio.Event, init=False)

    @property
    def is_down(self) -> bool:
        """Whether every master is away. What one shard has to expect its tickets say."""
        return self._link.is_down

    @property
    def is_starved(self) -> bool:
        """Whether a master is away because this process has no file descriptor left."""
        return self._link.is_starved

    def writer(self, shard: Shard) -> LogWriter:
        """The writer of a shard."""
        writer = self._writers.get(shard)
        if writer is None:
            writer = self._writers[shard] = self._make(shard)
            self._idle.append(writer)
            self._grown.set()
        return writer

    def statistics(self) -> WriterStatistics:
        """What was done since the start; look-ups that had no room count as dropped."""
        found = [writer.statistics() for writer in self._writers.values()]
        return WriterStatistics(
            commits=sum(each.commits for each in found),
            appended=sum(each.appended for each in found),
            already=sum(each.already for each in found),
            fenced=sum(each.fenced for each in found),
            dropped=sum(each.dropped for each in found) + self._late.lost,
            out_of_order=sum(each.out_of_order for each in found),
            repeats=sum(each.repeats for each in found),
            waiting=sum(each.waiting for each in found),
        )

    def submit(self, append: Append) -> PendingAppend:
        """Takes an append; over the spool's limits its ticket says `DROPPED` at once."""
        return self.writer(shard_of(append.session_id)).submit(append)

    def note(self, note: AuditNote) -> bool:
        """Takes an audit entry that belongs to no append; False if the spool is full and it was dropped."""
        return self.writer(note.shard).note(note)

    def refused(self, count: int) -> None:
        """Counts requests that were refused because Redis was away; one audit entry follows."""
        self.writer(_COUNTING_SHARD).refused(count)

    def hurry(self, entry: Entry) -> None:
        """Somebody waits for that entry, or must not lose it: it leaves now, or with the next commit of its shard."""
        self.writer(entry.shard).hurry(entry)

    async def run(self) -> None:
        """Runs the writers, and writes late look-ups; for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervised, "log.look_ups", self._late.keep, self._on_fault)
            self._idle = list(self._writers.values())
            while True:
                while self._idle:
                    nursery.start_soon(supervised, "log.writer", self._idle.pop().run, self._on_fault)
                self._grown = trio.Event()
                await self._grown.wait()

    async def drain(self, deadline_s: float) -> bool:
        """Waits until all is written; what is left after the deadline becomes `DROPPED`. Gives whether all was written."""
        written: list[bool] = []

        async def drain(writer: LogWriter) -> None:
            written.append(await writer.drain(deadline_s))

        async with trio.open_nursery() as nursery:
            for writer in list(self._writers.values()):
                nursery.start_soon(drain, writer)
        with trio.move_on_after(deadline_s):
            await self._late.flush()
        return all(written) and not self._late.count

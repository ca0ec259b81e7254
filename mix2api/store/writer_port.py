"""The port of what is appended: one writer for a single Redis server, one for each shard in a Redis Cluster."""

from typing import Protocol

from attrs import frozen

from mix2api.events.log import Append
from mix2api.store.commit import AuditNote, Entry, PendingAppend


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


class EventWriter(Protocol):
    """Writes what a process appends. `run` has to be running for anything to be written."""

    @property
    def is_down(self) -> bool:
        """Whether no append can be written now, as far as anything has shown. Never waits."""
        ...

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left."""
        ...

    def statistics(self) -> WriterStatistics:
        """What was done since the start."""
        ...

    def submit(self, append: Append) -> PendingAppend:
        """Takes an append; over the spool's limits its ticket says `DROPPED` at once."""
        ...

    def note(self, note: AuditNote) -> bool:
        """Takes an audit entry that belongs to no append; False if the spool is full and it was dropped."""
        ...

    def refused(self, count: int) -> None:
        """Counts requests that were refused because Redis was away; one audit entry follows once it is back."""
        ...

    def hurry(self, entry: Entry) -> None:
        """Somebody waits for that entry, or must not lose it: it leaves now, or with the next commit."""
        ...

    async def run(self) -> None:
        """Sends what has waited long enough, and goes on with what was not written at once; for ever."""
        ...

    async def drain(self, deadline_s: float) -> bool:
        """Waits until all is written; what is left after the deadline becomes `DROPPED`. Gives whether all was written."""
        ...

"""What waits to be written, shard by shard, within bounds on number and bytes: no task and no connection in here.

An entry waits for company until its shard is urgent. Events that had to be dropped leave their number behind, and the
run's next append says how many are missing.
"""

from attrs import define, field

from mix2api.store.commit import Entry, PendingAppend
from mix2api.store.options import SpoolLimits
from mix2api.vocabulary import RunId, Shard


@define(eq=False)
class SpoolUse:
    """How much waits in all spools that share one bound."""

    count: int = 0
    size_bytes: int = 0


@define(eq=False)
class Spool:
    """The entries of a process that are not written yet.

    Args:
        limits: how much may wait, what is under way included.
        use: how much waits here, and in the spools that share the bound.
    """

    _limits: SpoolLimits
    _use: SpoolUse = field(factory=SpoolUse)
    _by_shard: dict[Shard, list[Entry]] = field(factory=dict, init=False)
    """What was not sent yet, in the order of its submission."""
    urgent: dict[Shard, None] = field(factory=dict, init=False)
    """Shards whose entries are to leave now."""
    _due: dict[Shard, float] = field(factory=dict, init=False)
    """When shards become urgent by themselves, on trio's clock."""
    _skipped: dict[RunId, int] = field(factory=dict, init=False)
    count: int = field(default=0, init=False)
    """Entries that are not written yet, those under way included."""
    _size_bytes: int = field(default=0, init=False)

    @property
    def is_empty(self) -> bool:
        """Whether all that was put in was taken."""
        return not self._by_shard

    def put(self, entry: Entry, due: float, *, urgent: bool = False) -> bool:
        """Takes an entry.

        Args:
            entry: behind all others of its shard.
            due: when it has waited long enough.
            urgent: what waits in its shard is to leave now, this entry included.

        Returns:
            Whether there was room. Chunk events may fill a part of it only (`SpoolLimits.droppable_share`).
        """
        limits, share = self._limits, 1.0
        if isinstance(entry, PendingAppend) and entry.append.droppable:
            share = limits.droppable_share
        use = self._use
        size_bytes = use.size_bytes + entry.size_bytes
        if use.count >= limits.appends * share or size_bytes > limits.size_bytes * share:
            return False
        if self._skipped and isinstance(entry, PendingAppend):
            entry.skipped = self._skipped.pop(entry.append.run_id, 0)
        shard = entry.shard
        waiting = self._by_shard.get(shard)
        if waiting is None:
            self._by_shard[shard] = [entry]
        else:
            waiting.append(entry)
        self.count += 1
        self._size_bytes += entry.size_bytes
        use.count += 1
        use.size_bytes = size_bytes
        if urgent:
            self.urgent[shard] = None
        if self._due.get(shard, due) >= due:
            self._due[shard] = due
        return True

    def put_back(self, shard: Shard, entries: list[Entry]) -> None:
        """Has entries that were taken wait again, before all others of their shard."""
        self._by_shard[shard] = [*entries, *self._by_shard.get(shard, ())]
        self.urgent[shard] = None

    def urge(self, shard: Shard) -> None:
        """What waits in a shard is to leave now."""
        if shard in self._by_shard:
            self.urgent[shard] = None

    def urge_due(self, now: float) -> None:
        """What has waited long enough is to leave now."""
        for shard, due in self._due.items():
            if due <= now:
                self.urgent[shard] = None

    def urge_all(self) -> None:
        """Everything is to leave now."""
        self.urgent = dict.fromkeys(self._by_shard)

    def take_urgent(self) -> dict[Shard, list[Entry]]:
        """Gives all entries of the urgent shards."""
        shards, self.urgent = self.urgent, {}
        taken = {}
        for shard in shards:
            self._due.pop(shard, None)
            taken[shard] = self._by_shard.pop(shard)
        return taken

    def give_up(self) -> list[Entry]:
        """Forgets all entries, and gives them."""
        self.urge_all()
        entries = [entry for of_shard in self.take_urgent().values() for entry in of_shard]
        self.forget(entries)
        return entries

    def remove(self, entry: PendingAppend) -> bool:
        """Takes an append out, and has the run's next one tell; False if it is not here any more."""
        waiting = self._by_shard.get(entry.shard, [])
        if entry not in waiting:
            return False
        waiting.remove(entry)
        if not waiting:
            del self._by_shard[entry.shard]
            self._due.pop(entry.shard, None)
            self.urgent.pop(entry.shard, None)
        self.forget([entry])
        self.skip(entry)
        return True

    def skip(self, entry: PendingAppend) -> None:
        """Has the run's next append say how many events are missing before it."""
        append = entry.append
        missing = entry.skipped + entry.sequenced
        if append.opening is not None or append.closing is not None or not missing:
            return
        for later in self._by_shard.get(entry.shard, ()):
            if isinstance(later, PendingAppend) and later.follows(append):
                later.skipped += missing
                return
        self._skipped[append.run_id] = self._skipped.get(append.run_id, 0) + missing

    def forget(self, entries: list[Entry]) -> None:
        """Entries that were taken do not wait any more: they were written, or given up."""
        self.count -= len(entries)
        self._use.count -= len(entries)
        for entry in entries:
            self._size_bytes -= entry.size_bytes
            self._use.size_bytes -= entry.size_bytes
            if self._skipped and isinstance(entry, PendingAppend) and entry.append.closing is not None:
                self._skipped.pop(entry.append.run_id, None)

    def recount(self) -> None:
        """Nothing that was taken waits any more, whatever was forgotten of it."""
        waiting = [entry for entries in self._by_shard.values() for entry in entries]
        count, size_bytes = len(waiting), sum([entry.size_bytes for entry in waiting])
        self._use.count += count - self.count
        self._use.size_bytes += size_bytes - self._size_bytes
        self.count, self._size_bytes = count, size_bytes

"""Service levels over a rolling day: a fold over audit entries, minute by minute, that is kept and continued.

`SloFold` is told entries once, in any order, and can be stored between two looks. `mix2api.projections.slo_report` makes
percentages of it. `docs/slo.md` writes every denominator down. Counts belong to the minute in which a request ended, on the store's
clock. A run counts as what its client saw (`mix2api.projections.endings`).
"""

from collections.abc import Iterator
from operator import add
from typing import Final

from msgspec import Struct, field

from mix2api.endings import ENDINGS
from mix2api.events.audit_entry import UNREADABLE, read_end_summary, read_request_summary
from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.projections.slo_counts import LEFT, Count, ending_word, is_success
from mix2api.projections.slo_entry import decode_asked, decode_end
from mix2api.vocabulary import SUCCESSES, EndReason, Fault, Receipt

MINUTE_MS: Final = 60_000
STATE_VERSION: Final = 3
"""Of the kept fold. Another version's is folded anew."""


_COUNTS: Final = len(Count)
# The hash of an enumeration's member costs ten times that of a plain text: a day has millions.
_GOOD_ENDS: Final = frozenset(str(word) for word in SUCCESSES)
_LEFT: Final = frozenset(str(word) for word in LEFT)
_CALLED: Final = str(EndReason.TOOL_CALLS)
_CALL_DIGITS: Final = 16
"""Of a call's digest: 64 bits tell a day's calls apart."""


class Cell(Struct, array_like=True):
    """One minute of one client on one channel."""

    counts: list[int] = field(default_factory=lambda: [0] * _COUNTS)
    """Of requests that were refused, loops that closed, and entries that cannot be read."""
    endings: dict[str, int] = field(default_factory=dict)
    """Runs by their ending and their receipt (`mix2api.projections.slo_counts.ending_word`)."""


WaitingRun = tuple[str, str]
"""A run whose receipt has not been read: its cell, and its `end_reason` with 1 for a stream. A bare tuple: a day has a million."""


class OpenLoop(Struct, array_like=True):
    """A run that ended in `tool_calls`, as far as its calls have not all come back and ended well."""

    cell: str
    calls_open: int
    returned: bool = False
    """A result came back, and the run that brought it did not end well."""
    whole: bool = False
    """The client was given the whole ending."""


class SloFold(Struct, kw_only=True):
    """The fold. Changed in place: a day may have millions of runs."""

    version: int = STATE_VERSION
    reached: dict[int, str] = field(default_factory=dict)
    """Shard -> position of its last entry that is in here."""
    cells: dict[str, Cell] = field(default_factory=dict)
    """`<minute> <client> <channel>` -> counts."""
    waiting: dict[str, WaitingRun] = field(default_factory=dict)
    early: dict[str, tuple[str, str | None, int]] = field(default_factory=dict)
    """Receipts that came before their run: receipt, reason told, minute."""
    loops: dict[str, OpenLoop] = field(default_factory=dict)
    """By run id."""
    loop_of: dict[str, str] = field(default_factory=dict)
    """Call -> the run that asked for it."""
    brought: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Calls whose results came before the run that asked for them: whether well (1), badly (0) or left (2), and the minute."""

    def add_run(self, at_ms: int, run_id: str, request: bytes, end: bytes) -> None:
        """A run that ended, by the halves of its audit entry."""
        try:
            asked, ended = decode_asked(request), decode_end(end)
        except UNREADABLE:
            self.add_unreadable(at_ms)
            return
        if asked.attempt > 1:
            self._pass_over_the_first(at_ms, request)
        key, end_reason = f"{at_ms // MINUTE_MS} {asked.client} {asked.channel}", ended.end_reason
        self.waiting[run_id] = key, f"{end_reason} 1" if asked.stream else f"{end_reason} 0"
        if end_reason == _CALLED and (called := read_end_summary(end)) is not None:
            self._ask(run_id, key, [call[:_CALL_DIGITS] for call in called.calls])
        if asked.results:
            fate = _fate(end_reason)
            for call, _ in asked.results:
                self._bring(call[:_CALL_DIGITS], fate, at_ms // MINUTE_MS)
        if self.early and (early := self.early.pop(run_id, None)) is not None:
            self.add_receipt(at_ms, run_id, early[0], early[1])

    def _pass_over_the_first(self, at_ms: int, request: bytes) -> None:
        """Nobody waited for the run that this one repeats. Seldom: so only here is the whole half decoded."""
        asked = read_request_summary(request)
        if asked is not None and asked.again_of is not None:
            self.add_receipt(at_ms, asked.again_of, Receipt.RERUN, None)

    def add_receipt(self, at_ms: int, run_id: str, receipt: str, told: str | None) -> None:
        """What an edge says of an ending. The first for a run counts."""
        run = self.waiting.pop(run_id, None)
        if run is None:
            self.early.setdefault(run_id, (receipt, told, at_ms // MINUTE_MS))
            return
        key, end = run
        cell, word = self.cells.get(key) or self._cell(key), ending_word(end, receipt, told)
        cell.endings[word] = cell.endings.get(word, 0) + 1
        if self.loops and (loop := self.loops.get(run_id)) is not None:
            loop.whole = is_success(word)

    def add_refusal(self, at_ms: int, data: bytes) -> None:
        """A request that was refused before a run began."""
        entry = read_refusal(data)
        if entry is None:
            self.add_unreadable(at_ms)
            return
        self._refuse(at_ms, f"{entry.client} {entry.refused_by.value}", entry.end_reason, 1)

    def add_refusals(self, at_ms: int, data: bytes) -> None:
        """Such requests that were only counted."""
        counted = read_refusal_count(data)
        if counted is None:
            self.add_unreadable(at_ms)
            return
        for each in counted.by_client:
            who = f"{each.client} {counted.refused_by.value}"
            self._refuse(at_ms, who, counted.end_reason, each.count)

    def add_unreadable(self, at_ms: int) -> None:
        """An entry that cannot be read, not even its owner."""
        counts = self._cell(f"{at_ms // MINUTE_MS} other stable").counts
        counts[Count.ENDED] += 1
        counts[Count.UNKNOWN] += 1

    def forget_before(self, at_ms: int) -> None:
        """Lets go of all that is older."""
        minute = at_ms // MINUTE_MS
        self.cells = {key: cell for key, cell in self.cells.items() if minute_of(key) >= minute}
        self.waiting = {run: each for run, each in self.waiting.items() if minute_of(each[0]) >= minute}
        self.early = {run: each for run, each in self.early.items() if each[2] >= minute}
        self.loops = {run: each for run, each in self.loops.items() if minute_of(each.cell) >= minute}
        self.loop_of = {call: run for call, run in self.loop_of.items() if run in self.loops}
        self.brought = {call: each for call, each in self.brought.items() if each[1] >= minute}

    def take_in(self, other: "SloFold") -> None:
        """Adds another fold, of other shards. It gives up its loops to this one, and is of no use afterwards."""
        self.reached.update(other.reached)
        for key, cell in other.cells.items():
            ours = self._cell(key)
            ours.counts[:] = map(add, ours.counts, cell.counts)
            for word, runs in cell.endings.items():
                ours.endings[word] = ours.endings.get(word, 0) + runs
        self.waiting.update(other.waiting)
        self.loops.update(other.loops)
        self.loop_of.update(other.loop_of)
        # What one of both had read too early, the other one may have waited for.
        early, self.early = (*self.early.items(), *other.early.items()), {}
        for run_id, (receipt, told, minute) in early:
            self.add_receipt(minute * MINUTE_MS, run_id, receipt, told)
        brought, self.brought = (*self.brought.items(), *other.brought.items()), {}
        for call, (fate, minute) in brought:
            self._bring(call, fate, minute)

    def settled(self) -> Iterator[tuple[str, Cell]]:
        """The cells, and those of the runs without a receipt and of the loops that are open. A key may come twice.

        The fold stays as it is.
        """
        yield from self.cells.items()
        unsettled: dict[str, Cell] = {}
        for key, end in self.waiting.values():
            endings, word = unsettled.setdefault(key, Cell()).endings, ending_word(end, None, None)
            endings[word] = endings.get(word, 0) + 1
        for loop in self.loops.values():
            # Nobody came back: the client left the loop if it had got the whole ending. Else we broke it.
            if loop.returned or not loop.whole:
                unsettled.setdefault(loop.cell, Cell()).counts[Count.LOOPS] += 1
        yield from unsettled.items()

    def _cell(self, key: str) -> Cell:
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell()
        return cell

    def _refuse(self, at_ms: int, who: str, end_reason: EndReason, count: int) -> None:
        cell = self._cell(f"{at_ms // MINUTE_MS} {who}")
        if end_reason in LEFT:
            return
        is_ours = ENDINGS[end_reason].fault is not Fault.CLIENT
        cell.counts[Count.ASKED if is_ours else Count.CLIENT_FAULTS] += count

    def _ask(self, run_id: str, key: str, calls: list[str]) -> None:
        self.loops[run_id] = OpenLoop(key, len(calls))
        for call in calls:
            self.loop_of[call] = run_id
            brought = self.brought.pop(call, None)
            if brought is not None:
                self._bring(call, *brought)

    def _bring(self, call: str, fate: int, minute: int) -> None:
        run_id = self.loop_of.get(call)
        loop = None if run_id is None else self.loops.get(run_id)
        if run_id is None or loop is None:
            before = self.brought.get(call)
            if before is None or before[0] != _WELL:
                self.brought[call] = (fate, minute)
            return
        if fate == _BADLY:
            loop.returned = True
        if fate != _WELL:
            return
        del self.loop_of[call]
        loop.calls_open -= 1
        if loop.calls_open == 0:
            del self.loops[run_id]
            counts = self._cell(loop.cell).counts
            counts[Count.LOOPS] += 1
            counts[Count.CLOSED] += 1


_BADLY: Final = 0
_WELL: Final = 1
_LEFT_OUT: Final = 2


def _fate(end_reason: str) -> int:
    if end_reason in _GOOD_ENDS:
        return _WELL
    return _LEFT_OUT if end_reason in _LEFT else _BADLY


def minute_of(key: str) -> int:
    """A cell's minute, since 1970."""
    return int(key.partition(" ")[0])

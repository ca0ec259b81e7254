"""Service levels over a rolling day: a fold over audit entries, minute by minute, that is kept and continued.

`SloFold` is told entries once, in any order, and can be stored between two looks. `mix2api.projections.slo_report` makes
percentages of it. `docs/slo.md` writes every denominator down. Counts belong to the minute in which a request ended, on the store's
clock. A run counts as what its client saw (`mix2api.projections.endings`).
"""

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from mix2api.endings import ENDINGS
from mix2api.events.audit_entry import read_end_summary, read_request_summary
from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.projections.endings import Seen, judged
from mix2api.vocabulary import SUCCESSES, EndReason, Fault

MINUTE_MS: Final = 60_000
STATE_VERSION: Final = 1
"""Of the kept fold. Another version's is folded anew."""


class Count(IntEnum):
    """A cell's counters, by their place."""

    ENDED = 0
    """Runs that ended."""
    ASKED = 1
    """Runs and refused requests that were ours to serve."""
    SERVED = 2
    """Of these: they succeeded."""
    CLIENT_FAULTS = 3
    """Runs and refused requests that failed by their client's fault. They are in no denominator."""
    STAYED = 4
    """Streams whose client stayed."""
    DONE = 5
    """Of these: the ending in the log was written whole."""
    BROKEN = 6
    """Of these: the log and the client disagree, or nobody knows what the client got of a good end."""
    UNKNOWN = 7
    """Runs that ended without a known reason, and entries that cannot be read."""
    LOOPS = 8
    """Tool loops that count: closed or broken."""
    CLOSED = 9


_COUNTS: Final = len(Count)
_LEFT: Final = frozenset({EndReason.CLIENT_ABORT, EndReason.SUPERSEDED})
_GIVEN: Final = frozenset({Seen.AS_RECORDED, Seen.REWORDED})
_CALL_DIGITS: Final = 16
"""Of a call's digest: 64 bits tell a day's calls apart."""


class Cell(Struct, array_like=True):
    """One minute of one client on one channel."""

    counts: list[int] = field(default_factory=lambda: [0] * _COUNTS)
    reasons: dict[str, int] = field(default_factory=dict)
    """Runs by what their client was told, for the drift between channels."""


class WaitingRun(Struct, array_like=True):
    """A run whose receipt has not been read."""

    cell: str
    end_reason: EndReason
    stream: bool
    calls: tuple[str, ...]


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
        asked, ended = read_request_summary(request), read_end_summary(end)
        minute = at_ms // MINUTE_MS
        if asked is None or ended is None:
            self.add_unreadable(at_ms)
            return
        key = f"{minute} {asked.client} {asked.channel.value}"
        counts = self._cell(key).counts
        counts[Count.ENDED] += 1
        if ended.end_reason is EndReason.UNKNOWN:
            counts[Count.UNKNOWN] += 1
        calls = tuple([call[:_CALL_DIGITS] for call in ended.calls])
        self.waiting[run_id] = WaitingRun(key, ended.end_reason, asked.stream, calls)
        if calls:
            self._ask(run_id, key, calls)
        if asked.results:
            fate = _fate(ended.end_reason)
            for call, _ in asked.results:
                self._bring(call[:_CALL_DIGITS], fate, minute)
        early = self.early.pop(run_id, None)
        if early is not None:
            self.add_receipt(at_ms, run_id, early[0], early[1])

    def add_receipt(self, at_ms: int, run_id: str, receipt: str, told: str | None) -> None:
        """What an edge says of an ending. The first for a run counts."""
        run = self.waiting.pop(run_id, None)
        if run is None:
            self.early.setdefault(run_id, (receipt, told, at_ms // MINUTE_MS))
            return
        _settle(self._cell(run.cell), run, receipt, told)
        loop = self.loops.get(run_id)
        if loop is not None:
            loop.whole = judged(run.end_reason, receipt, told).is_success

    def add_refusal(self, at_ms: int, data: bytes) -> None:
        """A request that was refused before a run began."""
        entry = read_refusal(data)
        if entry is None:
            self.add_unreadable(at_ms)
            return
        self._refuse(at_ms, f"{entry.client} {entry.channel.value}", entry.end_reason, 1)

    def add_refusals(self, at_ms: int, data: bytes) -> None:
        """Such requests that were only counted."""
        counted = read_refusal_count(data)
        if counted is None:
            self.add_unreadable(at_ms)
            return
        for each in counted.by_client:
            who = f"{each.client} {counted.channel.value}"
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
        self.waiting = {run: each for run, each in self.waiting.items() if minute_of(each.cell) >= minute}
        self.early = {run: each for run, each in self.early.items() if each[2] >= minute}
        self.loops = {run: each for run, each in self.loops.items() if minute_of(each.cell) >= minute}
        self.loop_of = {call: run for call, run in self.loop_of.items() if run in self.loops}
        self.brought = {call: each for call, each in self.brought.items() if each[1] >= minute}

    def settled(self) -> Iterator[tuple[str, Cell]]:
        """The cells, with what the runs without a receipt and the loops that are open add to them. The fold stays as it is."""
        cells = {key: Cell([*cell.counts], dict(cell.reasons)) for key, cell in self.cells.items()}
        for run in self.waiting.values():
            _settle(cells[run.cell], run, None, None)
        for loop in self.loops.values():
            # Nobody came back: the client left the loop if it had got the whole ending. Else we broke it.
            if loop.returned or not loop.whole:
                cells[loop.cell].counts[Count.LOOPS] += 1
        yield from cells.items()

    def _cell(self, key: str) -> Cell:
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell()
        return cell

    def _refuse(self, at_ms: int, who: str, end_reason: EndReason, count: int) -> None:
        cell = self._cell(f"{at_ms // MINUTE_MS} {who}")
        if end_reason in _LEFT:
            return
        is_ours = ENDINGS[end_reason].fault is not Fault.CLIENT
        cell.counts[Count.ASKED if is_ours else Count.CLIENT_FAULTS] += count

    def _ask(self, run_id: str, key: str, calls: tuple[str, ...]) -> None:
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


def _fate(end_reason: EndReason) -> int:
    if end_reason in SUCCESSES:
        return _WELL
    return _LEFT_OUT if end_reason in _LEFT else _BADLY


def _settle(cell: Cell, run: WaitingRun, receipt: str | None, told: str | None) -> None:
    """Counts a run by its `end` and its receipt."""
    reason, places = _outcome(run.end_reason, run.stream, receipt, told)
    cell.reasons[reason] = cell.reasons.get(reason, 0) + 1
    for place in places:
        cell.counts[place] += 1


@lru_cache(maxsize=4096)
def _outcome(
    end_reason: EndReason,
    stream: bool,  # noqa: FBT001 - a part of the key
    receipt: str | None,
    told: str | None,
) -> tuple[str, tuple[Count, ...]]:
    """What the client was told, and the counters that go up. Thousands of runs are alike, and are judged once."""
    ending = judged(end_reason, receipt, told)
    reason = ending.reason
    waited = ending.seen is not Seen.NOBODY_WAITED
    is_counted = waited and reason not in _LEFT
    is_clients = ENDINGS[reason].fault is Fault.CLIENT
    stayed = stream and waited and end_reason is not EndReason.CLIENT_ABORT
    counts = {
        Count.CLIENT_FAULTS: is_counted and is_clients,
        Count.ASKED: is_counted and not is_clients,
        Count.SERVED: is_counted and ending.is_success,
        Count.STAYED: stayed,
        Count.DONE: stayed and ending.seen in _GIVEN,
        Count.BROKEN: stayed and (ending.is_mismatched or ending.is_unconfirmed),
    }
    return reason.value, tuple(place for place, counts_up in counts.items() if counts_up)


def minute_of(key: str) -> int:
    """A cell's minute, since 1970."""
    return int(key.partition(" ")[0])

"""Service levels over a rolling day: a fold over audit entries, minute by minute, that is kept and continued.

`SloFold` is told entries once, in any order, and can be stored between two looks. `mix2api.projections.slo_report` makes
percentages of it. `docs/slo.md` writes every denominator down. Counts belong to the minute in which a request ended, on the store's
clock. A run counts as what its client saw (`mix2api.projections.endings`).
"""

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec import Struct, field, json

from mix2api.endings import ENDINGS
from mix2api.events.audit_entry import SUMMARY_VERSION, UNREADABLE, read_end_summary, read_request_summary
from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.vocabulary import SUCCESSES, Channel, EndReason, Fault, Receipt

MINUTE_MS: Final = 60_000
STATE_VERSION: Final = 2
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
# An attribute of an enumeration, and the hash of a member, cost ten times a plain number or text: a day has millions.
_ENDED: Final = int(Count.ENDED)
_UNKNOWN: Final = int(Count.UNKNOWN)
_RECEIPTS: Final = frozenset(str(word) for word in Receipt)
_REASONS: Final = frozenset(str(word) for word in EndReason)
_CHANNELS: Final = frozenset(str(word) for word in Channel)
_GOOD_ENDS: Final = frozenset(str(word) for word in SUCCESSES)
_UNKNOWN_END: Final = str(EndReason.UNKNOWN)
_CALLED: Final = str(EndReason.TOOL_CALLS)
_LEFT: Final = frozenset({EndReason.CLIENT_ABORT, EndReason.SUPERSEDED})
_GIVEN: Final = frozenset({Seen.AS_RECORDED, Seen.REWORDED})
_CALL_DIGITS: Final = 16
"""Of a call's digest: 64 bits tell a day's calls apart."""


class Cell(Struct, array_like=True):
    """One minute of one client on one channel."""

    counts: list[int] = field(default_factory=lambda: [0] * _COUNTS)
    """What is known without a receipt."""
    endings: dict[str, int] = field(default_factory=dict)
    """Runs by their ending and their receipt (`_ending_word`): a day has few kinds, and each is judged once, in `settled`."""


class SettledCell(NamedTuple):
    """The same, when every run and loop is judged."""

    counts: list[int]
    reasons: dict[str, int]
    """Runs by what their client was told, for the drift between channels."""


class WaitingRun(Struct, array_like=True):
    """A run whose receipt has not been read."""

    cell: str
    end: str
    """Its `end_reason`, and 1 for a stream."""


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
        halves = _read(request, end)
        if halves is None:
            self.add_unreadable(at_ms)
            return
        asked, end_reason = halves
        if asked.attempt > 1:
            self._pass_over_the_first(at_ms, request)
        key = f"{at_ms // MINUTE_MS} {asked.client} {asked.channel}"
        counts = self._cell(key).counts
        counts[_ENDED] += 1
        if end_reason == _UNKNOWN_END:
            counts[_UNKNOWN] += 1
        self.waiting[run_id] = WaitingRun(key, f"{end_reason} 1" if asked.stream else f"{end_reason} 0")
        if end_reason == _CALLED and (ended := read_end_summary(end)) is not None:
            self._ask(run_id, key, [call[:_CALL_DIGITS] for call in ended.calls])
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
        word, endings = _ending_word(run.end, receipt, told), self.cells[run.cell].endings
        endings[word] = endings.get(word, 0) + 1
        if self.loops and (loop := self.loops.get(run_id)) is not None:
            loop.whole = _judged(word).is_success

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

    def settled(self) -> Iterator[tuple[str, SettledCell]]:
        """The cells, with what the runs without a receipt and the loops that are open add to them. The fold stays as it is."""
        cells = {key: SettledCell([*cell.counts], {}) for key, cell in self.cells.items()}
        for key, cell in self.cells.items():
            for word, runs in cell.endings.items():
                _settle(cells[key], word, runs)
        for run in self.waiting.values():
            _settle(cells[run.cell], _ending_word(run.end, None, None), 1)
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


class _Asked(Struct, array_like=True):
    """The beginning of a `RequestSummary`, as far as it is needed."""

    version: int
    at_ms: int
    request_id: str
    client: str
    stream: bool
    tools_present: bool
    model: str
    attempt: int
    channel: str
    results: tuple[tuple[str, str], ...] = ()


class _Ended(Struct, array_like=True):
    """The beginning of an `EndSummary`."""

    version: int
    end_reason: str


_asked_decoder: Final = json.Decoder(_Asked)
_ended_decoder: Final = json.Decoder(_Ended)


def _read(request: bytes, end: bytes) -> tuple[_Asked, str] | None:
    """Of both halves what the fold needs, at half the cost of all of it; None if a half is damaged or of a newer version.

    Damage in a field that is not needed is not looked for.
    """
    try:
        asked, ended = _asked_decoder.decode(request), _ended_decoder.decode(end)
    except UNREADABLE:
        return None
    if asked.version != SUMMARY_VERSION or ended.version != SUMMARY_VERSION:
        return None
    return (asked, ended.end_reason) if ended.end_reason in _REASONS and asked.channel in _CHANNELS else None


def _ending_word(end: str, receipt: str | None, told: str | None) -> str:
    """How a run ended, and what became of that, in one word. What this version does not know proves nothing, and is `-`."""
    known = receipt if receipt in _RECEIPTS else "-"
    return f"{end} {known} {told if told in _REASONS else '-'}"


@lru_cache(maxsize=4096)
def _judged(word: str) -> Judged:
    end_reason, _, receipt, told = word.split(" ")
    return judged(EndReason(end_reason), receipt, told)


def _settle(cell: SettledCell, word: str, runs: int) -> None:
    """Counts so many runs of one ending."""
    reason, places = _outcome(word)
    cell.reasons[reason] = cell.reasons.get(reason, 0) + runs
    for place in places:
        cell.counts[place] += runs


@lru_cache(maxsize=4096)
def _outcome(word: str) -> tuple[str, tuple[Count, ...]]:
    """What the client was told, and the counters that go up. Thousands of runs are alike, and are judged once."""
    ending, (recorded, stream, *_) = _judged(word), word.split(" ")
    reason = ending.reason
    waited = ending.seen is not Seen.NOBODY_WAITED
    is_counted = waited and reason not in _LEFT
    is_clients = ENDINGS[reason].fault is Fault.CLIENT
    stayed = stream == "1" and waited and recorded != EndReason.CLIENT_ABORT
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

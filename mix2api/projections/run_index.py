"""All ended runs of the log's retention in memory, for lists, searches and plots that read no store.

A fold over the audit streams (`mix2api.store.audit_stream`), told entries once and in any order within some minutes. It holds so
many runs and no more: the oldest ten seconds go first. A refused request counts as a run without a run id. Refusals that the log
only counts have no ids, and are counted apart. `mix2api.projections.run_search` asks it.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from mix2api.events.audit_entry import EndSummary, RequestSummary, read_end_summary, read_request_summary
from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.projections.endings import Seen, judged
from mix2api.projections.run_block import BLOCK_MS, RunBlock, RunIds, RunKind, RunTimes
from mix2api.vocabulary import EndReason, Receipt

REFUSED: Final = "refused"
"""`RunKind.seen` of a request that was refused before a run began."""
AWAITED: Final = "awaited"
"""`RunKind.seen` of a run that has just ended: its receipt is written behind the answer's back."""
RECEIPT_MS: Final = 10_000
"""After so long a run without a receipt has none."""
OTHER_MODEL: Final = "#"
"""`RunKind.model` of every model that is not configured: callers name as many as they like."""
KINDS: Final = 50_000
"""Kinds that are told apart. What comes after them is told apart by its reason, channel and receipt alone."""
_NOWHERE: Final = (-1, 0, EndReason.UNKNOWN)
_EARLY: Final = 10_000
"""Receipts that came before their run and are kept. A run and its receipt stand in one stream, nearly always in order. So nearly all
that are kept wait for nothing: they are the second receipt of a run (a run that repeats it counts as one), or that of a run from
before the log. The oldest goes for a
new one. It is missed only if 10,000 others came between a receipt and its run, and then the run says that it has none."""


@define(eq=False)
class RunIndex:
    """The index. Changed in place.

    Args:
        most: runs that it holds.
    """

    most: int
    blocks: dict[int, RunBlock] = field(factory=dict, init=False)
    """By their numbers."""
    numbers: list[int] = field(factory=list, init=False)
    """Of the blocks, in order."""
    kinds: list[RunKind] = field(factory=list, init=False)
    held: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)
    """Runs that were let go because newer ones needed their place."""
    unreadable: int = field(default=0, init=False)
    """Entries that are damaged or of a newer version."""
    counted: int = field(default=0, init=False)
    """Refused requests that have no entries of their own."""
    _kind_of: dict[RunKind, int] = field(factory=dict, init=False)
    _waiting: dict[str, tuple[int, int, EndReason]] = field(factory=dict, init=False)
    """Runs whose receipt has not been read: block, place, and what the log says."""
    _early: dict[str, tuple[str, str | None]] = field(factory=dict, init=False)
    _awaited: dict[str, int] = field(factory=dict, init=False)
    """Runs whose receipt may still come, and when they ended."""

    def add_run(self, at_ms: int, ids: tuple[str, str], request: bytes, end: bytes) -> None:
        """A run that ended.

        Args:
            at_ms: Unix milliseconds on the store's clock.
            ids: of the run and of its session.
            request: the first half of its audit entry.
            end: the second half.
        """
        asked, ended = read_request_summary(request), read_end_summary(end)
        if asked is None or ended is None:
            self.unreadable += 1
            return
        run_id, session_id = ids
        if asked.again_of is not None:
            # The first run may stand in another shard, and be read after this one.
            self.add_receipt(asked.again_of, Receipt.RERUN, None)
        receipt, told = self._early.pop(run_id, (None, None))
        kind = _kind(asked, ended, receipt, told)
        place = self._add(
            at_ms,
            kind,
            RunIds(asked.request_id, run_id, session_id),
            RunTimes(ended.total_ms, ended.first_token_ms),
        )
        if receipt is None:
            self._waiting[run_id] = (at_ms // BLOCK_MS, place, ended.end_reason)
            self._awaited[run_id] = at_ms

    def add_receipt(self, run_id: str, receipt: str, told: str | None) -> None:
        """What an edge says of an ending. The first for a run counts."""
        self._awaited.pop(run_id, None)
        waiting = self._waiting.pop(run_id, None)
        if waiting is None:
            self._early.setdefault(run_id, (receipt, told))
            if len(self._early) > _EARLY:
                del self._early[next(iter(self._early))]
            return
        number, place, end_reason = waiting
        block = self.blocks.get(number)
        if block is None:
            return  # it was let go meanwhile
        before = self.kinds[block.kinds[place]]
        outcome = judged(end_reason, receipt, told)
        detail = before.detail if outcome.reason is end_reason else None
        after = before._replace(reason=outcome.reason.value, detail=detail, seen=outcome.seen.value)
        block.change_kind(place, self._number_of(after))

    def settle(self, now_ms: int) -> None:
        """Gives up receipts that have not come for `RECEIPT_MS`. One that comes later counts all the same."""
        late = [run_id for run_id, at_ms in self._awaited.items() if at_ms <= now_ms - RECEIPT_MS]
        for run_id in late:
            del self._awaited[run_id]
            number, place, _ = self._waiting.get(run_id, _NOWHERE)
            block = self.blocks.get(number)
            if block is not None:
                kind = self.kinds[block.kinds[place]]._replace(seen=Seen.NO_RECEIPT.value)
                block.change_kind(place, self._number_of(kind))

    def add_refusal(self, at_ms: int, data: bytes) -> None:
        """A request that was refused before a run began."""
        entry = read_refusal(data)
        if entry is None:
            self.unreadable += 1
            return
        kind = RunKind(
            reason=entry.end_reason.value,
            detail=entry.detail,
            client=entry.client,
            model=_model_word(entry.model or OTHER_MODEL),
            channel=entry.refused_by.value,
            account=None,
            seen=REFUSED,
        )
        self._add(at_ms, kind, RunIds(entry.request_id, "", ""), RunTimes(entry.duration_ms, None))

    def add_refusals(self, data: bytes) -> None:
        """Such requests that were only counted."""
        entry = read_refusal_count(data)
        if entry is None:
            self.unreadable += 1
            return
        self.counted += sum(each.count for each in entry.by_client)

    def forget_before(self, at_ms: int) -> None:
        """Lets go of the blocks that are older."""
        for number in self.numbers[: bisect_left(self.numbers, at_ms // BLOCK_MS)]:
            self._drop(number)

    def between(self, since_ms: int, until_ms: int) -> Sequence[int]:
        """The numbers of the blocks that have runs between two times, the second one left out."""
        first = bisect_left(self.numbers, since_ms // BLOCK_MS)
        return self.numbers[first : bisect_left(self.numbers, -(-until_ms // BLOCK_MS))]

    def _add(self, at_ms: int, kind: RunKind, ids: RunIds, times: RunTimes) -> int:
        number = at_ms // BLOCK_MS
        block = self.blocks.get(number)
        if block is None:
            block = self.blocks[number] = RunBlock(number)
            insort(self.numbers, number)
        place = block.add(at_ms, self._number_of(kind), ids, times)
        self.held += 1
        while self.held > self.most and len(self.numbers) > 1:
            self.dropped += len(self.blocks[self.numbers[0]])
            self._drop(self.numbers[0])
        return place

    def _drop(self, number: int) -> None:
        block = self.blocks.pop(number)
        self.held -= len(block)
        self.numbers.remove(number)
        for place in range(len(block)):
            self._waiting.pop(block.ids_of(place).run_id, None)

    def _number_of(self, kind: RunKind) -> int:
        number = self._kind_of.get(kind)
        if number is None and len(self.kinds) >= KINDS:
            kind = kind._replace(detail=None, client="other", model=OTHER_MODEL, account=None)
            number = self._kind_of.get(kind)
        if number is None:
            number = self._kind_of[kind] = len(self.kinds)
            self.kinds.append(kind)
        return number


def _kind(asked: RequestSummary, ended: EndSummary, receipt: str | None, told: str | None) -> RunKind:
    outcome = judged(ended.end_reason, receipt, told)
    return RunKind(
        reason=outcome.reason.value,
        detail=ended.detail if outcome.reason is ended.end_reason else None,
        client=asked.client,
        model=_model_word(asked.model),
        channel=asked.channel.value,
        account=ended.account,
        seen=AWAITED if receipt is None else outcome.seen.value,
    )


def _model_word(model: str) -> str:
    return OTHER_MODEL if model.startswith("#") else model

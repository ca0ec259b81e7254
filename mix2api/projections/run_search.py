"""Pages of the run index: the latest runs that a filter lets through, from a mark on; and what the filter counts.

Paging is by key, not by number: a page begins behind a mark, so runs that end meanwhile move nothing. The work is cut into
steps of a few milliseconds (`mix2api.steps`), because a filter may let one run of a million through.
"""

from bisect import bisect_left
from collections.abc import Container, Sequence
from typing import Final, NamedTuple

from attrs import field, frozen

from mix2api.projections.run_block import BLOCK_MS, RunBlock, RunKind, RunRow
from mix2api.projections.run_index import RunIndex
from mix2api.steps import Steps
from mix2api.vocabulary import SUCCESSES

FAILED: Final = "failed"
"""As a reason of a filter: all that are no success."""
_STEP: Final = 20_000
"""Runs that are looked at in one step: 2 to 4 ms."""
COUNTED: Final = 10_000
"""Runs that are counted for a word: to count a word that every id has would take a second over a million runs."""
_BLOCK_WORK: Final = 40
"""What a block costs of which no run is looked at, in runs."""


@frozen(kw_only=True)
class RunFilter:
    """Which runs are wanted. An empty set lets every word through."""

    reasons: frozenset[str] = frozenset()
    """`EndReason`s, or `FAILED`."""
    clients: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    since_ms: int = 0
    """Runs that ended before are left out. Unix milliseconds, the store's clock."""
    until_ms: int = 1 << 53
    """And those that ended at this time or later."""
    word: str = ""
    """That a request id, run id or session id has in it."""

    def takes(self, kind: RunKind) -> bool:
        """Whether runs of this kind may pass."""
        return (
            (not self.reasons or self._takes_reason(kind))
            and (not self.clients or kind.client in self.clients)
            and (not self.models or kind.model in self.models)
            and (not self.channels or kind.channel in self.channels)
            and (not self.accounts or kind.account in self.accounts)
        )

    def _takes_reason(self, kind: RunKind) -> bool:
        return kind.reason in self.reasons or (FAILED in self.reasons and is_failed(kind))


def is_failed(kind: RunKind) -> bool:
    """Whether the client got no success: a failing ending, or a good one that nobody says it received."""
    return kind.reason not in SUCCESSES or kind.seen in {"no_receipt", "finish_told"}


class Mark(NamedTuple):
    """Where a page ends and the next begins."""

    at_ms: int
    mark: str
    """`RunRow.mark`."""


@frozen(kw_only=True)
class RunPage:
    """Some runs, the latest first."""

    rows: tuple[RunRow, ...]
    total: int
    """Runs that the filter lets through, on all pages."""
    is_more: bool = False
    """There may be more than `total`: they were not all counted."""
    next: Mark | None = field(default=None)
    """None: this is the last page."""


def search(index: RunIndex, wanted: RunFilter, after: Mark | None, limit: int) -> Steps[RunPage]:
    """A page of runs.

    Args:
        index: it may grow between two steps.
        wanted: the filter.
        after: the page begins behind this run. None: with the latest.
        limit: rows of a page, from 1 on.
    """
    kinds = frozenset(number for number, kind in enumerate(index.kinds) if wanted.takes(kind))
    found: list[RunRow] = []
    total = work = 0
    is_more = False
    for number in reversed(index.between(wanted.since_ms, wanted.until_ms)):
        block = index.blocks.get(number)
        if block is None:
            continue  # it was let go between two steps
        work += _BLOCK_WORK
        if any(kind in kinds for kind in block.counts):
            looks = len(found) <= limit and (after is None or number * BLOCK_MS <= after.at_ms)
            passing = _Passing.of(block, wanted, kinds)
            total += passing.count()
            if looks:
                found += passing.rows(index.kinds, after, limit + 1 - len(found))
            work += len(block) if looks or passing.places is not None else 0
            if wanted.word and total >= COUNTED and len(found) > limit:
                is_more = True
                break
        if work >= _STEP:
            work = 0
            yield
    rows = tuple(found[:limit])
    last = Mark(rows[-1].at_ms, rows[-1].mark) if len(found) > limit else None
    return RunPage(rows=rows, total=total, is_more=is_more, next=last)


@frozen
class _Passing:
    """The runs of a block that a filter lets through."""

    block: RunBlock
    wanted: RunFilter
    kinds: Container[int]
    places: Sequence[int] | None
    """Where they are. None: each run of a kind that passes does, and the block's counts tell how many they are."""

    @classmethod
    def of(cls, block: RunBlock, wanted: RunFilter, kinds: Container[int]) -> "_Passing":
        """Looks at each run only where the block's counts do not tell."""
        begins = block.number * BLOCK_MS
        is_whole = wanted.since_ms <= begins and begins + BLOCK_MS <= wanted.until_ms
        if is_whole and not wanted.word:
            return cls(block, wanted, kinds, None)
        places = block.places_with(wanted.word.encode()) if wanted.word else range(len(block))
        if not all(kind in kinds for kind in block.counts):
            places = [place for place in places if block.kinds[place] in kinds]
        if not is_whole:
            times = block.at_ms
            places = [place for place in places if wanted.since_ms <= times[place] < wanted.until_ms]
        return cls(block, wanted, kinds, places)

    def count(self) -> int:
        """How many they are."""
        if self.places is not None:
            return len(self.places)
        return sum(count for kind, count in self.block.counts.items() if kind in self.kinds)

    def rows(self, kinds: list[RunKind], after: Mark | None, most: int) -> list[RunRow]:
        """The latest of them behind a mark."""
        block = self.block
        places = None if self.places is None else frozenset(self.places)
        rows: list[RunRow] = []
        if not self.count():
            return rows
        for place in block.newest_first[self._first(after) :]:
            number = block.kinds[place]
            if number in self.kinds if places is None else place in places:
                rows.append(block.row(place, kinds[number]))
                if len(rows) == most:
                    break
        return rows

    def _first(self, after: Mark | None) -> int:
        """The first place of `newest_first` behind the mark."""
        if after is None or after.at_ms >= (self.block.number + 1) * BLOCK_MS:
            return 0
        order = self.block.newest_first

        def behind(place: int) -> bool:
            return Mark(self.block.at_ms[place], self.block.mark(place)) < after

        return bisect_left(order, True, key=behind)  # noqa: FBT003 - what is sought is the first true one

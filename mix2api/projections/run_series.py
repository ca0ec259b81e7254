"""What the plots of the console draw: the run index over time, in so many equal spans. Pure figures, no picture."""

from collections import Counter
from collections.abc import Mapping
from operator import add
from typing import Final

from attrs import frozen

from mix2api.projections.run_block import BINS, BLOCK_MS, RunBlock, RunKind, bin_bounds
from mix2api.projections.run_index import RunIndex
from mix2api.projections.run_search import RunFilter, is_failed
from mix2api.steps import Steps

_STEP: Final = 400
"""Blocks of one step: 2 to 4 ms."""
SHARES: Final = (0.5, 0.95, 0.99)
"""The percentiles that are drawn."""


@frozen(kw_only=True)
class Span:
    """The runs that ended within one span of time."""

    from_ms: int
    to_ms: int
    by_reason: dict[str, int]
    """Only reasons that occurred."""
    failed: int
    """See `mix2api.projections.run_search.is_failed`."""
    first_ms: tuple[float | None, ...]
    """The percentiles of `SHARES` of the time to the first token, of all runs. None: no run has one."""
    total_ms: tuple[float | None, ...]

    @property
    def runs(self) -> int:
        """How many ended."""
        return sum(self.by_reason.values())


def series(index: RunIndex, wanted: RunFilter, spans: int) -> Steps[tuple[Span, ...]]:
    """The runs that a filter lets through, span by span; its word is not looked at, and its times are cut to whole blocks.

    Percentiles are of all runs of the span: a histogram is kept of a block, not of a kind.

    Args:
        index: it may grow between two steps.
        wanted: the filter; both of its times are set.
        spans: how many, from 1 on.
    """
    kinds = {number: kind for number, kind in enumerate(index.kinds) if wanted.takes(kind)}
    first, last = wanted.since_ms // BLOCK_MS, -(-wanted.until_ms // BLOCK_MS)
    width = max(1, -(-(last - first) // spans))
    found: list[Span] = []
    work = 0
    for begin in range(first, last, width):
        end = begin + width
        numbers = index.between(begin * BLOCK_MS, min(last, end) * BLOCK_MS)
        found.append(_span((begin, end), [index.blocks[number] for number in numbers], kinds))
        work += len(numbers) + 1
        if work >= _STEP:
            work = 0
            yield
    return tuple(found)


def _span(reach: tuple[int, int], blocks: list[RunBlock], kinds: Mapping[int, RunKind]) -> Span:
    """The span of these blocks; of their runs, those of these kinds."""
    counts: Counter[int] = Counter()
    firsts, totals = [0] * BINS, [0] * BINS
    for block in blocks:
        for number, count in block.counts.items():
            counts[number] += count
        firsts, totals = list(map(add, firsts, block.firsts)), list(map(add, totals, block.totals))
    reasons: Counter[str] = Counter()
    failed = 0
    for number, count in counts.items():
        kind = kinds.get(number)
        if kind is not None:
            reasons[kind.reason] += count
            failed += count * is_failed(kind)
    return Span(
        from_ms=reach[0] * BLOCK_MS,
        to_ms=reach[1] * BLOCK_MS,
        by_reason=dict(reasons),
        failed=failed,
        first_ms=percentiles(firsts),
        total_ms=percentiles(totals),
    )


def percentiles(histogram: list[int]) -> tuple[float | None, ...]:
    """The percentiles of `SHARES`, as if the times of a bin were spread evenly over it. Milliseconds."""
    whole = sum(histogram)
    if not whole:
        return (None,) * len(SHARES)
    return tuple(_percentile(histogram, share * whole) for share in SHARES)


def _percentile(histogram: list[int], rank: float) -> float:
    number = passed = 0
    while passed + histogram[number] < rank:
        passed += histogram[number]
        number += 1
    bottom, top = bin_bounds(number)
    return bottom + (top - bottom) * (rank - passed) / histogram[number]

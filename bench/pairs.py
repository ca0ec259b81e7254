"""Two builds compared: paired figures, their ratios, the interval of the median ratio, and the verdict. No I/O.

A pair is one figure of each build, taken one right after the other, so that both met the same state of the machine.
Lower is better in every figure here.
"""

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

OLD, NEW = "old", "new"
LIMIT = 1.03
"""A median ratio, new over old, up to which a row counts as no worse."""
COVERAGE = 0.95
"""How sure the interval is to hold the true median, where there are pairs enough (six)."""


class Verdict(enum.StrEnum):
    """What is said of a row."""

    NO_WORSE = "no worse"
    WORSE = "worse"
    UNDECIDED = "too few pairs"
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of each build; None means that the build never reached the figure."""

    old: float | None
    new: float | None

    def ratio(self) -> float | None:
        """New over old.

        Returns:
            0 if only the new build reached the figure, infinity if only the old one did. None if neither did, or if
            the old figure is not above zero: nothing can be said then.
        """
        if self.new is None:
            return None if self.old is None else math.inf
        if self.old is None:
            return 0.0
        return self.new / self.old if self.old > 0 else None


@dataclass(frozen=True, slots=True)
class Interval:
    """Between these two the true median lies, with this probability."""

    low: float
    high: float
    coverage: float


def median_interval(values: Sequence[float]) -> Interval:
    """The order-statistic interval of the median: the narrowest symmetric one with `COVERAGE` or more.

    The true median lies below the k-th of n sorted values only if fewer than k of them fell below it, and each falls
    there with probability 1/2. So the k-th lowest and the k-th highest hold it with 1 - 2 P(Binomial(n, 1/2) < k).
    That needs no shape of the distribution. It needs independent values.

    Args:
        values: at least one; below six not even the lowest and highest have `COVERAGE`, and they are taken then.
    """
    ordered = sorted(values)
    count = len(ordered)
    rank = 1
    while 2 * (rank + 1) <= count + 1 and _coverage(count, rank + 1) >= COVERAGE:
        rank += 1
    return Interval(ordered[rank - 1], ordered[count - rank], max(0.0, _coverage(count, rank)))


def _coverage(count: int, rank: int) -> float:
    """With what probability the rank-th lowest and the rank-th highest of so many values hold the median."""
    return 1.0 - 2.0 * sum(math.comb(count, below) for below in range(rank)) / 2.0**count


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the comparison, over all its pairs."""

    name: str
    unit: str
    pairs: tuple[Pair, ...]
    failed_old: int = 0
    """Streams that did not come whole, refused ones too, in all of this row's pairs."""
    failed_new: int = 0

    def ratios(self) -> list[float]:
        """Of the pairs that can be compared."""
        return [ratio for pair in self.pairs if (ratio := pair.ratio()) is not None]

    def verdict(self) -> Verdict:
        """Worse: the median ratio is over `LIMIT` and so is its whole interval, or too many more streams failed.

        Failed streams have the same limit: one is too many where none failed, and chance does not decide where many
        did.

        An interval that covers less than `COVERAGE` does not show that a row is worse, so the row stays undecided. A
        figure that cannot be compared in any pair is not measured. Neither is a pass.
        """
        ratios = self.ratios()
        if self.failed_new > self.failed_old * LIMIT:
            return Verdict.WORSE
        if not ratios:
            return Verdict.UNMEASURED
        interval = median_interval(ratios)
        if median(ratios) <= LIMIT or interval.low <= LIMIT:
            return Verdict.NO_WORSE
        return Verdict.WORSE if interval.coverage >= COVERAGE else Verdict.UNDECIDED


def turns(pairs: int) -> Iterator[tuple[str, str]]:
    """Whose turn it is, pair by pair: A B, B A, A B ... so that a steady drift of the machine cancels."""
    for number in range(pairs):
        yield (NEW, OLD) if number % 2 else (OLD, NEW)


def changed_dependencies(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Requirements that only one of the two names, each with the build that names it; sorted."""
    only_old, only_new = set(old) - set(new), set(new) - set(old)
    return sorted(
        [f"{requirement} ({OLD})" for requirement in only_old]
        + [f"{requirement} ({NEW})" for requirement in only_new]
    )

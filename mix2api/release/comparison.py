"""All tests of a step side by side, and the one figure that they share a false-alarm budget by.

An average of e-processes is one again. So the tests are not cut to a share of alpha each: the guard looks at their weighted average, and
one test alone, or several a little, can bring it to 1/alpha. The pooled tests have half of the weight, the cells the other
half. A pooled test therefore needs 2/alpha divided by its metric's weight.
"""

from typing import Final

from attrs import define, field, frozen

from mix2api.release.block import Block, Place
from mix2api.release.sequential import DIFFERENT, WORSE, EProcess, Mixture, log_weighted, worse
from mix2api.release.trials import Cell, Metric
from mix2api.vocabulary import ClientName, EndReason

POOLED: Final = 0.5
"""Weight of the tests over all cells together."""
_EARLY_CELLS: Final = 16
"""The cells that occur first share half of the cells' weight: a deployment's busy ones. The others share the rest."""
_LATE_CELLS: Final = len(ClientName) * 4 - _EARLY_CELLS
TOLERATED_SLOWNESS: Final = 1.1
"""The ratio of odds up to which more slow answers are no regression: a process that has just started is slower by about 2 % while
its caches are cold, and a day's traffic would find that."""
WEIGHTS: Final[dict[Metric, float]] = {
    Metric.SUCCESS: 0.45,
    Metric.BROKEN: 0.3,
    Metric.DONE: 0.05,
    Metric.LOOPS: 0.05,
    Metric.MEDIAN: 0.1,
    Metric.TAIL: 0.025,
    Metric.DRIFT: 0.025,
}
"""Shares of a scope's weight: what users feel most has most. A tenth of the weight asks for ten times the evidence, which is
about a third more trials: evidence grows exponentially with them."""
_SLOWER: Final = worse(TOLERATED_SLOWNESS)


@define
class Compared:
    """One test, and its counts since the step."""

    process: EProcess
    stable: int = 0
    stable_bad: int = 0
    canary: int = 0
    canary_bad: int = 0
    log_value: float = 0.0


@frozen(kw_only=True)
class Finding:
    """One test as it stands."""

    scope: str
    """`all`, or a cell's word."""
    metric: str
    log_e: float
    """Natural logarithm of its own e-value."""
    share: float
    """Its weight in the average."""
    stable: int
    stable_bad: int
    canary: int
    canary_bad: int
    odds: float
    """By how much the canary's odds of a bad trial seem larger than stable's."""


@define
class Comparison:
    """The fold over blocks. Its size is bounded by the closed lists of clients and end reasons."""

    tests: dict[Place, Compared] = field(factory=dict)
    _cells: dict[Cell, int] = field(factory=dict)
    """Cell -> its place in the order of their first trials."""

    def take(self, block: Block) -> None:
        """Takes one block in."""
        for place in block.counts:
            cell, metric = place
            test = self.tests.get(place)
            if test is None:
                test = self.tests[place] = Compared(EProcess(_mixture(metric)))
                if cell is not None:
                    self._cells.setdefault(cell, len(self._cells))
            tables = block.tables(place)
            for table in tables:
                test.stable += table.stable
                test.stable_bad += table.stable_bad
                test.canary += table.canary
                test.canary_bad += table.canary_bad
            if any(table.tells for table in tables):
                test.process.update(*tables)
                test.log_value = test.process.log_value

    @property
    def log_value(self) -> float:
        """The average's natural logarithm. Tests that have not begun stand at 1."""
        parts = [(self._share(place), test.log_value) for place, test in self.tests.items()]
        rest = 1.0 - sum([share for share, _ in parts])
        return log_weighted([*parts, (rest, 0.0)])

    def findings(self) -> list[Finding]:
        """All tests, those with the most weighted evidence first."""
        found = [
            Finding(
                scope="all" if place[0] is None else place[0].word,
                metric=place[1],
                log_e=test.log_value,
                share=self._share(place),
                stable=test.stable,
                stable_bad=test.stable_bad,
                canary=test.canary,
                canary_bad=test.canary_bad,
                odds=test.process.odds,
            )
            for place, test in self.tests.items()
        ]
        return sorted(found, key=lambda each: -log_weighted([(each.share, each.log_e)]))

    def _share(self, place: Place) -> float:
        cell, metric = place
        weight = _weight(metric)
        return weight * POOLED if cell is None else weight * (1 - POOLED) * _cell_weight(self._cells[cell])


def _cell_weight(number: int) -> float:
    return 0.5 / _EARLY_CELLS if number < _EARLY_CELLS else 0.5 / _LATE_CELLS


def _weight(metric: str) -> float:
    kind, is_drift, _ = metric.partition("/")
    return WEIGHTS[Metric(kind)] / (len(EndReason) if is_drift else 1)


def _mixture(metric: str) -> Mixture:
    if metric.startswith(f"{Metric.DRIFT}/"):
        return DIFFERENT
    return _SLOWER if metric in {Metric.MEDIAN, Metric.TAIL} else WORSE

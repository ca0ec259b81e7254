"""The counts of one block: some seconds of trials, by what is compared and where."""

from typing import Final

from attrs import define, field

from mix2api.release.independence import Independence
from mix2api.release.sequential import Table
from mix2api.release.thresholds import Thresholds
from mix2api.release.trials import RATES, Cell, Metric, Origin, Trial

BLOCK_MS: Final = 5_000
"""Long enough for trials of both channels at 20 requests a second, and a twelfth of the minute in which a breach has to act."""
_WIDTH: Final = 4
"""Counts of one origin: stable's, its bad ones, the canary's, its bad ones."""

Place = tuple[Cell | None, str]
"""Where a count belongs: a cell, or None for all cells together, and a metric; of the drift, `drift/<end reason>`."""


@define
class Block:
    """The counts. Turns of each origin stand apart: they fail for other causes, and at other rates."""

    counts: dict[Place, list[int]] = field(factory=dict)
    bad: list[Trial] = field(factory=list)
    """Trials that count as bad, in order."""
    edges: "Block | None" = None
    """The same trials by the channel of their edge; this block has them by that of their worker."""

    def add(self, cell: Cell, metric: str, *, canary: bool, origin: Origin, bad: int, count: int = 1) -> None:
        """Counts trials of one cell."""
        at = _WIDTH * origin + 2 * canary
        for place in ((cell, metric), (None, metric)):
            counts = self.counts.get(place)
            if counts is None:
                counts = self.counts[place] = [0] * (_WIDTH * len(Origin))
            counts[at] += count
            counts[at + 1] += bad

    def tables(self, place: Place) -> tuple[Table, Table, Table]:
        """The trials of a place, by origin."""
        counts = self.counts[place]
        fresh, continued, carried = (Table(*counts[at : at + _WIDTH]) for at in range(0, len(counts), _WIDTH))
        return fresh, continued, carried


@define
class Counting:
    """Makes blocks of trials.

    Args:
        independence: says which trials count.
        thresholds: say which times are slow.
    """

    independence: Independence = field(factory=Independence)
    thresholds: Thresholds = field(factory=Thresholds)
    reasons: list[str] = field(factory=list)
    """End reasons that have occurred, in order of their first one."""

    def count(self, trials: list[Trial]) -> Block:
        """The block of some seconds' trials, in the order in which they were settled."""
        block, firsts = Block(edges=Block()), list[Trial]()
        for trial in trials:
            if self.independence.admits(trial):
                self._count_rates(block, trial)
                # A session that changed its process is slower once, whichever version it came to.
                if not trial.carried and self.independence.is_first(trial):
                    firsts.append(trial)
        self._count_drift(block, firsts)
        self._count_times(block, firsts)
        return block

    def _count_times(self, block: Block, firsts: list[Trial]) -> None:
        times = [(trial, trial.first_token_ms) for trial in firsts if trial.first_token_ms is not None]
        for trial, first_token_ms in times:
            for metric, is_slow in self.thresholds.slow(trial, first_token_ms).items():
                _add(block, trial, metric, is_bad=is_slow)
        self.thresholds.learn(times)

    @staticmethod
    def _count_rates(block: Block, trial: Trial) -> None:
        for metric, (counts, is_bad) in RATES.items():
            if counts(trial):
                _add(block, trial, metric, is_bad=is_bad(trial))
        if trial.is_bad:
            block.bad.append(trial)

    def _count_drift(self, block: Block, firsts: list[Trial]) -> None:
        """Each reason is one test, from the block after its first occurrence on: that must not decide whether it is looked at."""
        for trial in firsts:
            for reason in self.reasons:
                _add(block, trial, f"{Metric.DRIFT}/{reason}", is_bad=trial.reason == reason)
        new = {trial.reason.value: None for trial in firsts if trial.reason.value not in self.reasons}
        self.reasons.extend(new)


def _add(block: Block, trial: Trial, metric: str, *, is_bad: bool) -> None:
    block.add(trial.cell, metric, canary=trial.canary, origin=trial.origin, bad=int(is_bad))
    # Clients of older sessions stay with their edge: which edge they have is no draw between the channels.
    if block.edges is not None and not trial.carried:
        edge = trial.edge_canary
        block.edges.add(trial.cell, metric, canary=edge, origin=trial.origin, bad=int(is_bad))

"""What counts as slow: quantiles of stable's earlier first-token times, by kind of request.

A threshold only has to be known before the trial that is held against it; then any time above it is a bad trial like others, and
one test of rates serves for times as well. It asks nothing of the shape of the times. A single slow answer weighs no more than
any other.
"""

from math import log
from typing import Final

from attrs import define, field

from mix2api.release.trials import Cell, Metric, Trial

QUANTILES: Final = {Metric.MEDIAN: 0.5, Metric.TAIL: 0.9}
_FEWEST: Final = 30
"""Times before the first threshold: the median of 30 lies within the middle third of all, 19 times in 20."""
_MOST: Final = 2_000
"""Then all counts are halved: sites get slower and faster over a day."""
PER_E: Final = 50
"""Buckets for a factor of e: 2 % a bucket."""


@define
class _Times:
    """A histogram of one kind of request."""

    counts: dict[int, int] = field(factory=dict)
    total: int = 0
    above: dict[Metric, int] = field(factory=dict)
    """Metric -> the bucket above which a time is slow."""

    def add(self, bucket: int) -> None:
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += 1
        if self.total >= _MOST:
            self.counts = {each: count // 2 for each, count in self.counts.items() if count > 1}
            self.total = sum(self.counts.values())

    def refresh(self) -> None:
        """Finds the thresholds anew."""
        if self.total < _FEWEST:
            return
        passed, wanted = 0, dict(QUANTILES)
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            for metric in [each for each, share in wanted.items() if passed >= share * self.total]:
                self.above[metric] = bucket
                del wanted[metric]


@define
class Thresholds:
    """The fold."""

    _kinds: dict[tuple[Cell, bool], _Times] = field(factory=dict)

    def slow(self, trial: Trial, first_token_ms: int) -> dict[Metric, bool]:
        """Whether a time is above each threshold; nothing as long as too few times are known."""
        times = self._kinds.get((trial.cell, trial.continued))
        if times is None:
            return {}
        bucket = bucket_of(first_token_ms)
        return {metric: bucket > above for metric, above in times.above.items()}

    def learn(self, trials: list[tuple[Trial, int]]) -> None:
        """Takes the times of a block in, once all of its trials were judged by those before."""
        touched = set()
        for trial, first_token_ms in trials:
            if not trial.canary:
                kind = trial.cell, trial.continued
                self._kinds.setdefault(kind, _Times()).add(bucket_of(first_token_ms))
                touched.add(kind)
        for kind in touched:
            self._kinds[kind].refresh()


def bucket_of(first_token_ms: int) -> int:
    """The histogram's bucket of a time."""
    return int(PER_E * log(first_token_ms + 1))

"""The numbers of a recorded day, as a fold over its trials: what `mix2api release simulate --recorded` plays on."""

from itertools import accumulate
from typing import Final

from attrs import define, field

from mix2api.release.day import STRETCH_S, Day, Kind
from mix2api.release.independence import Independence
from mix2api.release.thresholds import PER_E, QUANTILES, bucket_of
from mix2api.release.trials import Cell, Metric, Trial

_SLOWER_BUCKETS: Final = round(PER_E * 0.1823)
"""A fifth longer, as a distance in the histogram: the logarithm of 1.2."""
_STRETCH_MS: Final = STRETCH_S * 1000
_FEWEST: Final = 100
"""Turns of a day that can be played on."""


@define
class _Counts:
    """One cell within one stretch: turns and bad ones, of fresh and of continued sessions."""

    turns: list[int] = field(factory=lambda: [0, 0])
    bad: list[int] = field(factory=lambda: [0, 0])


@define
class RecordedDay:
    """The fold. Both channels count: without a release there is one."""

    turns: int = 0
    _independence: Independence = field(factory=Independence)
    _stretches: dict[int, dict[Cell, _Counts]] = field(factory=dict)
    _times: dict[Cell, dict[int, int]] = field(factory=dict)
    _ages_ms: int = 0
    _continued: int = 0

    def add(self, trial: Trial) -> None:
        """Takes a trial in; in the order in which they were settled."""
        if not trial.asked or not self._independence.admits(trial):
            return
        self.turns += 1
        cells = self._stretches.setdefault(trial.at_ms // _STRETCH_MS, {})
        counts = cells.setdefault(trial.cell, _Counts())
        counts.turns[trial.continued] += 1
        counts.bad[trial.continued] += trial.is_bad
        if trial.continued:
            self._continued += 1
            self._ages_ms += trial.age_ms
        if trial.first_token_ms is not None:
            times = self._times.setdefault(trial.cell, {})
            bucket = bucket_of(trial.first_token_ms)
            times[bucket] = times.get(bucket, 0) + 1

    def day(self) -> Day:
        """The day's numbers.

        Raises:
            ValueError: it has too few turns to say anything.
        """
        if self.turns < _FEWEST:
            raise ValueError(
                f"the recorded day has {self.turns} turns that can be compared, and needs {_FEWEST}"
            )
        first, last = min(self._stretches), max(self._stretches)
        return Day(
            stretches=tuple([_kinds(self._stretches.get(number, {})) for number in range(first, last + 1)]),
            slower=self._slower(),
            session_s=self._ages_ms / self._continued / 1000 if self._continued else 1.0,
        )

    def _slower(self) -> tuple[float, float]:
        """What a fifth more would put above the median and the ninth decile of each cell, over all of them."""
        above = dict.fromkeys(QUANTILES, 0)
        total = 0
        for times in self._times.values():
            count = sum(times.values())
            total += count
            for metric, share in QUANTILES.items():
                limit = _quantile(times, share * count) - _SLOWER_BUCKETS
                above[metric] += sum([times[bucket] for bucket in times if bucket > limit])
        if not total:
            return 0.5, 0.1
        return above[Metric.MEDIAN] / total, above[Metric.TAIL] / total


def _quantile(times: dict[int, int], wanted: float) -> int:
    """The bucket up to which so many times lie; there are as many."""
    buckets = sorted(times)
    passed = accumulate([times[bucket] for bucket in buckets])
    return next(bucket for bucket, count in zip(buckets, passed, strict=True) if count >= wanted)


def _kinds(cells: dict[Cell, _Counts]) -> tuple[Kind, ...]:
    return tuple(
        [
            Kind(
                cell=cell,
                fresh=counts.turns[0] / STRETCH_S,
                continued=counts.turns[1] / STRETCH_S,
                fresh_bad=_share(counts, 0),
                continued_bad=_share(counts, 1),
            )
            for cell, counts in cells.items()
        ]
    )


def _share(counts: _Counts, kind: int) -> float:
    """Of bad turns; below 1, so that something is left for a regression to spoil."""
    return min(counts.bad[kind] / max(1, counts.turns[kind]), 0.99)

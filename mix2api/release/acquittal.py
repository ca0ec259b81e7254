"""The evidence that a canary is not worse by so many points: the reverse of an alarm, and what lets a release go on.

Per trial of the canary: the likelihood of its outcome at stable's rate so far, by that at this rate plus the points. While the
canary is worse by the points or more, the product has expectation 1 at most. Stable's rate is taken from earlier blocks. A rate
that has risen on both channels since then makes the evidence smaller, so that the guard waits.
"""

from typing import Final

from attrs import define

from mix2api.release.sequential import Table, log_binomial

_FEWEST: Final = 100
"""Trials of stable before its rate is used."""
_MOST_RATE: Final = 0.999


@define
class Acquittal:
    """The fold.

    Args:
        points: above 0, below 1.
    """

    points: float
    log_value: float = 0.0
    """Natural logarithm of the evidence."""
    _stable: int = 0
    _stable_bad: int = 0

    def take(self, tables: tuple[Table, ...]) -> None:
        """Takes one block in."""
        if self._stable >= _FEWEST:
            # A half more on each side: no bad trial yet does not mean that there is never one.
            rate = (self._stable_bad + 0.5) / (self._stable + 1)
            worse = min(rate + self.points, _MOST_RATE)
            if rate < worse:
                for table in tables:
                    self.log_value += log_binomial(table.canary, table.canary_bad, rate)
                    self.log_value -= log_binomial(table.canary, table.canary_bad, worse)
        for table in tables:
            self._stable += table.stable
            self._stable_bad += table.stable_bad

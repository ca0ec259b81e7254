"""A sequential test of two rates that may be looked at all the time: a beta-mixture e-process over blocks of trials.

Theory of operation. In a short block of time both channels serve trials, and some of them are bad. Given how many trials each
channel had and how many were bad in all, the number of bad ones on the canary is hypergeometric if the channels are alike,
whatever the rate is then. If the canary's odds of a bad trial are `odds` times stable's, it is Fisher's noncentral
hypergeometric. The ratio of the two likelihoods has expectation 1 while the channels are alike. So has the product over blocks,
and any mixture of such products over several `odds`. By Ville's inequality such a process reaches 1/alpha with probability alpha at
most, however often somebody looks.

The mixture gives each canary's share of bad trials, at equal traffic, a beta prior: the idea is that of Lindon, Sanden and
Shirikian, "Rapid Regression Detection in Software Deployments through Sequential Testing" (arXiv 2205.14762). Conditioning on
each block is ours: a day's rates move, and so does the canary's share of the trials (ADR 88).
"""

from functools import lru_cache
from math import asin, exp, inf, log, log1p, sin
from typing import Final, NamedTuple

from attrs import define, field, frozen

POINTS: Final = 12
"""Odds in a mixture. With 8, 12 and 24 of them the times to a detection were within 3 % of each other."""


class Table(NamedTuple):
    """One block: the trials of each channel, and how many of them were bad."""

    stable: int
    stable_bad: int
    canary: int
    canary_bad: int

    @property
    def tells(self) -> bool:
        """Whether the block can say anything: both channels had trials, and those did not all go the same way."""
        bad = self.stable_bad + self.canary_bad
        return self.stable > 0 and self.canary > 0 and 0 < bad < self.stable + self.canary


@frozen
class Mixture:
    """The alternatives that a test looks for, and the ratio of odds that it puts up with."""

    odds: tuple[float, ...]
    """The canary's odds of a bad trial, by stable's."""
    tolerated: float = 1.0
    """The largest ratio that is no regression."""


def worse(tolerated: float = 1.0) -> Mixture:
    """Alternatives in which the canary's odds are more than `tolerated` times stable's.

    With equal traffic, odds of 1 put half of the bad trials on the canary, 3 put three quarters there. The prior of that part is a
    beta one, stretched from a half to one.
    """
    shares = (0.5 + each / 2 for each in _beta_quantiles())
    return Mixture(tuple([tolerated * share / (1 - share) for share in shares]), tolerated)


def different() -> Mixture:
    """Alternatives to both sides."""
    return Mixture(tuple([share / (1 - share) for share in _beta_quantiles()]))


def _beta_quantiles() -> list[float]:
    """`POINTS` numbers that stand for Beta(2, 2): the middles of parts of equal weight.

    Beta(1, 1) found all regressions that were tried 2 % later.
    """
    return [0.5 - sin(asin(1 - 2 * (place + 0.5) / POINTS) / 3) for place in range(POINTS)]


WORSE: Final = worse()
DIFFERENT: Final = different()


@define
class EProcess:
    """The evidence that a canary is not like stable. Starts at 1; small numbers say nothing, 1/alpha is a finding at level alpha."""

    mixture: Mixture = WORSE
    _logs: list[float] = field(init=False)
    """Of each alternative: the logarithm of its likelihood ratio over all blocks."""

    @_logs.default
    def _none(self) -> list[float]:
        return [0.0] * len(self.mixture.odds)

    def update(self, *tables: Table) -> None:
        """Takes the tables of one block in: of kinds of trials that are apart, and that the same regression would change."""
        for table in tables:
            if table.tells:
                for place, gain in enumerate(gains(table, self.mixture)):
                    self._logs[place] += gain

    @property
    def log_value(self) -> float:
        """Its natural logarithm: the value itself may be beyond a float."""
        return _log_mean(self._logs)

    @property
    def odds(self) -> float:
        """The alternative with the most evidence."""
        return max(zip(self._logs, self.mixture.odds, strict=True))[1]


@lru_cache(
    maxsize=65_536
)  # blocks of steady traffic are alike: a simulated day has some hundred different ones
def gains(table: Table, mixture: Mixture) -> tuple[float, ...]:
    """What a block adds to the logarithm of each alternative's likelihood ratio."""
    counts, logs = _ways(table)
    bad, origin = table.canary_bad, log(mixture.tolerated)
    base = bad * origin - _log_sum([way + count * origin for count, way in zip(counts, logs, strict=True)])
    found = []
    for odds in mixture.odds:
        slope = log(odds)
        total = _log_sum([way + count * slope for count, way in zip(counts, logs, strict=True)])
        found.append(bad * slope - total - base)
    return tuple(found)


def _ways(table: Table) -> tuple[range, list[float]]:
    """How many of the bad trials the canary may have had, and the logarithm of the ways to each, up to a constant."""
    bad = table.stable_bad + table.canary_bad
    counts = range(max(0, bad - table.stable), min(bad, table.canary) + 1)
    logs = [0.0]
    for count in counts[:-1]:
        more = (table.canary - count) * (bad - count)
        fewer = (count + 1) * (table.stable - bad + count + 1)
        logs.append(logs[-1] + log(more / fewer))
    return counts, logs


def _log_sum(logs: list[float]) -> float:
    most = max(logs)
    return most + log(sum([exp(each - most) for each in logs]))


def _log_mean(logs: list[float]) -> float:
    return _log_sum(logs) - log(len(logs))


def log_weighted(parts: list[tuple[float, float]]) -> float:
    """The logarithm of a sum of `weight * exp(logarithm)`; of nothing: minus infinity."""
    terms = [log(weight) + each for weight, each in parts if weight > 0]
    return _log_sum(terms) if terms else -inf


def log_binomial(count: int, bad: int, rate: float) -> float:
    """The logarithm of the likelihood of so many bad ones of `count`, without the factor that all rates share."""
    return bad * log(rate) + (count - bad) * log1p(-rate)

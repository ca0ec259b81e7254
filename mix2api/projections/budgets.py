"""How the runs of each model stood to their budgets: how many were trimmed, moved and refused, and how far counts differ. Pure.

A `BudgetTally` is told the entries of the audit stream in any order.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from attrs import define, field, fields, frozen

from mix2api.events.audit_entry import EndSummary, RequestSummary, read_end_summary, read_request_summary
from mix2api.projections.correction import Corrections, InputObservation
from mix2api.vocabulary import SUCCESSES, EndReason

_BY_SITE = "site"
"""`usage_source` of a usage that is the site's own (`mix2api.budget.usage.UsageSource`)."""


class Standing(NamedTuple):
    """How one run stood to its budget. A tuple: an audit keeps millions, and most are alike."""

    is_counted: bool
    """The turn was counted before it was sent."""
    is_trimmed: bool
    is_rolled_over: bool
    is_refused: bool
    is_compacted: bool
    source: str | None
    """Whose figures its usage has (`mix2api.budget.usage.UsageSource`). None: the run has no usage, or an older version
    wrote it."""


def standing(asked: RequestSummary, ended: EndSummary) -> Standing:
    """How a run stood to its budget, by the halves of its audit entry."""
    budget, source = asked.budget, ended.usage_source
    if budget is None:
        return Standing(False, False, False, False, False, source)  # noqa: FBT003 - in the order of the fields
    is_refused = ended.end_reason is EndReason.BUDGET_REJECTED
    trimmed, moved, compacted = budget.withheld > 0, budget.rolled_over, budget.compacted
    return Standing(True, trimmed, moved, is_refused, compacted, source)  # noqa: FBT003 - likewise


@frozen(kw_only=True)
class BudgetFigures:
    """Of one model, or of all."""

    runs: int
    """Runs that were counted before they were sent."""
    trimmed: int
    """Of them: runs whose history was trimmed."""
    rolled_over: int
    """Of them: runs that were moved to a fresh session, because theirs was too full."""
    refused: int
    """Of them: runs that did not fit, even trimmed."""
    compacted: int
    """Of them: runs whose client had replaced the history by a summary."""
    tokens: int
    """Input of all of them, as the site would count it."""
    by_source: Mapping[str, int]
    """Whose figures their usage has -> runs; only what occurred."""
    counted: int
    """Input of the runs of which the site gave a figure, by our own count."""
    reported: int
    """The same by the site."""
    factor: float | None = None
    """The correction factor that these runs teach; None for all models together."""

    @property
    def difference(self) -> float | None:
        """How far the site's counts of input are from ours: 0.1 where it counts 10 % more. None: it gave none."""
        return self.reported / self.counted - 1 if self.counted else None


@define
class _Sums:
    """The running figures of one model. Tokens and runs."""

    runs: int = 0
    trimmed: int = 0
    rolled_over: int = 0
    refused: int = 0
    compacted: int = 0
    tokens: int = 0
    counted: int = 0
    reported: int = 0
    by_source: dict[str, int] = field(factory=dict)


_SUMMED: Final = tuple(each.name for each in fields(_Sums) if each.type is int)


@define
class BudgetTally:
    """A reading under way. Changed in place, as `mix2api.projections.audit.Tally`."""

    _models: dict[str, _Sums] = field(factory=dict, init=False)
    _corrections: Corrections = field(factory=Corrections, init=False)

    def add_run(self, request: bytes, end: bytes) -> None:
        """A run that ended, by its halves. One that cannot be read, or was not counted, counts for nothing."""
        asked, ended = read_request_summary(request), read_end_summary(end)
        if asked is None or ended is None or asked.budget is None:
            return
        sums = self._models.setdefault(asked.model, _Sums())
        sums.runs += 1
        stood = standing(asked, ended)
        sums.trimmed += stood.is_trimmed
        sums.rolled_over += stood.is_rolled_over
        sums.refused += stood.is_refused
        sums.compacted += stood.is_compacted
        if not stood.is_refused:
            sums.tokens += asked.budget.used
        if stood.source is not None:
            sums.by_source[stood.source] = sums.by_source.get(stood.source, 0) + 1
        seen = _observation(asked, ended)
        if seen is not None:
            sums.counted += seen.counted
            sums.reported += seen.reported
            self._corrections.apply(seen)

    def total(self) -> BudgetFigures:
        """Of all models."""
        whole = _Sums()
        for sums in self._models.values():
            for name in _SUMMED:
                setattr(whole, name, getattr(whole, name) + getattr(sums, name))
            for source, runs in sums.by_source.items():
                whole.by_source[source] = whole.by_source.get(source, 0) + runs
        return _figures(whole, None)

    def by_model(self) -> dict[str, BudgetFigures]:
        """Of each model, the one with the most runs first."""
        ordered = sorted(self._models.items(), key=lambda item: (-item[1].runs, item[0]))
        return {model: _figures(sums, self._corrections.of(model).factor) for model, sums in ordered}

    def factors(self) -> dict[str, float]:
        """The correction factor of each model whose runs teach one."""
        return {model: self._corrections.of(model).factor for model in self._corrections.models}


def _observation(asked: RequestSummary, ended: EndSummary) -> InputObservation | None:
    """What a good run of which the site gave its own figures says of our count."""
    if asked.budget is None or ended.usage is None or ended.usage_source != _BY_SITE:
        return None
    if ended.end_reason not in SUCCESSES:
        return None
    return InputObservation(model=asked.model, counted=asked.budget.counted, reported=ended.usage.prompt)


def _figures(sums: _Sums, factor: float | None) -> BudgetFigures:
    return BudgetFigures(
        runs=sums.runs,
        trimmed=sums.trimmed,
        rolled_over=sums.rolled_over,
        refused=sums.refused,
        compacted=sums.compacted,
        tokens=sums.tokens,
        by_source=dict(sorted(sums.by_source.items())),
        counted=sums.counted,
        reported=sums.reported,
        factor=factor,
    )

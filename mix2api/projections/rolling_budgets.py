"""How runs stood to their budgets over the last half day to day and a half: two tallies, of which the older one is shown."""

from typing import Final

from attrs import define, field

from mix2api.projections.budgets import BudgetTally

HALF_DAY_MS: Final = 12 * 3_600_000
_UNNAMED: Final = b'"#'
"""In a `RequestSummary` of a model that is not configured. Callers name as many as they like, and each would be a row."""


@define
class RollingBudgets:
    """Changed in place, as `BudgetTally`.

    Args:
        since_ms: of the oldest run that it is told. Unix milliseconds.
    """

    since_ms: int
    tally: BudgetTally = field(factory=BudgetTally, init=False)
    _next: BudgetTally = field(factory=BudgetTally, init=False)
    _next_since_ms: int | None = field(default=None, init=False)
    """None: the first half day is not over, and the second tally is not told anything."""

    def add_run(self, request: bytes, end: bytes) -> None:
        """A run that ended, by its halves. One whose model is not configured counts for nothing."""
        if _UNNAMED in request:
            return
        self.tally.add_run(request, end)
        if self._next_since_ms is not None:
            self._next.add_run(request, end)

    def turn(self, now_ms: int) -> None:
        """Lets the older tally go once the younger one is half a day old."""
        if self._next_since_ms is None:
            self._next_since_ms = now_ms
        elif now_ms - self._next_since_ms >= HALF_DAY_MS:
            self.tally, self.since_ms = self._next, self._next_since_ms
            self._next, self._next_since_ms = BudgetTally(), now_ms

"""Two tallies, of which the older one is shown."""

import msgspec
from run_halves import NOW, halves

from mix2api.events.audit_entry import BudgetSummary, _encoded, read_request_summary
from mix2api.projections.rolling_budgets import HALF_DAY_MS, RollingBudgets


def counted(model: str = "mix/a") -> tuple[bytes, bytes]:
    """A run that was counted."""
    asked, ended = halves("req", model=model)
    summary = read_request_summary(asked)
    assert summary is not None
    budget = BudgetSummary(counted=10, used=10, available=90, withheld=0, rolled_over=False)
    return _encoded(msgspec.structs.replace(summary, budget=budget)), ended


def test_the_older_tally_goes_once_the_younger_is_half_a_day_old() -> None:
    budgets = RollingBudgets(NOW - HALF_DAY_MS)
    budgets.add_run(*counted())
    budgets.turn(NOW)
    budgets.add_run(*counted())
    budgets.turn(NOW + HALF_DAY_MS - 1)
    assert (budgets.tally.total().runs, budgets.since_ms) == (2, NOW - HALF_DAY_MS)
    budgets.turn(NOW + HALF_DAY_MS)
    budgets.add_run(*counted())
    assert (budgets.tally.total().runs, budgets.since_ms) == (2, NOW)


def test_models_that_are_not_configured_are_no_rows() -> None:
    budgets = RollingBudgets(NOW)
    budgets.add_run(*counted("#0123/8"))
    assert budgets.tally.by_model() == {}

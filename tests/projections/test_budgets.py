"""How runs stood to their budgets, from the halves of their audit entries."""

from typing import Any

import pytest
from msgspec.structs import replace

from mix2api.events.audit_entry import end_summary, request_summary
from mix2api.events.kinds import End, Request, Usage
from mix2api.projections.audit import Dimension, Tally
from mix2api.projections.budgets import BudgetTally
from mix2api.vocabulary import EndReason, ProcessId, RequestId, RunId

REQUEST = Request(
    run_id=RunId("run_1"),
    seq=1,
    request_id=RequestId("req-1"),
    at_ms=1,
    model="mix/a",
    stream=True,
    messages_all=3,
    messages_new=1,
    body_bytes=200,
    edge=ProcessId("p_1"),
    worker=ProcessId("p_2"),
    input_tokens=1100,
    input_budget=4000,
    counted_tokens=1000,
)
END = End(
    run_id=RunId("run_1"),
    seq=2,
    end_reason=EndReason.STOP,
    http_status=200,
    total_ms=10,
    usage=Usage(prompt_tokens=1200, completion_tokens=5, total_tokens=1205),
    usage_source="site",
)


def told(tally: BudgetTally, request: Request = REQUEST, end: End = END) -> None:
    tally.add_run(request_summary(request), end_summary(end))


def asked(**fields: Any) -> Request:
    return replace(REQUEST, **fields)


def test_runs_are_counted_by_what_became_of_them() -> None:
    tally = BudgetTally()
    told(tally)
    told(tally, asked(withheld_by={"old_words": 2}))
    told(tally, asked(resolution_reason="rolled_over"))
    told(tally, asked(resolution_reason="compacted"))
    rejected = replace(END, end_reason=EndReason.BUDGET_REJECTED, usage=None, usage_source=None)
    told(tally, asked(model="mix/b"), rejected)
    total = tally.total()
    assert (total.runs, total.trimmed, total.rolled_over, total.refused, total.compacted) == (5, 1, 1, 1, 1)
    assert (total.tokens, total.by_source, total.factor) == (4400, {"site": 4}, None)
    assert list(tally.by_model()) == ["mix/a", "mix/b"]
    assert tally.by_model()["mix/b"].difference is None


def test_the_site_s_own_counts_teach_a_factor() -> None:
    tally = BudgetTally()
    for _ in range(200):
        told(tally)
    figures = tally.by_model()["mix/a"]
    assert (figures.counted, figures.reported) == (200_000, 240_000)
    assert figures.difference == pytest.approx(0.2)
    assert figures.factor == pytest.approx(1.2, abs=0.02)
    told(tally, asked(model="mix/b"), replace(END, usage_source="counted"))
    assert tally.factors() == {"mix/a": figures.factor}


@pytest.mark.parametrize(
    "end",
    [
        replace(END, usage_source="counted"),
        replace(END, usage=None),
        replace(END, end_reason=EndReason.TIMEOUT),
    ],
)
def test_other_counts_teach_nothing(end: End) -> None:
    tally = BudgetTally()
    told(tally, end=end)
    assert (tally.total().counted, tally.by_model()["mix/a"].factor) == (0, 1.0)


def test_what_was_not_counted_or_cannot_be_read_counts_for_nothing() -> None:
    tally = BudgetTally()
    told(tally, asked(counted_tokens=None))
    tally.add_run(b"[]", end_summary(END))
    tally.add_run(request_summary(REQUEST), b"[]")
    assert tally.total().runs == 0


def test_an_audit_counts_budgets_as_they_are_counted_here_in_every_group() -> None:
    audit, budgets = Tally(by=(Dimension.MODEL, Dimension.END_REASON)), BudgetTally()
    rejected = replace(END, end_reason=EndReason.BUDGET_REJECTED, usage=None, usage_source=None)
    runs = [
        (REQUEST, END),
        (asked(withheld_by={"old_words": 2}, model="mix/b"), replace(END, usage_source="counted")),
        (asked(resolution_reason="rolled_over"), END),
        (asked(resolution_reason="compacted"), END),
        (REQUEST, rejected),
    ]
    for number, (request, end) in enumerate(runs):
        audit.add_run(f"run_{number}", request_summary(request), end_summary(end))
        told(budgets, request, end)
    audit.add_run("run_9", request_summary(asked(counted_tokens=None)), end_summary(END))
    total, known = audit.report().total, budgets.total()
    assert (total.counted, total.trimmed, total.rolled_over, total.over_budget) == (5, 1, 1, 1)
    assert (known.runs, known.trimmed, known.rolled_over, known.refused) == (5, 1, 1, 1)
    assert (total.compacted, known.compacted) == (1, 1)
    assert total.by_usage_source == {"counted": 1, "site": 4}, "also of runs that were not counted"
    groups = {tuple(group.by.values()): group.figures for group in audit.report().groups}
    assert groups["mix/a", EndReason.STOP].by_usage_source == {"site": 4}
    assert groups["mix/a", EndReason.BUDGET_REJECTED].over_budget == 1
    assert groups["mix/b", EndReason.STOP].trimmed == 1

"""Loops that close, and those that do not."""

from itertools import permutations
from typing import Any

import pytest
from session_scripts import accept

from mix2api.events.audit_entry import end_summary, request_summary
from mix2api.events.kinds import End, ToolResult
from mix2api.projections.audit import Dimension, Figures, Tally
from mix2api.vocabulary import Digest, EndReason, RunId


def run(
    end_reason: EndReason, *, calls: str = "", results: str = "", client: str = "codex"
) -> tuple[bytes, bytes]:
    """The halves of a run that brought results of these calls (a letter each) and asked for those."""
    run_id = RunId("run_1")
    brought = [
        ToolResult(run_id=run_id, seq=2, tool_call_id=each, size_bytes=1, digest=Digest(f"d{each}"))
        for each in results
    ]
    end = End(run_id=run_id, seq=9, end_reason=end_reason, http_status=200, total_ms=1)
    return request_summary(accept(client=client).request, brought), end_summary(end, calls)


def ran_tools(count: int) -> tuple[bytes, bytes]:
    """The halves of a run whose runtime ran so many tools of its own."""
    end = End(
        run_id=RunId("run_1"),
        seq=9,
        end_reason=EndReason.STOP,
        http_status=200,
        total_ms=1,
        runtime_tools=count,
    )
    return request_summary(accept().request), end_summary(end)


def figures(*runs: tuple[bytes, bytes]) -> Figures:
    return tally(*runs).report().total


def tally(*runs: tuple[bytes, bytes], **fields: Any) -> Tally:
    made = Tally(**fields)
    for number, (asked, ended) in enumerate(runs):
        made.add_run(f"run_{number}", asked, ended)
    return made


ASKS = run(EndReason.TOOL_CALLS, calls="ab")
GOOD = run(EndReason.STOP, results="ab")


def told(of: Figures) -> tuple[int, int, int]:
    return of.tool_loops, of.tool_loops_returned, of.tool_loops_closed


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([run(EndReason.STOP)], (0, 0, 0)),
        ([ASKS], (1, 0, 0)),
        ([ASKS, GOOD], (1, 1, 1)),
        (
            [ASKS, run(EndReason.TOOL_CALLS, results="ab", calls="c"), run(EndReason.STOP, results="c")],
            (2, 2, 2),
        ),
        ([ASKS, run(EndReason.TIMEOUT, results="ab")], (1, 1, 0)),
        ([ASKS, run(EndReason.TIMEOUT, results="ab"), GOOD], (1, 1, 1)),
        ([ASKS, GOOD, GOOD], (1, 1, 1)),
        ([ASKS, run(EndReason.STOP, results="a")], (1, 0, 0)),
        ([ASKS, run(EndReason.CLIENT_ABORT, results="ab")], (0, 0, 0)),
        ([ASKS, run(EndReason.SUPERSEDED, results="ab"), GOOD], (1, 1, 1)),
        ([run(EndReason.UPSTREAM_ERROR, calls="ab"), GOOD], (0, 0, 0)),
    ],
    ids=[
        "no tools",
        "not answered yet",
        "closed",
        "a chain",
        "the continuation failed",
        "sent again and answered",
        "sent again after all was well",
        "half of the results",
        "the client broke the continuation off",
        "and came back",
        "an answer that failed asks for nothing",
    ],
)
def test_a_loop_is_counted_once_in_whatever_order_its_runs_are_told(
    runs: list[tuple[bytes, bytes]], expected: tuple[int, int, int]
) -> None:
    assert {told(figures(*order)) for order in permutations(runs)} == {expected}


def test_the_share_of_closed_loops_is_their_closure() -> None:
    broken = (run(EndReason.TOOL_CALLS, calls="c"), run(EndReason.TIMEOUT, results="c"))
    assert figures(ASKS, GOOD, *broken).loop_closure == 0.5
    assert figures(run(EndReason.STOP)).loop_closure is None


def test_a_loop_whose_client_never_came_back_is_counted_apart_from_broken_ones() -> None:
    left = run(EndReason.TOOL_CALLS, calls="c")
    half = (run(EndReason.TOOL_CALLS, calls="de"), run(EndReason.STOP, results="d"))
    found = figures(ASKS, GOOD, left)
    assert (found.tool_loops, found.tool_loops_abandoned, found.loop_closure) == (2, 1, 1.0)
    assert figures(left).loop_closure is None
    assert figures(*half).tool_loops_abandoned == 0
    assert figures(ASKS, GOOD, left, *half).loop_closure == 0.5


def test_results_of_a_run_under_way_came_back() -> None:
    made = tally(ASKS)
    made.add_open(GOOD[0], alive=True)
    assert told(made.report().total) == (1, 1, 0)


def test_a_loop_belongs_to_the_client_that_was_asked() -> None:
    made = tally(ASKS, GOOD, run(EndReason.TOOL_CALLS, calls="c", client="opencode"), by=(Dimension.CLIENT,))
    groups = {group.by["client"]: told(group.figures) for group in made.report().groups}
    assert groups == {"codex": (1, 1, 1), "opencode": (1, 0, 0)}
    assert told(made.report().total) == (2, 1, 1)


def test_no_tool_is_ever_run_here() -> None:
    assert tally(ASKS, GOOD).report().server_side_tool_executions == 0


def test_tools_that_runtimes_ran_are_counted_apart_from_ours() -> None:
    report = tally(GOOD, ran_tools(2), ran_tools(3)).report()
    assert (report.runtime_tool_executions, report.server_side_tool_executions) == (5, 0)
    assert tally(GOOD).report().runtime_tool_executions == 0

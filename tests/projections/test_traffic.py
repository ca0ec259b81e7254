"""The counts and histograms of finished requests."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from refusal_entries import counted, refusal

from mix2api.events.audit_entry import BudgetSummary, EndSummary, RequestSummary, TokenCounts
from mix2api.events.refusal_entry import RefusalCount
from mix2api.projections import traffic as counting
from mix2api.projections.traffic import OVERFLOW, SECONDS, BudgetCounts, Caller, Cell, TokenCell, Traffic
from mix2api.vocabulary import Channel, EndReason

ASKED = RequestSummary(
    version=1,
    at_ms=1,
    request_id="req-1",
    client="opencode",
    stream=True,
    tools_present=True,
    model="m",
    attempt=1,
    channel=Channel.STABLE,
)
ENDED = EndSummary(
    version=1,
    end_reason=EndReason.STOP,
    detail=None,
    http_status=200,
    upstream_status=200,
    finish_reason=None,
    first_token_ms=120,
    total_ms=1200,
    frames=4,
    usage=None,
    longest_gap_ms=300,
)
BUDGET = BudgetSummary(counted=90, used=100, available=200, withheld=0, rolled_over=False)
USAGE = TokenCounts(prompt=100, completion=20, total=120, reasoning=0, cached=0)
CELL = Cell("opencode", "true", "true", "stop", "200", "200", "stable")
CALLER = Caller("opencode", "true")


def told(*runs: tuple[dict[str, Any], dict[str, Any]]) -> Traffic:
    traffic = Traffic()
    for asked, ended in runs:
        traffic.add_entry(replace(ASKED, **asked), replace(ENDED, **ended))
    return traffic


def test_a_run_counts_in_its_cell_and_in_its_callers_histograms() -> None:
    traffic = told(({}, {}), ({}, {}))
    assert traffic.requests == {CELL: 2}
    assert traffic.total[CALLER].total_ms == 2400
    assert traffic.total[CALLER].counts[SECONDS.index(2.5)] == 2
    assert traffic.first_token[CALLER].counts[SECONDS.index(0.25)] == 2
    assert traffic.longest_gap[CALLER].counts[SECONDS.index(0.5)] == 2


def test_what_lasts_longer_than_the_last_bound_has_a_bucket_too() -> None:
    assert told(({}, {"total_ms": 10**9})).total[CALLER].counts[-1] == 1


def test_a_run_without_output_is_in_no_histogram_of_output() -> None:
    traffic = told(({}, {"first_token_ms": None, "longest_gap_ms": None}))
    assert (traffic.first_token, traffic.longest_gap) == ({}, {})


def test_budgets_are_counted_by_client() -> None:
    traffic = told(
        ({"budget": BUDGET}, {}),
        ({"budget": replace(BUDGET, withheld=2)}, {}),
        ({"budget": replace(BUDGET, rolled_over=True)}, {}),
        ({"budget": BUDGET}, {"end_reason": EndReason.BUDGET_REJECTED}),
        ({"budget": None, "client": "codex"}, {}),
    )
    assert traffic.budgets == {"opencode": BudgetCounts(counted=4, trimmed=1, rolled_over=1, refused=1)}


def test_tokens_are_counted_by_whose_figures_they_are() -> None:
    traffic = told(
        ({}, {"usage": USAGE, "usage_source": "counted"}),
        ({}, {"usage": USAGE, "usage_source": "counted"}),
        ({}, {"usage": USAGE}),
        ({}, {"usage": USAGE, "usage_source": "a newer version's"}),
        ({}, {}),
    )
    assert traffic.tokens == {
        TokenCell("opencode", direction, source): tokens * times
        for direction, tokens in (("input", 100), ("output", 20))
        for source, times in (("counted", 2), ("site", 1), ("other", 1))
    }


def test_tools_that_runtimes_ran_are_counted() -> None:
    traffic = told(({}, {"runtime_tools": 2}), ({}, {}), ({}, {"runtime_tools": 1}))
    assert (traffic.runtime_tools, traffic.copy().runtime_tools) == (3, 3)


def test_words_that_are_on_no_list_are_other() -> None:
    (cell,) = told(({"client": "mosaic"}, {"upstream_status": 99_999, "http_status": 7})).requests
    assert (cell.client, cell.http_status, cell.upstream_status) == ("other", "other", "other")
    (silent,) = told(({}, {"upstream_status": None})).requests
    assert silent.upstream_status == "none"


def test_loops_are_counted_by_what_single_requests_show() -> None:
    brings = {"results": (("call", "digest"),)}
    traffic = told(
        ({}, {"end_reason": EndReason.TOOL_CALLS}),
        (brings, {}),
        (brings, {"end_reason": EndReason.TIMEOUT}),
        ({}, {}),
    )
    counts = traffic.loops["opencode"]
    assert (counts.asked, counts.answered, counts.closed) == (1, 2, 1)


def test_refused_requests_count_in_cells_of_their_own() -> None:
    traffic = Traffic()
    traffic.add_refusal(refusal(worker_channel=Channel.CANARY))
    flood = RefusalCount(
        at_ms=1,
        end_reason=EndReason.AUTH_ERROR,
        detail=None,
        http_status=401,
        channel=Channel.CANARY,
        by_client=(counted(7, stream=None, tools_present=None), counted(2, "curl")),
    )
    traffic.add_refusals(flood)
    assert traffic.requests == {
        Cell("opencode", "true", "false", "invalid_request", "400", "none", "canary"): 1,
        Cell("opencode", "none", "none", "auth_error", "401", "none", "canary"): 7,
        Cell("curl", "true", "false", "auth_error", "401", "none", "canary"): 2,
    }


def test_what_cannot_be_read_is_counted() -> None:
    traffic = Traffic()
    traffic.add_entry(None, ENDED)
    traffic.add_entry(ASKED, None)
    traffic.add_refusal(None)
    traffic.add_refusals(None)
    assert (traffic.unreadable, traffic.requests) == (4, {})


def test_a_copy_stays_as_it_was() -> None:
    traffic = told(({"results": (("call", "digest"),)}, {}))
    copy = traffic.copy()
    assert copy == traffic
    traffic.add_entry(replace(ASKED, results=(("call", "digest"),)), ENDED)
    assert copy.requests == {CELL: 1}
    assert copy.total[CALLER].total_ms == 1200
    assert copy.loops["opencode"].answered == 1


@given(st.lists(st.tuples(st.text(max_size=4), st.integers(), st.integers(), st.booleans()), max_size=30))
def test_past_the_cap_everything_shares_one_cell_and_nothing_is_lost(
    sent: list[tuple[str, int, int, bool]],
) -> None:
    most, counting.MOST_CELLS = counting.MOST_CELLS, 5
    try:
        traffic = told(
            *(
                ({"client": client, "stream": stream}, {"http_status": http, "upstream_status": upstream})
                for client, http, upstream, stream in sent
            ),
            *(({}, {"http_status": status}) for status in range(200, 210)),
        )
    finally:
        counting.MOST_CELLS = most
    assert len(traffic.requests) == 6
    assert traffic.requests[OVERFLOW] >= 5
    assert sum(traffic.requests.values()) == len(sent) + 10

"""Sampled traces: which runs are chosen, and what is read back."""

from typing import Any

import pytest

from mix2api.projections.traces import SLOW_MS, Trace, TraceRule, read_trace, trace_bytes
from mix2api.vocabulary import Channel, ClientName, EndReason

LAST_DRAW = (1 << 32) - 1


def trace(**changed: Any) -> Trace:
    facts: dict[str, Any] = {
        "at_ms": 1,
        "run_id": "run_1",
        "request_id": "r1",
        "session_id": "ses_1",
        "client": "codex",
        "channel": Channel.STABLE,
        "model": "m",
        "stream": True,
        "tools_present": False,
        "resolution": "fresh",
        "end_reason": EndReason.STOP,
        "detail": None,
        "http_status": 200,
        "upstream_status": 200,
        "first_token_ms": 5,
        "total_ms": SLOW_MS,
        "chunks": 2,
    }
    return Trace(**{**facts, **changed})


@pytest.mark.parametrize(
    ("rate", "draw", "chosen"), [(0, 0, False), (1, LAST_DRAW, True), (0.5, 1 << 31, False)]
)
def test_the_share_of_all_runs_goes_by_the_draw(*, rate: float, draw: int, chosen: bool) -> None:
    assert TraceRule(rate=rate).chooses(trace(), draw) is chosen


@pytest.mark.parametrize(
    ("rule", "chosen", "passed_over"),
    [
        (TraceRule(rate=0, failed=True), trace(end_reason=EndReason.TIMEOUT), trace()),
        (TraceRule(rate=0, slow=True), trace(total_ms=SLOW_MS + 1), trace()),
        (TraceRule(rate=0, clients=frozenset({ClientName.CODEX})), trace(), trace(client="other")),
    ],
)
def test_a_rule_keeps_what_it_names_and_nothing_else(
    rule: TraceRule, chosen: Trace, passed_over: Trace
) -> None:
    assert rule.chooses(chosen, LAST_DRAW)
    assert not rule.chooses(passed_over, LAST_DRAW)


def test_a_trace_comes_back_as_it_was_and_damage_as_nothing() -> None:
    assert read_trace(trace_bytes(trace())) == trace()
    assert read_trace(b"{}") is None
    assert read_trace(b"\xff") is None

"""What the plots draw."""

import pytest
from run_halves import NOW, ended_run

from mix2api.projections import run_series
from mix2api.projections.run_block import BINS, BLOCK_MS, bin_of
from mix2api.projections.run_index import RunIndex
from mix2api.projections.run_search import RunFilter
from mix2api.projections.run_series import percentiles, series
from mix2api.steps import at_once
from mix2api.vocabulary import EndReason


def test_spans_are_equal_and_count_what_ended_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_series, "_STEP", 1)
    index = RunIndex(100)
    ended_run(index, "run_a")
    index.add_receipt("run_a", "written", "stop")
    ended_run(index, "run_b", at_ms=NOW + 3 * BLOCK_MS, end_reason=EndReason.TIMEOUT)
    ended_run(index, "run_c", at_ms=NOW + 3 * BLOCK_MS, client="codex", total_ms=900, first_token_ms=None)
    wanted = RunFilter(since_ms=NOW, until_ms=NOW + 4 * BLOCK_MS, clients=frozenset({"opencode"}))
    spans = at_once(series(index, wanted, 2))
    assert [span.to_ms - span.from_ms for span in spans] == [2 * BLOCK_MS] * 2
    assert [span.by_reason for span in spans] == [{"stop": 1}, {"timeout": 1}]
    assert [(span.runs, span.failed) for span in spans] == [(1, 0), (1, 1)]
    assert spans[0].total_ms[0] == pytest.approx(100, rel=0.3)


def test_percentiles_are_near_the_true_ones() -> None:
    histogram = [0] * BINS
    for ms in range(1, 10_001):
        histogram[bin_of(ms)] += 1
    median, high, highest = percentiles(histogram)
    assert median == pytest.approx(5000, rel=0.1)
    assert high == pytest.approx(9500, rel=0.25)
    assert highest == pytest.approx(9900, rel=0.25)
    assert percentiles([0] * BINS) == (None, None, None)

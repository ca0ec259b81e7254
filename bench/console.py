"""What the console's index costs: a million runs in memory, their filters, the plots and the pages.

    python bench/console.py [RUNS]

In-process and without a store. Times are CPU times of one process; the longest step is what a turn of the loop would take.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from mix2api.console.asking import Asked
from mix2api.console.catalogue import Language
from mix2api.console.overview import SPANS, plots
from mix2api.console.rendering import Reader, Renderer, State
from mix2api.events.audit_entry import EndSummary, RequestSummary, _encoded
from mix2api.projections.run_index import RunIndex
from mix2api.projections.run_search import FAILED, RunFilter, search
from mix2api.projections.run_series import series
from mix2api.projections.slo import SloFold
from mix2api.projections.slo_report import report
from mix2api.steps import Steps
from mix2api.vocabulary import Channel, EndReason

DAY_MS = 86_400_000
NOW = 1_796_000_000_000
CLIENTS = ("opencode", "claude_code", "codex", "openai_python", "curl", "other")
REASONS = (
    *[EndReason.STOP] * 12,
    *[EndReason.TOOL_CALLS] * 5,
    EndReason.TIMEOUT,
    EndReason.UPSTREAM_ERROR,
    EndReason.CLIENT_ABORT,
)


def resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096 / 1e6


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    index, fold = RunIndex(runs), SloFold()
    before, began = resident_mb(), time.process_time()
    for number in range(runs):
        at_ms = NOW - DAY_MS + number * DAY_MS // runs
        run_id = f"run_{at_ms:012x}{number:016x}"
        asked, ended = _halves(number)
        index.add_run(
            at_ms, (run_id, f"ses_{number % 256:04x}{number // 100:022d}_{number:016x}"), asked, ended
        )
        reason = REASONS[number % len(REASONS)]
        receipt = "written" if reason in {EndReason.STOP, EndReason.TOOL_CALLS} else "error_written"
        index.add_receipt(run_id, receipt, reason.value)
        if number % 10 == 0:  # a tenth: what its report costs depends on the minutes, not on the runs
            fold.add_run(at_ms, run_id, asked, ended)
            fold.add_receipt(at_ms, run_id, receipt, reason.value)
    held = resident_mb() - before
    print(
        f"{runs:,} runs held: {held:.0f} MB, {held * 1e6 / runs:.0f} bytes a run; made and folded in {time.process_time() - began:.1f} s, {len(index.kinds)} kinds"
    )
    whole = {"since_ms": NOW - DAY_MS, "until_ms": NOW}
    for name, wanted in {
        "no filter": RunFilter(**whole),
        "failed": RunFilter(**whole, reasons=frozenset({FAILED})),
        "client and reason": RunFilter(**whole, clients=frozenset({"codex"}), reasons=frozenset({"timeout"})),
        "nothing passes": RunFilter(**whole, models=frozenset({"none"})),
        "a word in one id": RunFilter(**whole, word=f"req-{runs - 7}"),
        "a word in every id": RunFilter(**whole, word="req-"),
        "an odd time": RunFilter(since_ms=NOW - DAY_MS + 7, until_ms=NOW - 7),
    }.items():
        _timed(f"page, {name}", lambda wanted=wanted: search(index, wanted, None, 50))
    _timed("plots' figures, a day", lambda: series(index, RunFilter(**whole), SPANS))
    _timed(
        "plots' figures, an hour",
        lambda: series(index, RunFilter(since_ms=NOW - DAY_MS // 24, until_ms=NOW), SPANS),
    )
    _overview(index, fold)


def _halves(number: int) -> tuple[bytes, bytes]:
    reason = REASONS[number % len(REASONS)]
    asked = RequestSummary(
        version=1,
        at_ms=NOW,
        request_id=f"req-{number}",
        client=CLIENTS[number % len(CLIENTS)],
        stream=number % 3 > 0,
        tools_present=False,
        model=f"mix/{number % 4}",
        attempt=1,
        channel=Channel.STABLE,
    )
    ended = EndSummary(1, reason, None, 200, 200, None, 40 + number % 900, 100 + number % 9000, 3, None)
    return _encoded(asked), _encoded(ended)


def _timed(name: str, begin: Callable[[], Steps[object]]) -> None:
    """The best of three: the first also puts blocks in order."""
    for _ in range(2):
        whole, longest, steps = 0.0, 0.0, begin()
        while True:
            began = time.process_time()
            try:
                next(steps)
            except StopIteration:
                break
            finally:
                took = time.process_time() - began
                whole, longest = whole + took, max(longest, took)
        print(f"{name:30} {whole * 1000:7.1f} ms, longest step {longest * 1000:5.1f} ms")


def _overview(index: RunIndex, fold: SloFold) -> None:
    """One page with all that a day has, after its figures are there."""
    asked = Asked(range="24h", wanted=RunFilter(since_ms=NOW - DAY_MS, until_ms=NOW), after=None)
    spans = _result(series(index, asked.wanted, SPANS))
    renderer, reader = Renderer(), Reader(language=Language.ENGLISH, signed_in=None, path="/")
    values = {
        "asked": asked,
        "burns": (),
        "levels": (),
        "objectives": (),
        "counted": None,
        "accounts": [],
        "budgets": None,
        "runs": sum(span.runs for span in spans),
        "failed": sum(span.failed for span in spans),
    }
    for _ in range(2):
        began = time.process_time()
        page = renderer.page(
            "overview",
            reader,
            State(as_of_ms=NOW, away_since_ms=None),
            {**values, **plots(spans, asked, Language.ENGLISH)},
        )
        print(
            f"{'overview rendered':30} {(time.process_time() - began) * 1000:7.1f} ms, {len(page):,} characters"
        )
    began = time.process_time()
    report(fold, NOW)
    print(f"{'report of the service levels':30} {(time.process_time() - began) * 1000:7.1f} ms")


def _result(steps: Steps[object]) -> object:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


if __name__ == "__main__":
    main()

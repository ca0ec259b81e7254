"""Service levels: the fold over audit entries, and what is made of it."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace
from projections.test_traffic import ASKED, ENDED
from refusal_entries import counted, refusal

from mix2api.events.audit_entry import EndSummary, RequestSummary
from mix2api.events.refusal_entry import RefusalCount, refusal_bytes
from mix2api.projections.slo import MINUTE_MS, SloFold
from mix2api.projections.slo_report import DAY_MINUTES, Level, SloReport, Verdict, report
from mix2api.vocabulary import Channel, EndReason, Receipt

NOW_MS = 1_700_000_000_000
DAY_MS = DAY_MINUTES * MINUTE_MS


class Told:
    """A fold that is told runs with short words."""

    def __init__(self) -> None:
        self.fold = SloFold()
        self.steps: list[Callable[[SloFold], None]] = []
        """What it was told, to be told to another fold."""
        self._runs = 0

    def tell(self, step: Callable[[SloFold], None]) -> None:
        self.steps.append(step)
        step(self.fold)

    def run(
        self,
        end_reason: EndReason = EndReason.STOP,
        receipt: Receipt | None = Receipt.WRITTEN,
        *,
        told: EndReason | None = None,
        at_ms: int = NOW_MS,
        **fields: Any,
    ) -> str:
        """One run and its receipt; `fields` are the summaries' own."""
        self._runs += 1
        run_id = f"run_{self._runs}"
        asked = {name: value for name, value in fields.items() if name in RequestSummary.__struct_fields__}
        ended = {name: value for name, value in fields.items() if name in EndSummary.__struct_fields__}
        halves = (
            json.encode(replace(ASKED, **asked)),
            json.encode(replace(ENDED, end_reason=end_reason, **ended)),
        )
        self.tell(lambda fold: fold.add_run(at_ms, run_id, *halves))
        if receipt is not None:
            reason = (told or end_reason).value
            self.tell(lambda fold: fold.add_receipt(at_ms, run_id, receipt.value, reason))
        return run_id

    def report(self, channel: Channel | None = None, now_ms: int = NOW_MS) -> SloReport:
        return report(self.fold, now_ms, channel)

    def level(self, name: str, client: str = "all") -> Level:
        (found,) = [level for level in self.report().levels if (level.name, level.client) == (name, client)]
        return found

    def counts(self, name: str) -> tuple[int, int]:
        level = self.level(name)
        return level.good, level.total


def test_success_counts_what_was_ours_to_serve_and_leaves_the_clients_doing_out() -> None:
    told = Told()
    told.run()
    told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN)
    told.run(EndReason.CLIENT_ABORT, Receipt.CLIENT_LEFT)
    told.run(EndReason.SUPERSEDED, Receipt.ERROR_WRITTEN)
    told.run(EndReason.BUDGET_REJECTED, Receipt.ERROR_WRITTEN)
    told.run(EndReason.STOP, Receipt.CLIENT_LEFT)
    assert told.counts("success") == (1, 2)
    assert told.report().client_faults == 1


def test_a_run_that_a_later_one_repeats_is_in_no_level_though_its_receipt_was_lost() -> None:
    told = Told()
    first = told.run(EndReason.WORKER_LOST, None)
    told.run(attempt=2, again_of=first)
    told.run(EndReason.UPSTREAM_ERROR, None, attempt=2)
    assert told.counts("success") == (1, 2)


def test_refusals_of_ours_are_failures_and_those_for_a_clients_fault_stand_apart() -> None:
    told = Told()
    told.run()
    for reason in (
        EndReason.OVERLOADED,
        EndReason.UNAVAILABLE,
        EndReason.INVALID_REQUEST,
        EndReason.CLIENT_ABORT,
    ):
        told.fold.add_refusal(NOW_MS, refusal_bytes(refusal(end_reason=reason)))
    flood = RefusalCount(
        at_ms=1,
        end_reason=EndReason.AUTH_ERROR,
        detail=None,
        http_status=401,
        channel=Channel.STABLE,
        by_client=(counted(7),),
    )
    told.fold.add_refusals(NOW_MS, refusal_bytes(flood))
    assert told.counts("success") == (1, 3)
    assert told.report().client_faults == 8


def test_a_broken_stream_is_one_whose_log_and_client_disagree_or_of_which_nobody_knows() -> None:
    told = Told()
    told.run()
    told.run(EndReason.STOP, Receipt.ERROR_WRITTEN, told=EndReason.WORKER_LOST)
    told.run(EndReason.STOP, None)
    told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN)
    told.run(stream=False)
    assert told.counts("unbroken_streams") == (2, 4)
    assert told.counts("done") == (2, 4)


def test_attribution_counts_unknown_ends_and_what_cannot_be_read() -> None:
    told = Told()
    told.run()
    told.run(EndReason.UNKNOWN, Receipt.ERROR_WRITTEN)
    told.fold.add_run(NOW_MS, "run_x", b"damaged", b"[]")
    told.fold.add_run(NOW_MS, "run_y", json.encode(replace(ASKED, version=9)), json.encode(ENDED))
    told.fold.add_run(NOW_MS, "run_z", json.encode(ASKED), b'[1,"a newer word"]')
    told.fold.add_refusal(NOW_MS, b"damaged")
    told.fold.add_refusals(NOW_MS, b"damaged")
    assert told.counts("attribution") == (1, 7)


def loop(
    told: Told,
    *,
    asks: bool = True,
    brings: EndReason | None = None,
    receipt: Receipt | None = Receipt.WRITTEN,
) -> None:
    if asks:
        told.run(EndReason.TOOL_CALLS, receipt, calls=("a" * 32, "b" * 32))
    if brings is not None:
        told.run(brings, results=(("a" * 32, "x"), ("b" * 32, "y")))


@pytest.mark.parametrize(
    ("brings", "receipt", "expected"),
    [
        (EndReason.STOP, Receipt.WRITTEN, (1, 1)),
        (EndReason.TIMEOUT, Receipt.WRITTEN, (0, 1)),
        (EndReason.CLIENT_ABORT, Receipt.WRITTEN, (0, 0)),
        (None, Receipt.WRITTEN, (0, 0)),
        (None, Receipt.CLIENT_LEFT, (0, 1)),
        (None, None, (0, 1)),
    ],
    ids=["closed", "failed", "aborted", "left after the whole ending", "left before it", "no receipt"],
)
def test_a_loop_is_closed_broken_or_left(
    brings: EndReason | None, receipt: Receipt | None, expected: tuple[int, int]
) -> None:
    told = Told()
    loop(told, brings=brings, receipt=receipt)
    assert told.counts("loop_closure") == expected


def test_results_that_were_read_before_their_calls_close_the_loop_too() -> None:
    told = Told()
    loop(told, asks=False, brings=EndReason.STOP)
    loop(told, asks=False, brings=EndReason.TIMEOUT)
    loop(told)
    assert told.counts("loop_closure") == (1, 1)


def test_a_turn_that_is_sent_again_closes_its_loop_once() -> None:
    told = Told()
    loop(told, brings=EndReason.TIMEOUT)
    loop(told, asks=False, brings=EndReason.STOP)
    loop(told, asks=False, brings=EndReason.STOP)
    assert told.counts("loop_closure") == (1, 1)


def test_the_order_of_entries_does_not_matter() -> None:
    asked = json.encode(ASKED)
    ended = json.encode(ENDED)
    steps = [
        lambda fold: fold.add_run(NOW_MS, "run_1", asked, ended),
        lambda fold: fold.add_receipt(NOW_MS, "run_1", "written", "stop"),
        lambda fold: fold.add_receipt(NOW_MS, "run_1", "client_left", None),
    ]
    reports = set()
    for order in permutations(steps[:2]):
        fold = SloFold()
        for step in (*order, steps[2]):
            step(fold)
        reports.add(str(report(fold, NOW_MS).levels))
    assert len(reports) == 1


def test_two_folds_of_some_entries_each_say_together_what_one_fold_says() -> None:
    told = Told()
    loop(told, brings=EndReason.STOP)
    lost = told.run(EndReason.WORKER_LOST, None)
    told.run(attempt=2, again_of=lost)
    told.run(EndReason.TOOL_CALLS, calls=("c" * 32,))
    told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, results=(("c" * 32, "x"),))
    refused = refusal_bytes(refusal(end_reason=EndReason.OVERLOADED))
    told.tell(lambda fold: fold.add_refusal(NOW_MS, refused))
    told.tell(lambda fold: fold.add_unreadable(NOW_MS))
    expected = told.report()
    for division in range(0, 2 ** len(told.steps), 37):  # some 200 of all, with each step on both sides
        folds = SloFold(), SloFold()
        for place, step in enumerate(told.steps):
            step(folds[division >> place & 1])
        folds[0].take_in(folds[1])
        assert report(folds[0], NOW_MS) == expected


def test_levels_are_given_for_all_and_by_client_and_for_one_channel_alone() -> None:
    told = Told()
    told.run()
    told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, client="codex", channel=Channel.CANARY)
    assert told.level("success", "codex").verdict is Verdict.BREACH
    assert told.level("success", "opencode").verdict is Verdict.OK
    assert told.level("success").verdict is Verdict.BREACH
    stable = {level.client for level in told.report(Channel.STABLE).levels}
    assert stable == {"all", "opencode"}


def test_a_refusal_by_a_worker_counts_for_that_one_s_channel() -> None:
    told = Told()
    told.run()
    told.fold.add_refusal(
        NOW_MS, refusal_bytes(refusal(end_reason=EndReason.OVERLOADED, worker_channel=Channel.CANARY))
    )
    (level,) = [each for each in told.report(Channel.STABLE).levels if each.name == "success"][:1]
    assert level.verdict is Verdict.OK
    assert told.level("success").verdict is Verdict.BREACH


def test_burn_rates_are_of_the_last_minutes_alone() -> None:
    told = Told()
    for _ in range(98):
        told.run(at_ms=NOW_MS - 30 * MINUTE_MS)
    told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, at_ms=NOW_MS - 30 * MINUTE_MS)
    told.run(at_ms=NOW_MS)
    level = told.level("success")
    assert level.burn["5m"] == 0
    assert level.burn["1h"] == pytest.approx(1.0)
    assert told.level("loop_closure").burn == {"5m": None, "1h": None}


def test_what_is_older_than_a_day_counts_for_nothing_and_is_let_go_of() -> None:
    told = Told()
    told.run(at_ms=NOW_MS - DAY_MS)
    told.run(EndReason.TOOL_CALLS, None, at_ms=NOW_MS - DAY_MS, calls=("a" * 32,))
    told.run(at_ms=NOW_MS - DAY_MS, results=(("c" * 32, "x"),))
    told.fold.add_receipt(NOW_MS - DAY_MS, "run_early", "written", "stop")
    assert told.report().levels == ()
    told.fold.forget_before(NOW_MS - DAY_MS + MINUTE_MS)
    assert told.fold == SloFold()


def test_the_fold_that_is_kept_is_the_fold_that_was_made() -> None:
    told = Told()
    loop(told)
    told.run(EndReason.STOP, None)
    kept = json.decode(json.encode(told.fold), type=SloFold)
    assert kept == told.fold
    loop(told, asks=False, brings=EndReason.STOP)
    assert told.counts("loop_closure") == (1, 1)


def shares(told: Told, channel: Channel, good: int, bad: int) -> None:
    for _ in range(good):
        told.run(channel=channel)
    for _ in range(bad):
        told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, channel=channel)


def test_of_one_channel_alone_there_is_no_drift() -> None:
    told = Told()
    shares(told, Channel.STABLE, 5, 5)
    assert told.report().drift is None


@pytest.mark.parametrize(
    ("stable", "canary", "verdict"),
    [
        ((990, 10), (990, 10), Verdict.OK),
        ((990, 10), (800, 200), Verdict.BREACH),
        ((10, 0), (8, 2), Verdict.UNSURE),
        ((990, 10), (3, 0), Verdict.UNSURE),
    ],
)
def test_the_drift_is_judged_by_the_bounds_of_its_confidence(
    stable: tuple[int, int], canary: tuple[int, int], verdict: Verdict
) -> None:
    told = Told()
    shares(told, Channel.STABLE, *stable)
    shares(told, Channel.CANARY, *canary)
    drift = told.report().drift
    assert drift is not None
    assert drift.verdict is verdict
    assert 0 <= drift.least <= drift.most <= 1


def test_the_verdict_is_the_worst_of_all() -> None:
    told = Told()
    assert told.report().verdict is Verdict.NOTHING
    told.run()
    assert told.report().verdict is Verdict.OK
    told.run(channel=Channel.CANARY)
    assert told.report().verdict is Verdict.UNSURE
    told.run(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN)
    assert told.report().verdict is Verdict.BREACH

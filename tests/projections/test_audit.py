"""The tally over audit entries."""

from itertools import permutations
from typing import Any

import pytest
from refusal_entries import counted, refusal
from session_scripts import accept

from mix2api.events.audit_entry import end_summary, request_summary
from mix2api.events.kinds import End
from mix2api.events.refusal_entry import RefusalCount, refusal_bytes
from mix2api.projections.audit import Dimension, Figures, Tally
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.vocabulary import SUCCESSES, Channel, EndReason, Receipt, RunId


def asked(**fields: Any) -> bytes:
    return request_summary(accept(**fields).request)


def ended(reason: EndReason = EndReason.STOP, status: int = 200, upstream: int | None = 200) -> bytes:
    return end_summary(
        End(
            run_id=RunId("run_1"),
            seq=2,
            end_reason=reason,
            http_status=status,
            upstream_status=upstream,
            total_ms=1,
        )
    )


def test_an_empty_tally_has_nothing_to_cover() -> None:
    report = Tally().report()
    assert (report.total.requests, report.total.coverage, report.total.done_coverage) == (0, None, None)
    assert report.groups == ()


def test_every_run_is_counted_once_under_its_reason() -> None:
    tally = Tally()
    for number, reason in enumerate(EndReason):
        tally.add_run(f"run_{number}", asked(), ended(reason))
    total = tally.report().total
    assert total.requests == total.ended == len(EndReason)
    assert list(total.by_end_reason) == [reason.value for reason in EndReason]
    assert (total.unknown, total.coverage) == (1, 16 / 17)


def test_a_running_run_is_no_lack_of_coverage_and_an_orphan_is() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended())
    tally.add_open(asked(), alive=True)
    assert tally.report().total.coverage == 1
    tally.add_open(asked(), alive=False)
    total = tally.report().total
    assert (total.requests, total.open, total.orphans, total.coverage) == (3, 2, 1, 0.5)


def test_what_cannot_be_read_is_a_request_that_nothing_is_known_of() -> None:
    tally = Tally()
    tally.add_run("run_1", b"damaged", ended())
    tally.add_run("run_2", asked(), b"damaged")
    tally.add_open(b"damaged", alive=True)
    tally.add_run("run_3", asked(), ended())
    report = tally.report()
    assert (report.unreadable, report.total.requests, report.total.coverage) == (3, 4, 0.25)


def tally_of(reason: EndReason, receipt: str, told: EndReason | None, **fields: Any) -> Figures:
    """The figures of one run, the same in whatever order its two entries come."""
    found = []
    for order in permutations(("run", "receipt")):
        tally = Tally()
        for entry in order:
            if entry == "run":
                tally.add_run("run_1", asked(**fields), ended(reason))
            else:
                tally.add_receipt("run_1", receipt, told)
        found.append(tally.report().total)
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("receipt", [Receipt.WRITTEN, Receipt.END_UNACKED])
@pytest.mark.parametrize("reason", sorted(SUCCESSES))
def test_a_good_end_whose_finish_was_written_is_a_success(receipt: Receipt, reason: EndReason) -> None:
    for stream in (True, False):
        total = tally_of(reason, receipt, reason, stream=stream)
        assert (total.success, total.success_rate, total.broken) == (1, 1.0, 0)
        assert total.done_coverage == (1.0 if stream else None)


@pytest.mark.parametrize("stream", [True, False])
def test_a_good_end_whose_client_was_given_a_failure_is_a_broken_stream(*, stream: bool) -> None:
    for receipt in (Receipt.ERROR_WRITTEN, Receipt.END_UNACKED):
        total = tally_of(EndReason.STOP, receipt, EndReason.WORKER_LOST, stream=stream)
        assert (total.success, total.mismatched, total.broken) == (0, 1, 1)
        assert (total.success_rate, total.done_coverage) == (0.0, 0.0 if stream else None)
        assert total.by_end_reason == {"worker_lost": 1}, "the run counts as what the client saw"


def test_a_failing_end_whose_client_was_given_a_finish_is_a_broken_stream() -> None:
    total = tally_of(EndReason.WORKER_LOST, Receipt.END_UNACKED, EndReason.LENGTH)
    assert (total.success, total.mismatched, total.broken, total.done_coverage) == (0, 1, 1, 0.0)
    assert total.by_end_reason == {"length": 1}


def test_a_failure_told_in_other_words_is_counted_and_is_no_broken_stream() -> None:
    total = tally_of(EndReason.WORKER_LOST, Receipt.ERROR_WRITTEN, EndReason.UNAVAILABLE)
    assert (total.reworded, total.broken, total.done_coverage) == (1, 0, 1.0)
    assert total.by_end_reason == {"unavailable": 1}


def test_a_failing_end_that_was_written_is_done_and_is_no_success() -> None:
    total = tally_of(EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, EndReason.TIMEOUT)
    assert (total.success, total.success_rate, total.broken, total.done_coverage) == (0, 0.0, 0, 1.0)


def test_a_failing_end_without_a_receipt_is_not_called_a_broken_stream() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended(EndReason.WORKER_LOST))
    total = tally.report().total
    assert (total.no_receipt, total.broken, total.success_rate, total.done_coverage) == (0, 0, 0.0, 0.0)


def test_the_success_rate_leaves_out_what_the_client_itself_caused() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended())
    tally.add_receipt("run_1", Receipt.WRITTEN, EndReason.STOP)
    for number, reason in enumerate((EndReason.CLIENT_ABORT, EndReason.SUPERSEDED)):
        tally.add_run(f"run_client_{number}", asked(), ended(reason))
    tally.add_run("run_left", asked(), ended())
    tally.add_receipt("run_left", Receipt.CLIENT_LEFT)
    tally.add_run("run_first", asked(), ended(EndReason.UPSTREAM_ERROR))
    tally.add_receipt("run_first", Receipt.RERUN)
    assert tally.report().total.success_rate == 1.0
    tally.add_run("run_2", asked(), ended(EndReason.UPSTREAM_ERROR))
    assert tally.report().total.success_rate == 0.5


@pytest.mark.parametrize("order", list(permutations(("run_1", "run_2", "receipt"))))
def test_a_run_that_a_later_one_repeats_is_passed_over_with_and_without_a_receipt(
    order: tuple[str, ...],
) -> None:
    for has_receipt in (True, False):
        tally = Tally()
        for entry in order:
            if entry == "run_1":
                tally.add_run(entry, asked(), ended(EndReason.WORKER_LOST))
            elif entry == "run_2":
                tally.add_run(entry, asked(attempt=2, again_of=RunId("run_1")), ended())
            elif has_receipt:
                tally.add_receipt("run_1", Receipt.RERUN)
        tally.add_receipt("run_2", Receipt.WRITTEN, EndReason.STOP)
        total = tally.report().total
        assert (total.ended, total.success, total.success_rate, total.done_coverage) == (2, 1, 1.0, 1.0)


def test_a_report_may_be_asked_for_while_receipts_still_come() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended())
    assert tally.report().total.no_receipt == 1
    tally.add_receipt("run_1", Receipt.WRITTEN, EndReason.STOP)
    assert (tally.report().total.no_receipt, tally.report().total.success) == (0, 1)


def test_a_broken_stream_is_grouped_by_what_its_client_saw() -> None:
    tally = Tally(by=(Dimension.CLIENT, Dimension.END_REASON))
    tally.add_run("run_1", asked(client="codex"), ended())
    tally.add_receipt("run_1", Receipt.ERROR_WRITTEN, EndReason.WORKER_LOST)
    (group,) = tally.report().groups
    assert group.by == {"client": "codex", "end_reason": "worker_lost"}
    assert group.figures.mismatched == 1


@pytest.mark.parametrize(
    ("reason", "receipt", "seen"),
    [
        (EndReason.STOP, Receipt.WRITTEN, Judged(EndReason.STOP, Seen.AS_RECORDED)),
        (EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, Judged(EndReason.TIMEOUT, Seen.AS_RECORDED)),
        (EndReason.STOP, Receipt.END_UNACKED, Judged(EndReason.STOP, Seen.AS_RECORDED)),
        (EndReason.STOP, Receipt.ERROR_WRITTEN, Judged(EndReason.WORKER_LOST, Seen.FAILURE_TOLD)),
        (EndReason.TIMEOUT, Receipt.WRITTEN, Judged(EndReason.STOP, Seen.FINISH_TOLD)),
    ],
)
def test_a_receipt_of_an_older_version_tells_at_least_finish_or_failure(
    reason: EndReason, receipt: Receipt, seen: Judged
) -> None:
    assert judged(reason, receipt, None) == seen
    assert judged(reason, receipt, "a later reason") == seen


def test_a_stream_without_a_receipt_is_not_done() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended())
    total = tally.report().total
    assert (total.done_coverage, total.no_receipt, total.broken, total.success) == (0, 1, 1, 0)


def test_a_receipt_of_a_newer_version_is_no_proof() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended())
    tally.add_receipt("run_1", "hovering")
    assert tally.report().total.done_coverage == 0


def test_only_the_first_receipt_of_a_run_counts() -> None:
    tally = Tally()
    tally.add_run("run_1", asked(), ended())
    for _ in range(2):
        tally.add_receipt("run_1", Receipt.WRITTEN)
    tally.add_receipt("run_2", Receipt.WRITTEN)
    tally.add_receipt("run_2", Receipt.CLIENT_LEFT)
    tally.add_run("run_2", asked(), ended())
    assert tally.report().total.done_coverage == 1


def test_streams_whose_client_left_and_answers_in_one_piece_are_left_out() -> None:
    tally = Tally()
    tally.add_run("run_left", asked(), ended())
    tally.add_receipt("run_left", Receipt.CLIENT_LEFT)
    tally.add_run("run_aborted", asked(), ended(EndReason.CLIENT_ABORT, 499))
    tally.add_receipt("run_aborted", Receipt.CLIENT_LEFT)
    tally.add_run("run_json", asked(stream=False), ended())
    tally.add_receipt("run_json", Receipt.WRITTEN)
    total = tally.report().total
    assert (total.ended, total.done_coverage) == (3, None)


def test_refused_requests_are_summed_and_are_no_requests() -> None:
    tally = Tally()
    tally.add_refused(2)
    tally.add_refused(5)
    report = tally.report()
    assert (report.refused_store_away, report.total.requests) == (7, 0)


def test_requests_that_were_refused_are_counted_by_reason_and_their_damage_is_told() -> None:
    tally = Tally()
    flood = RefusalCount(
        at_ms=1,
        end_reason=EndReason.AUTH_ERROR,
        detail=None,
        http_status=401,
        channel=Channel.STABLE,
        by_client=(counted(7, "curl", stream=None, tools_present=None),),
    )
    tally.add_refusal_count(refusal_bytes(flood))
    tally.add_refusal(refusal_bytes(refusal()))
    tally.add_refusal(b"damaged")
    tally.add_refusal_count(b"damaged")
    report = tally.report()
    assert (report.refused, report.unreadable) == (8, 2)
    assert list(report.refused_by_end_reason.items()) == [("invalid_request", 1), ("auth_error", 7)]


def test_groups_have_the_values_of_every_dimension_the_largest_first() -> None:
    tally = Tally(by=tuple(Dimension))
    tally.add_open(asked(client="curl"), alive=False)
    fields = {
        "client": "codex",
        "model": "m",
        "channel": Channel.CANARY,
        "tools_present": True,
        "stream": False,
    }
    for number in range(2):
        tally.add_run(f"run_{number}", asked(**fields), ended(EndReason.TIMEOUT, 504, None))
    report = tally.report()
    assert [dict(group.by) for group in report.groups] == [
        {
            "client": "codex",
            "stream": False,
            "model": "m",
            "channel": "canary",
            "tools_present": True,
            "end_reason": "timeout",
            "http_status": 504,
            "upstream_status": None,
        },
        {
            "client": "curl",
            "stream": True,
            "model": "mix/qwen-3-235b-instruct",
            "channel": "stable",
            "tools_present": False,
            "end_reason": None,
            "http_status": None,
            "upstream_status": None,
        },
    ]
    assert [group.figures.requests for group in report.groups] == [2, 1]


def test_the_groups_add_up_to_the_total() -> None:
    tally = Tally(by=(Dimension.CLIENT, Dimension.END_REASON))
    for number, reason in enumerate(sorted(SUCCESSES) * 3):
        run_id = f"run_{number}"
        tally.add_run(run_id, asked(client=("codex", "curl")[number % 2]), ended(reason))
        tally.add_receipt(run_id, Receipt.WRITTEN if number % 3 else Receipt.CLIENT_LEFT)
    tally.add_open(asked(client="curl"), alive=False)
    report = tally.report()

    def summed(figure: str) -> int:
        return sum(getattr(group.figures, figure) for group in report.groups)

    for figure in ("requests", "ended", "open", "orphans", "unknown"):
        assert summed(figure) == getattr(report.total, figure)
    assert isinstance(report.total, Figures)
    assert report.total.done_coverage == 1


def test_what_the_store_passed_over_counts_as_unreadable() -> None:
    tally = Tally()
    tally.add_damaged(3)
    report = tally.report()
    assert (report.unreadable, report.total.requests, report.total.coverage) == (3, 3, 0.0)

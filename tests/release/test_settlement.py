"""From audit entries to trials."""

from itertools import permutations
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace
from projections.test_traffic import ASKED, ENDED
from refusal_entries import refusal
from release_trials import refusals

from mix2api.events.audit_entry import EndSummary, RequestSummary
from mix2api.release.settlement import GRACE_MS, Settlement
from mix2api.release.trials import Cell, Origin, Trial
from mix2api.vocabulary import Channel, EndReason, Receipt

STEP_MS = ASKED.at_ms
SOON = 10**15


class Told:
    """A settlement that is told runs with short words."""

    def __init__(self) -> None:
        self.settlement = Settlement(STEP_MS)
        self.runs = 0

    def run(
        self,
        end_reason: EndReason = EndReason.STOP,
        receipt: Receipt | None = Receipt.WRITTEN,
        *,
        told: EndReason | None = None,
        at_ms: int = STEP_MS + 10,
        **fields: Any,
    ) -> str:
        """One run and its receipt; `fields` are the summaries' own."""
        self.runs += 1
        run_id = f"run_{self.runs}"
        asked = {name: value for name, value in fields.items() if name in RequestSummary.__struct_fields__}
        ended = {name: value for name, value in fields.items() if name in EndSummary.__struct_fields__}
        known = {"turn": f"turn_{self.runs}", "session_age_ms": 0} | asked
        request = json.encode(replace(ASKED, **known))
        end = json.encode(replace(ENDED, end_reason=end_reason, **ended))
        self.settlement.add_run(at_ms, run_id, f"ses_{self.runs}", request, end)
        if receipt is not None:
            self.settlement.add_receipt(at_ms, run_id, receipt.value, (told or end_reason).value)
        return run_id

    def trials(self, until_ms: int = SOON) -> list[Trial]:
        return self.settlement.drain(until_ms)

    def one(self) -> Trial:
        (trial,) = self.trials()
        return trial


def test_a_run_whose_finish_was_written_is_served() -> None:
    told = Told()
    told.run(channel=Channel.CANARY, first_token_ms=120, session_age_ms=0, results=(("c", "d"),))
    trial = told.one()
    assert (trial.canary, trial.asked, trial.served, trial.stayed, trial.done) == (
        True,
        True,
        True,
        True,
        True,
    )
    assert (trial.broken, trial.is_bad, trial.brings_results, trial.first_token_ms) == (
        False,
        False,
        True,
        120,
    )
    assert trial.cell == Cell(ASKED.client, ASKED.stream, ASKED.tools_present)
    assert (trial.session, trial.turn, trial.continued) == ("ses_1", "turn_1", False)


def test_the_edge_is_of_the_worker_s_channel_unless_the_entry_names_another() -> None:
    told = Told()
    told.run(channel=Channel.CANARY)
    told.run(channel=Channel.STABLE, edge_channel=Channel.CANARY)
    told.run(channel=Channel.CANARY, edge_channel=Channel.STABLE)
    told.run(channel=Channel.STABLE)
    trials = told.trials()
    assert [(each.canary, each.edge_canary) for each in trials] == [
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]
    assert [each.touches_canary for each in trials] == [True, True, True, False]


@pytest.mark.parametrize(
    ("end_reason", "receipt", "told_reason", "broken", "done"),
    [
        (EndReason.TIMEOUT, Receipt.ERROR_WRITTEN, EndReason.TIMEOUT, False, True),
        (EndReason.STOP, Receipt.ERROR_WRITTEN, EndReason.WORKER_LOST, True, False),
        (EndReason.STOP, None, None, True, False),
        (EndReason.TIMEOUT, None, None, False, False),
    ],
)
def test_what_the_client_did_not_get_is_bad(
    end_reason: EndReason, receipt: Receipt | None, told_reason: EndReason | None, *, broken: bool, done: bool
) -> None:
    told = Told()
    told.run(end_reason, receipt, told=told_reason)
    trial = told.one()
    assert (trial.is_bad, trial.broken, trial.done) == (True, broken, done)


def test_a_clients_own_doing_is_neither_good_nor_bad_and_counts_for_the_drift() -> None:
    told = Told()
    told.run(EndReason.CLIENT_ABORT, Receipt.CLIENT_LEFT)
    told.run(EndReason.BUDGET_REJECTED, Receipt.ERROR_WRITTEN)
    aborted, refused = told.trials()
    assert (aborted.asked, aborted.stayed, aborted.is_bad) == (False, False, False)
    assert (refused.asked, refused.is_bad) == (False, False)


def test_a_run_that_another_one_answers_or_whose_client_left_before_its_good_end_is_no_trial() -> None:
    told = Told()
    told.run(EndReason.WORKER_LOST, Receipt.RERUN)
    told.run(EndReason.STOP, Receipt.CLIENT_LEFT)
    assert told.trials() == []


@pytest.mark.parametrize("is_older", [True, False])
def test_a_run_that_a_later_one_repeats_is_no_trial_though_its_receipt_was_lost(*, is_older: bool) -> None:
    """Also where an older process wrote the later one, so that it cannot be compared."""
    told = Told()
    first = told.run(EndReason.WORKER_LOST, None)
    told.run(attempt=2, again_of=first, turn=None if is_older else "turn_9")
    assert [trial.reason for trial in told.trials()] == ([] if is_older else [EndReason.STOP])


@pytest.mark.parametrize(
    ("since_ms", "age_ms", "origin"),
    [
        (STEP_MS, 0, Origin.FRESH),
        (STEP_MS - 500, 500, Origin.CONTINUED),
        (STEP_MS - 500, 501, Origin.CARRIED),
        (STEP_MS, 5, Origin.CARRIED),
    ],
)
def test_a_turn_comes_from_a_session_that_it_opened_or_one_since_the_step_or_an_older_one(
    since_ms: int, age_ms: int, origin: Origin
) -> None:
    told = Told()
    told.settlement.since_ms = since_ms
    told.run(session_age_ms=age_ms)
    trial = told.one()
    assert (trial.origin, trial.carried) == (origin, origin is Origin.CARRIED)


def test_a_turn_that_was_asked_before_the_step_does_not_count_though_it_ended_after_it() -> None:
    told = Told()
    told.settlement.since_ms = STEP_MS + 1
    told.run(session_age_ms=0, at_ms=STEP_MS + 60_000)
    assert told.trials() == []


def test_runs_that_an_older_process_wrote_are_counted_by_channel() -> None:
    told = Told()
    told.run(turn=None)
    told.run(session_age_ms=None)
    told.run(session_age_ms=None, channel=Channel.CANARY)
    assert told.trials() == []
    assert told.settlement.unplaced == {Channel.STABLE: 2, Channel.CANARY: 1}


def test_what_cannot_be_read_is_counted() -> None:
    told = Told()
    told.settlement.add_run(1, "run_x", "ses_x", b"damaged", json.encode(ENDED))
    told.settlement.add_run(1, "run_x", "ses_x", json.encode(ASKED), b"damaged")
    assert told.settlement.unreadable == 2


def test_without_a_receipt_a_run_counts_once_its_grace_is_over() -> None:
    told = Told()
    told.run(receipt=None, at_ms=STEP_MS + 10)
    assert told.trials(STEP_MS + 9 + GRACE_MS) == []
    (trial,) = told.trials(STEP_MS + 10 + GRACE_MS)
    assert (trial.at_ms, trial.broken) == (STEP_MS + 10 + GRACE_MS, True)


def test_a_receipt_that_belongs_to_no_run_is_forgotten_after_the_grace() -> None:
    told = Told()
    told.settlement.add_receipt(STEP_MS, "run_1", Receipt.WRITTEN, EndReason.STOP)
    told.trials(STEP_MS + GRACE_MS)
    told.run(receipt=None, at_ms=STEP_MS + 20)
    assert told.one().broken


def test_entries_in_any_order_give_the_same_trials_in_the_same_order() -> None:
    def first(settlement: Settlement) -> None:
        settlement.add_run(STEP_MS + 1, "run_a", "ses_a", request, json.encode(ENDED))

    def second(settlement: Settlement) -> None:
        settlement.add_run(STEP_MS + 2, "run_b", "ses_b", request, json.encode(ENDED))

    def receipt_of_first(settlement: Settlement) -> None:
        settlement.add_receipt(STEP_MS + 3, "run_a", Receipt.WRITTEN, ENDED.end_reason)

    def receipt_of_second(settlement: Settlement) -> None:
        settlement.add_receipt(STEP_MS + 2, "run_b", Receipt.WRITTEN, ENDED.end_reason)

    request = json.encode(replace(ASKED, turn="t", session_age_ms=0))
    found = []
    for order in permutations([first, second, receipt_of_first, receipt_of_second]):
        settlement = Settlement(STEP_MS)
        for tell in order:
            tell(settlement)
        found.append(settlement.drain(SOON))
    assert [(each.run_id, each.at_ms) for each in found[0]] == [
        ("run_b", STEP_MS + 2),
        ("run_a", STEP_MS + 3),
    ]
    assert all(each == found[0] for each in found)


def test_trials_of_a_later_stretch_wait_for_it() -> None:
    told = Told()
    told.run(at_ms=STEP_MS + 10)
    told.run(at_ms=STEP_MS + 5_010)
    assert [each.at_ms for each in told.trials(STEP_MS + 5_000)] == [STEP_MS + 10]
    assert [each.at_ms for each in told.trials()] == [STEP_MS + 5_010]


def test_refusals_by_our_own_fault_since_the_step_come_out_up_to_a_moment() -> None:
    settlement = Settlement(STEP_MS)
    full = refusal(channel=Channel.CANARY, end_reason=EndReason.OVERLOADED)
    settlement.add_refusals(STEP_MS - 1, full)
    settlement.add_refusals(STEP_MS, full, 7)
    settlement.add_refusals(STEP_MS + 5, refusal(end_reason=EndReason.UNAVAILABLE))
    settlement.add_refusals(STEP_MS, refusal(channel=Channel.CANARY, end_reason=EndReason.INVALID_REQUEST))
    assert settlement.drain_refused(STEP_MS) == [refusals(STEP_MS, edge_canary=True, requests=7)]
    assert settlement.drain_refused(SOON) == [refusals(STEP_MS + 5)]
    assert settlement.drain_refused(SOON) == []


def test_a_refusal_by_the_worker_of_the_other_channel_counts_against_that_one() -> None:
    settlement = Settlement(STEP_MS)
    settlement.add_refusals(STEP_MS, refusal(end_reason=EndReason.OVERLOADED, worker_channel=Channel.CANARY))
    assert settlement.drain_refused(STEP_MS) == [refusals(STEP_MS, worker_canary=True)]

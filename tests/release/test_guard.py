"""The guard's verdict over blocks of trials."""

from typing import Any

import pytest
from release_trials import trial, trials

from mix2api.release.guard import Guard, Policy, Verdict
from mix2api.release.guard_beat import Decision
from mix2api.release.trials import Metric, Trial
from mix2api.vocabulary import EndReason


def judged(*blocks: list[Trial], **policy: Any) -> Verdict:
    guard = Guard(Policy(**policy))
    for block in blocks:
        guard.take(block)
    return guard.verdict()


def test_without_trials_it_waits() -> None:
    verdict = judged()
    assert (verdict.decision, verdict.findings) == (Decision.WAIT, ())
    assert verdict.log_e == pytest.approx(0)


def test_a_canary_that_serves_as_well_as_stable_may_go_on_once_a_regression_is_ruled_out() -> None:
    few = judged(trials(400, 2, 20, 0), trials(400, 2, 20, 0))
    assert (few.decision, few.why) == (Decision.WAIT, "a regression of 5 points is not ruled out yet")
    more = judged(*[trials(400, 2, 40, 0)] * 4)
    assert (more.decision, more.why) == (Decision.GO_ON, "a regression of 5 points is ruled out")


def test_a_smaller_regression_takes_more_turns_to_rule_out() -> None:
    blocks = [trials(400, 2, 40, 0)] * 4
    assert judged(*blocks, points=0.05).ruled_out > judged(*blocks, points=0.01).ruled_out > 0


def test_stable_that_mostly_fails_rules_nothing_out() -> None:
    assert judged(*[trials(1_500, 1_500, 40, 40) for _ in range(2)]).ruled_out == 0


def test_a_canary_that_is_worse_is_rolled_back_and_the_reason_names_test_and_counts() -> None:
    verdict = judged(*[trials(95, 0, 5, 2) for _ in range(6)])
    assert verdict.decision is Decision.ROLL_BACK
    assert verdict.why == "success of all: 6 of 15 on the canary, 0 of 285 on stable"


def test_an_alarm_stands_whatever_comes_after_it() -> None:
    guard = Guard(Policy())
    for _ in range(6):
        guard.take(trials(95, 0, 5, 3))
    alarm = guard.alarm
    for _ in range(50):
        guard.take(trials(95, 0, 5, 0))
    assert guard.alarm == alarm is not None


def test_what_looks_worse_and_is_not_certain_waits() -> None:
    verdict = judged(*[trials(400, 2, 40, 0)] * 8, trials(95, 0, 10, 4), points=0.3)
    assert (verdict.decision, verdict.why) == (Decision.WAIT, "the canary looks worse, and it is not certain")


def test_an_outage_of_the_site_that_hits_both_channels_is_no_alarm() -> None:
    verdict = judged(*[trials(95, 1, 5, 0) for _ in range(20)], *[trials(95, 76, 5, 4) for _ in range(20)])
    assert verdict.decision is not Decision.ROLL_BACK


def test_one_turn_that_is_resent_for_ever_is_no_alarm() -> None:
    blocks = [[*trials(95, 0, 4, 0), trial(canary=True, bad=True, turn="same")] for _ in range(60)]
    assert judged(*blocks).decision is not Decision.ROLL_BACK


def test_a_candidate_whose_edge_breaks_streams_is_found_though_stable_workers_ran_them() -> None:
    blocks = [
        [*trials(60, 0, 0, 0), *[trial(edge_canary=True, bad=number < 4) for number in range(20)]]
        for _ in range(6)
    ]
    verdict = judged(*blocks)
    assert verdict.decision is Decision.ROLL_BACK
    assert verdict.why.startswith("success of all by edge: ")


def test_ends_for_other_reasons_are_a_finding_though_all_of_them_are_good() -> None:
    blocks = [
        [*trials(60, 0, 0, 0), *trials(0, 0, 40, 0, reason=EndReason.LENGTH), trial(reason=EndReason.LENGTH)]
        for _ in range(4)
    ]
    verdict = judged(*blocks)
    assert verdict.decision is Decision.ROLL_BACK
    assert verdict.why.startswith(f"{Metric.DRIFT}/")


def test_three_adapter_errors_of_one_class_within_ten_minutes_stop_at_once() -> None:
    def fault(at_ms: int, name: str = "KeyError", *, canary: bool = True) -> list[Trial]:
        return [trial(canary=canary, bad=True, reason=EndReason.ADAPTER_ERROR, detail=name, at_ms=at_ms)]

    assert judged(fault(0), fault(1), fault(2)).why == (
        "3 turns of the canary ended in adapter_error KeyError within ten minutes; at stable's rate there would be 0.0"
    )
    assert judged(fault(0), fault(1), fault(2, "TypeError")).decision is Decision.WAIT
    assert judged(fault(0), fault(1), fault(700_000)).decision is Decision.WAIT
    alike = [
        fault(0, canary=False),
        fault(0),
        fault(1, canary=False),
        fault(1),
        fault(2, canary=False),
        fault(2),
    ]
    assert judged(*alike).decision is Decision.WAIT


def test_an_end_that_nobody_can_explain_stops_the_canary_and_not_stable() -> None:
    unknown = {"bad": True, "reason": EndReason.UNKNOWN}
    assert judged([trial(**unknown)]).decision is Decision.WAIT
    verdict = judged([trial(canary=True, run_id="run_x", **unknown)])
    assert verdict.decision is Decision.ROLL_BACK
    assert verdict.why == "run run_x of the canary ended without a known reason"


def test_a_canary_without_a_process_is_dead_and_the_first_stop_is_the_one_that_is_told() -> None:
    guard = Guard(Policy())
    for at_ms, lives in (
        (0, True),
        (1, False),
        (30_000, False),
        (30_001, True),
        (40_000, False),
        (69_999, False),
    ):
        guard.stops.look(at_ms, canary_lives=lives)
        assert guard.verdict().decision is Decision.WAIT
    guard.stops.look(70_000, canary_lives=False)
    why = "no process of the canary channel has shown a heartbeat for 30 s"
    assert guard.verdict().why == why
    guard.take([trial(canary=True, bad=True, reason=EndReason.UNKNOWN)])
    assert guard.verdict().why == why


def test_a_block_without_trials_changes_nothing() -> None:
    guard = Guard(Policy())
    guard.take([])
    assert guard.verdict() == judged()

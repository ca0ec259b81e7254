"""The guard's verdict over blocks of trials."""

from collections.abc import Iterator
from math import exp
from typing import Any

import pytest
from attrs import evolve
from release_trials import STREAMS, WHOLE, trial, trials

from mix2api.release.draws import Draws
from mix2api.release.guard import Guard, Policy, Verdict
from mix2api.release.guard_beat import Decision
from mix2api.release.trials import Cell, Metric, Trial
from mix2api.vocabulary import EndReason

PLAIN = Cell("opencode", stream=True, tools=False)
OTHER = Cell("codex", stream=True, tools=True)


def judged(*blocks: list[Trial], **policy: Any) -> Verdict:
    guard = Guard(Policy(**policy))
    for block in blocks:
        guard.take(block)
    return guard.verdict()


def traffic(
    seed: int, blocks: int, *, broken: Cell | None = None, slower: float = 1.0
) -> Iterator[list[Trial]]:
    """Blocks of a hundred turns, a fifth of them on the canary, of which one cell or none breaks one stream in ten there."""
    draws = Draws(seed)
    for _ in range(blocks):
        block = []
        for _ in range(100):
            cell, canary = draws.choice([STREAMS, PLAIN, OTHER, WHOLE]), draws.uniform() < 0.2
            bad = draws.uniform() < (0.1 if canary and cell == broken else 0.005)
            time_ms = exp(6.7 + 0.6 * draws.normal()) * (slower if canary else 1)
            block.append(
                trial(canary=canary, bad=bad, cell=cell, first_token_ms=None if bad else int(time_ms))
            )
        yield block


def first_alarm(blocks: Iterator[list[Trial]]) -> tuple[int, str]:
    guard = Guard(Policy())
    for number, block in enumerate(blocks):
        guard.take(block)
        if guard.alarm is not None:
            return number, guard.alarm
    return -1, ""


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


def test_a_candidate_that_breaks_the_tool_streams_of_one_client_alone_is_found_in_its_cell() -> None:
    number, alarm = first_alarm(traffic(1, 400, broken=STREAMS))
    assert 0 < number < 400
    assert "of all" in alarm or "opencode/stream/tools" in alarm
    guard = Guard(Policy())
    for block in traffic(1, number, broken=STREAMS):
        guard.take(block)
    cells = [each for each in guard.verdict().findings if "/" in each.scope]
    assert cells[0].scope == STREAMS.word


def test_a_candidate_whose_first_token_takes_a_fifth_longer_is_found_by_its_times() -> None:
    number, alarm = first_alarm(traffic(2, 400, slower=1.2))
    assert 0 < number < 400
    assert alarm.startswith("first_token_median")


def test_channels_that_are_alike_give_no_alarm_and_the_same_trials_the_same_verdict() -> None:
    first, again = judged(*traffic(3, 60)), judged(*traffic(3, 60))
    assert first.decision is Decision.GO_ON
    assert (first.log_e, first.ruled_out) == (again.log_e, again.ruled_out)
    assert [evolve(each) for each in first.findings] == list(again.findings)


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


def test_what_it_holds_does_not_grow_with_the_day() -> None:
    guard = Guard(Policy())
    for block in traffic(4, 40):
        guard.take(block)
    tests, bad = len(guard.workers.tests), len(guard.bad_runs)
    for block in traffic(5, 200):
        guard.take(block)
    assert len(guard.workers.tests) <= tests + 20
    assert bad <= len(guard.bad_runs) <= 50


def test_a_block_without_trials_changes_nothing() -> None:
    guard = Guard(Policy())
    guard.take([])
    assert guard.verdict() == judged()

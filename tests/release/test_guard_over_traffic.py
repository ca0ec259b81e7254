"""The guard's verdict over drawn traffic: blocks of a hundred turns, for as long as it takes."""

from collections.abc import Iterable, Iterator
from math import exp

from attrs import evolve
from release_trials import STREAMS, WHOLE, trial

from mix2api.release.draws import Draws
from mix2api.release.guard import Guard, Policy, Verdict
from mix2api.release.guard_beat import Decision
from mix2api.release.trials import Cell, Trial

PLAIN = Cell("opencode", stream=True, tools=False)
OTHER = Cell("codex", stream=True, tools=True)


def judged(blocks: Iterable[list[Trial]]) -> Verdict:
    guard = Guard(Policy())
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
    first, again = judged(traffic(3, 60)), judged(traffic(3, 60))
    assert first.decision is Decision.GO_ON
    assert (first.log_e, first.ruled_out) == (again.log_e, again.ruled_out)
    assert [evolve(each) for each in first.findings] == list(again.findings)


def test_what_it_holds_does_not_grow_with_the_day() -> None:
    guard = Guard(Policy())
    for block in traffic(4, 40):
        guard.take(block)
    tests, bad = len(guard.workers.tests), len(guard.bad_runs)
    for block in traffic(5, 200):
        guard.take(block)
    assert len(guard.workers.tests) <= tests + 20
    assert bad <= len(guard.bad_runs) <= 50

"""Simulated runs: 200 seeds of requests and a few with plans, each drawn anew and each the same whenever it is run."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from simulation.run import simulate
from simulation.simulate import outcome_of

_SEEDS: Final = 200
_FOUND: Final = (344, 50_489, 51_193, 52_359, 52_482, 62_706, 64_106)
"""Others that once showed a bug: of a turn that ran again as its shard went to another process the audit had nothing, or two
ends; a killed process took the receipt with it that says which of two runs answers (twice: once while the store was away); a second
run could not begin, and the first one was forgotten; a process that got a shard back ran what another one had answered."""
_PER_TEST: Final = 100
"""So many that each kind of ending and of fault is among them."""
_PLANS: Final = (12, 25)
"""Few: a run with plans costs as much as thirty without. `make simulate WORLD=plans` plays any number of them.
In 25 a wall clock that was set an hour ahead once had turns fail as stalled."""
_REPLAYED: Final = (5, 33)
_TESTS: Final = Path(__file__).parents[1]
_DIGESTS: Final = (
    "import sys; from simulation.run import simulate; from simulation.plan_world import PlanWorld; "
    "print(*(simulate(int(seed)).digest for seed in sys.argv[1:]), simulate(14, kind=PlanWorld).digest)"
)


@pytest.mark.parametrize("first", range(1, 1 + _SEEDS, _PER_TEST))
def test_what_must_hold_holds_whatever_a_seed_draws(first: int) -> None:
    outcomes = [outcome_of(seed) for seed in range(first, first + _PER_TEST)]
    assert [f"SEED={each.seed} {each.fault}" for each in outcomes if each.fault] == []
    seen = Counter(sight for each in outcomes for sight, _ in each.seen)
    assert {"finish", "failure", "cut", "left"} <= seen.keys()
    faults = {name for each in outcomes for name, _ in each.faults}
    assert {"kill", "pause", "lose_replies", "hold_the_store", "cut_the_site"} <= faults


def test_turns_plans_and_messages_are_counted_once_whatever_a_seed_draws() -> None:
    outcomes = [outcome_of(seed, "plans") for seed in _PLANS]
    assert [f"SEED={each.seed} {each.fault}" for each in outcomes if each.fault] == []
    assert {"COMPLETED", "FAILED", "CANCELLED"} <= {status for each in outcomes for status, _ in each.seen}
    faults = {name for each in outcomes for name, _ in each.faults}
    assert {"kill", "pause", "lose_replies", "hold_the_store", "take_the_store_away"} <= faults


@pytest.mark.parametrize("seed", _FOUND)
def test_what_a_seed_once_showed_stays_mended(seed: int) -> None:
    assert outcome_of(seed).fault is None


def test_a_seed_replays_to_the_byte_in_every_process() -> None:
    told, again = replayed("0"), replayed("77")
    assert told == again
    assert told[:-1] == [simulate(seed).digest for seed in _REPLAYED]


def replayed(hash_seed: str) -> list[str]:
    """The digests of runs in another process; the last one is of a run with plans."""
    command = [sys.executable, "-c", _DIGESTS, *map(str, _REPLAYED)]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_TESTS)}
    return subprocess.run(command, env=environ, capture_output=True, check=True, text=True).stdout.split()


def test_another_seed_is_another_run() -> None:
    assert simulate(5).digest != simulate(6).digest

"""Simulated runs: 200 seeds, each drawn anew and each the same whenever it is run."""

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
_FOUND: Final = (344, 50_489, 51_193, 52_359, 52_482)
"""Others that once showed a bug: of a turn that ran again as its shard went to another process the audit had nothing, or two
ends; a killed process took the receipt with it that says which of two runs answers (twice: once while the store was away)."""
_PER_TEST: Final = 100
"""So many that each kind of ending and of fault is among them."""
_TESTS: Final = Path(__file__).parents[1]
_DIGESTS: Final = (
    "import sys; from simulation.run import simulate; "
    "print(*(simulate(int(seed)).digest for seed in sys.argv[1:]))"
)


@pytest.mark.parametrize("first", range(1, 1 + _SEEDS, _PER_TEST))
def test_what_must_hold_holds_whatever_a_seed_draws(first: int) -> None:
    outcomes = [outcome_of(seed) for seed in range(first, first + _PER_TEST)]
    assert [f"SEED={each.seed} {each.fault}" for each in outcomes if each.fault] == []
    seen = Counter(sight for each in outcomes for sight, _ in each.seen)
    assert {"finish", "failure", "cut", "left"} <= seen.keys()
    faults = {name for each in outcomes for name, _ in each.faults}
    assert {"kill", "pause", "lose_replies", "hold_the_store", "cut_the_site"} <= faults


@pytest.mark.parametrize("seed", _FOUND)
def test_what_a_seed_once_showed_stays_mended(seed: int) -> None:
    assert outcome_of(seed).fault is None


@pytest.mark.parametrize("hash_seed", ["0", "77"])
def test_a_seed_replays_to_the_byte_in_every_process(hash_seed: str) -> None:
    seeds = [5, 33]
    command = [sys.executable, "-c", _DIGESTS, *map(str, seeds)]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_TESTS)}
    told = subprocess.run(command, env=environ, capture_output=True, check=True, text=True).stdout
    assert told.split() == [simulate(seed).digest for seed in seeds]


def test_another_seed_is_another_run() -> None:
    assert simulate(5).digest != simulate(6).digest

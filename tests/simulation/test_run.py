"""Simulated runs: 200 seeds, each drawn anew and each the same whenever it is run."""

import os
from typing import Final

import pytest
from simulation.run import simulate

SEEDS: Final = int(os.environ.get("SEEDS", "200"))
_FIRST: Final = int(os.environ.get("FIRST_SEED", "1"))
_PER_TEST: Final = 20
"""Seeds in one test: a failure names the seed."""


@pytest.mark.parametrize("first", range(_FIRST, _FIRST + SEEDS, _PER_TEST))
def test_what_must_hold_holds_whatever_the_seed_draws(first: int) -> None:
    seen: dict[str, int] = {}
    for seed in range(first, min(first + _PER_TEST, _FIRST + SEEDS)):
        simulated = simulate(seed)
        for sight, count in simulated.seen.items():
            seen[sight] = seen.get(sight, 0) + count
    assert {"finish", "failure", "left"} <= seen.keys()


@pytest.mark.parametrize("seed", [2, 33])
def test_a_seed_replays_to_the_byte(seed: int) -> None:
    assert simulate(seed) == simulate(seed)

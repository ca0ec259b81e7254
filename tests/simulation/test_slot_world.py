"""Four processes serve their callers as one process would that has all slots and places to wait (ADR 118)."""

import pytest
from simulation.slot_world import LOADS, PROCESSES, slots_in

_APART = 0.2


@pytest.mark.parametrize("name", LOADS)
def test_callers_of_four_processes_get_what_they_would_of_one(name: str) -> None:
    apart, together = slots_in(name, PROCESSES), slots_in(name, 1)
    assert apart == {caller: pytest.approx(slots, rel=_APART) for caller, slots in together.items()}
    assert sum(apart.values()) == pytest.approx(sum(together.values()), rel=_APART)

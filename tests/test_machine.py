"""A process's machine: a real one unless told otherwise."""

from mix2api.clock import SystemClock
from mix2api.identity import Mint
from mix2api.machine import Machine
from mix2api.randomness import Randomness
from mix2api.sealing import Seal


def test_by_default_it_is_the_machine_that_the_process_runs_on() -> None:
    machine = Machine()
    assert isinstance(machine.clock, SystemClock)
    assert machine.randomness.take(16) != Machine().randomness.take(16)


def test_what_is_drawn_of_one_source_comes_again() -> None:
    def minted() -> list[str]:
        machine = Machine(randomness=Randomness(bytes))
        mint = Mint(Seal(b"a secret of sixteen bytes"), machine.clock, machine.randomness)
        return [mint.process_id(), mint.call_id()]

    assert minted() == minted()

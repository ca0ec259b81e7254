"""What a process has of its machine: clocks and randomness. The composition root hands it down; a simulation has its own."""

from attrs import field, frozen

from mix2api.clock import Clock, SystemClock
from mix2api.randomness import Randomness


@frozen(kw_only=True)
class Machine:
    """The clocks and the randomness of one process; by default those of the machine that it runs on."""

    clock: Clock = field(factory=SystemClock)
    randomness: Randomness = field(factory=Randomness)

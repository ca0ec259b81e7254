"""Numbers drawn from a seed, for simulations: the same seed gives the same numbers on every machine and version.

The generator is SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). It keeps no secret.
"""

from collections.abc import Sequence
from math import cos, log, pi, sqrt
from typing import Final, TypeVar

from attrs import define

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_UNIT: Final = 2.0**-53
_HALF: Final = 0.5
"""A median divides like bits: a simulated day draws half of its numbers for one."""

T = TypeVar("T")


@define
class Draws:
    """A stream of numbers.

    Args:
        seed: any whole number.
    """

    _state: int

    def bits(self) -> int:
        """64 bits, each as likely 0 as 1."""
        self._state = (self._state + _GOLDEN) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def uniform(self) -> float:
        """From 0 to below 1, in steps of 2**-53."""
        return (self.bits() >> 11) * _UNIT

    def choice(self, things: Sequence[T]) -> T:
        """One of them, each as likely as the others."""
        return things[int(self.uniform() * len(things))]

    def normal(self) -> float:
        """Of mean 0 and deviation 1."""
        return sqrt(-2 * log(1 - self.uniform())) * cos(2 * pi * self.uniform())

    def hits(self, trials: int, chance: float) -> int:
        """How many of so many trials hit; takes time by the hits, not by the trials.

        Args:
            trials: 0 or more.
            chance: of one, from 0 to 1.
        """
        if chance <= 0 or chance >= 1:
            return trials if chance > 0 else 0
        if chance == _HALF:
            return sum([(self.bits() >> max(0, 64 - left)).bit_count() for left in range(trials, 0, -64)])
        found, place, miss = 0, 0, log(1 - chance)
        while True:
            place += int(log(1 - self.uniform()) / miss) + 1
            if place > trials:
                return found
            found += 1

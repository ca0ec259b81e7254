"""Which process each shard should belong to: weighted rendezvous hashing. Pure: every process computes the same.

Every process draws a distance to each shard from a hash of both names, exponentially distributed, and divides it by its
weight. The nearest process owns the shard. A process that joins takes only the shards to which it is nearest, and a process
that leaves gives up only its own: no other shard moves. (Thaler and Ravishankar 1998; the weights are Schindelhauer and
Schomaker's.)
"""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from attrs import define, field, frozen

from mix2api.steps import Steps
from mix2api.vocabulary import Channel, ProcessId, Shard

_BITS: Final = 52
"""Of the hash: half a step more, and a float still has the sum exactly, above 0 and below 1."""
_AT_ONCE: Final = 1000
"""Distances of one step: about 2 ms."""


@frozen
class Taker:
    """A process that takes shards."""

    process: ProcessId
    weight: int
    """Its part of the sum of all weights is its part of the shards. 0: none, as long as another process has a weight."""
    channel: Channel = Channel.STABLE
    """The weights of a channel's processes divide that channel's shards (`mix2api.release.shares`)."""
    version: str = ""
    """A promoted release gives shards to canary processes of its own version only (`ReleaseState.admits`)."""


def distance(process: ProcessId, shard: Shard) -> float:
    """How far a process of weight 1 is from a shard; above 0, the same in every process."""
    digest = blake2b(f"{shard}:{process}".encode(), digest_size=8).digest()
    drawn = (int.from_bytes(digest) >> (64 - _BITS)) + 0.5
    return -math.log(drawn / (1 << _BITS))


@define(eq=False)
class Rendezvous:
    """Owners of all shards; what was computed for a process is kept for as long as the process takes shards.

    Args:
        shards: how many there are.
    """

    _shards: int
    _distances: dict[ProcessId, list[float]] = field(factory=dict, init=False)
    _takers: tuple[Taker, ...] = field(default=(), init=False)
    _owners: tuple[ProcessId, ...] = field(default=(), init=False)

    def owners(self, takers: Sequence[Taker]) -> Steps[tuple[ProcessId, ...]]:
        """The owner of every shard, by its number; empty if nobody takes any.

        Args:
            takers: in any order. If all have weight 0, they share equally.
        """
        wanted = tuple(sorted(takers, key=lambda taker: taker.process))
        if not any(taker.weight for taker in wanted):
            wanted = tuple(Taker(taker.process, 1) for taker in wanted)
        if wanted != self._takers:
            present = {taker.process for taker in wanted}
            self._distances = {one: known for one, known in self._distances.items() if one in present}
            for process in sorted(present - self._distances.keys()):
                self._distances[process] = yield from self._measured(process)
            self._owners = yield from self._nearest([taker for taker in wanted if taker.weight])
            self._takers = wanted
        return self._owners

    def _measured(self, process: ProcessId) -> Steps[list[float]]:
        found: list[float] = []
        for first in range(0, self._shards, _AT_ONCE):
            found += [distance(process, Shard(shard)) for shard in self._portion(first)]
            yield
        return found

    def _nearest(self, takers: Sequence[Taker]) -> Steps[tuple[ProcessId, ...]]:
        if not takers:
            return ()
        found: list[ProcessId] = []
        for first in range(0, self._shards, _AT_ONCE):
            for shard in self._portion(first):
                nearest = min(takers, key=lambda taker: self._distances[taker.process][shard] / taker.weight)
                found.append(nearest.process)
            yield
        return tuple(found)

    def _portion(self, first: int) -> range:
        return range(first, min(first + _AT_ONCE, self._shards))

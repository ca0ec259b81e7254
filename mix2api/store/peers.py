"""The other live processes as this one sees them: what their heartbeats say, and for how long they say nothing new.

A heartbeat carries a mark that changes with every beat. A process is *silent* when this process has seen the same mark for a
whole lease, at looks that followed each other closely and that Redis answered. Its leases have run out by then. After an outage
of Redis, or after a sleep of this process, the time begins anew: live processes get to beat first.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen

from mix2api.store.caller_slots import CallerSlots, name_of
from mix2api.store.newcomer import Newcomer
from mix2api.store.rendezvous import Taker
from mix2api.vocabulary import Channel, Digest, ProcessId

_LONGEST_LOOK: Final = 0.5
"""Of a lease: a longer pause between two looks counts no more. Looks come three times a lease; after a longer pause this
process slept, and the others may have slept as well."""
_GAP: Final = 2
"""Slots by which a caller must be poorer than the one that is served next elsewhere: its turn closes the gap from both sides."""
_NOBODY: Final = ""
"""Stands for the callers of an edge that has no slots to share."""


@frozen(kw_only=True)
class Peer:
    """What the heartbeat of another process says."""

    process: ProcessId
    mark: tuple[bytes, ...] | None
    """Differs from beat to beat; None in a version that does not say it: such a process is never silent, its heartbeat expires."""
    takes: bool
    """Whether it takes shards now: it has a worker, has started, and does not drain."""
    weight: int
    holder: str | None
    """Its word in leases; None in a version that does not say it."""
    room: int | None = None
    """Turns that it would begin at once; None in a version that does not say it."""
    channel: Channel = Channel.STABLE
    version: str = ""
    slots: CallerSlots = field(factory=dict)
    """Of its heaviest callers; empty in a version that does not say it."""
    waits: CallerSlots = field(factory=dict)
    """Waiting turns of the callers with the most; empty in a version that does not say it."""
    level: int | None = None
    """Slots in the deployment of the caller that its next free slot is for; None in a version that does not say it."""
    queue_room: int = 0
    """Turns that its queue takes before one has to give way; 0 in a version that does not say it."""


@define(eq=False)
class _Seen:
    peer: Peer
    looked_s: float
    silent_s: float = 0.0
    given: Counter[str] = field(factory=Counter)
    """By caller: turns that this process gave to it since its last beat, less those that ended since. They may be fewer than
    none: of the slots that the beat told to be taken, some are free."""


@define(eq=False)
class Peers:
    """What is known of the others.

    Args:
        lease_s: how long a lease lasts.
    """

    _lease_s: float
    _seen: dict[ProcessId, _Seen] = field(factory=dict, init=False)
    _slots: Counter[str] = field(factory=Counter, init=False)
    """Told by the living, and what this process gave to them since and took back."""
    _waits: Counter[str] = field(factory=Counter, init=False)
    _givers: int = field(default=1, init=False)
    """Processes that have turns to give away, this one among them."""

    def hear(self, peers: Iterable[Peer], now_s: float) -> None:
        """Takes note of all heartbeats that there are.

        Args:
            peers: all of them but this process's own.
            now_s: on the clock of the event loop.
        """
        before = self._seen
        self._seen = {peer.process: _Seen(peer, now_s) for peer in peers}
        for process, seen in self._seen.items():
            last = before.get(process)
            if last is not None and last.peer.mark is not None and last.peer.mark == seen.peer.mark:
                passed_s = min(now_s - last.looked_s, self._lease_s * _LONGEST_LOOK)
                seen.silent_s = last.silent_s + passed_s
                seen.given = last.given
        self._slots, self._waits = Counter(), Counter()
        for process in self.living():
            seen = self._seen[process]
            self._slots.update(seen.peer.slots)
            self._slots.update(seen.given)
            self._waits.update(seen.peer.waits)
        self._givers = 1 + sum(_gives(seen.peer) for seen in self._seen.values())

    def forget_silence(self) -> None:
        """Redis was away: nobody could beat."""
        for seen in self._seen.values():
            seen.silent_s = 0.0

    def is_silent(self, process: ProcessId) -> bool:
        """Whether that process has said nothing new for a whole lease. One without a heartbeat is not silent but absent."""
        seen = self._seen.get(process)
        return seen is not None and seen.silent_s >= self._lease_s

    def silent_mark(self, process: ProcessId) -> tuple[bytes, ...] | None:
        """The mark under which a process is silent; None if it is not."""
        return self._seen[process].peer.mark if self.is_silent(process) else None

    def take_place(self, process: ProcessId, newcomer: Newcomer | None = None) -> bool:
        """Takes one of the places that this process may fill at another one until that one's next beat.

        The processes that have turns to give away share another one's places equally, so that they do not fill them twice.

        Args:
            process: the other one.
            newcomer: the turn; None: one that may go to a free slot only.

        Returns:
            False: no place is left. True also where nothing is known of that process's room.
        """
        seen = self._seen.get(process)
        if seen is None or seen.peer.room is None:
            return True
        if not self._has_place(seen, newcomer):
            return False
        self._count(seen, None if newcomer is None else newcomer.caller, 1)
        return True

    def give_back(self, process: ProcessId, caller: Digest | None) -> None:
        """A turn that took a place has ended. Its slot is free again, whatever that process told before."""
        seen = self._seen.get(process)
        if seen is not None:
            self._count(seen, caller, -1)

    def has_places(self, newcomer: Newcomer | None = None) -> bool:
        """Whether any other process that takes shards has a place left for this turn."""
        return any(
            seen.peer.takes and not self.is_silent(process) and self._has_place(seen, newcomer)
            for process, seen in self._seen.items()
        )

    def _has_place(self, seen: _Seen, newcomer: Newcomer | None) -> bool:
        """There are three: a free slot, a slot that the turn gets sooner than here, and a queue where ours is full."""
        given, room = seen.given.total(), seen.peer.room or 0
        if given < self._part(room):
            return True
        if newcomer is None:
            return False
        has_queue = newcomer.queue_is_full and given < self._part(room + seen.peer.queue_room)
        return has_queue or _is_sooner(seen.peer, max(0, given), newcomer)

    def _part(self, places: int) -> int:
        """This process's part of another one's places, rounded up."""
        return -(-places // self._givers)

    def _count(self, seen: _Seen, caller: Digest | None, turns: int) -> None:
        name = _NOBODY if caller is None else name_of(caller)
        seen.given[name] += turns
        self._slots[name] += turns

    def slots_of(self, caller: Digest) -> int:
        """The slots that a caller holds at the others, as far as they tell it. A silent process holds none."""
        return max(0, self._slots.get(name_of(caller), 0))

    def waiting_of(self, caller: Digest) -> int:
        """Turns of a caller that wait at the others, as far as they tell it."""
        return self._waits.get(name_of(caller), 0)

    def takers(self) -> list[Taker]:
        """The processes that take shards, those left out that are silent."""
        return [
            Taker(process, seen.peer.weight, seen.peer.channel, seen.peer.version)
            for process, seen in self._seen.items()
            if seen.peer.takes and not self.is_silent(process)
        ]

    def living(self) -> list[ProcessId]:
        """All others, draining ones too; those left out that are silent."""
        return [process for process in self._seen if not self.is_silent(process)]

    def holder(self, process: ProcessId) -> str | None:
        """The word of a process in leases, as far as it is known."""
        seen = self._seen.get(process)
        return None if seen is None else seen.peer.holder


def _gives(peer: Peer) -> bool:
    """Whether a process has turns to give away: its own slots are taken, or it is an edge without any."""
    return peer.room == 0 or (peer.room is None and not peer.takes)


def _is_sooner(peer: Peer, given: int, newcomer: Newcomer) -> bool:
    """Whether a process serves a turn sooner than the one where it came. Each turn given since its beat took one of its level."""
    if newcomer.is_next or peer.level is None:
        return False
    return peer.level - given - newcomer.slots >= _GAP

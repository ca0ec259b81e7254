"""Who may run now, who waits, and who is next: the fair queue before the slots of a process (ADR 17).

Pure: no clock, no task, no I/O. The worker asks for each turn and does what the answer says. There are three cases.
A slot is free: the turn takes it, and the queue is not touched. No slot is free and the queue has room: the turn waits.
The queue is full: one turn gives way, that of the caller with the most waiting ones in the deployment.
"""

from collections.abc import Iterator
from heapq import nlargest
from typing import Generic, Protocol, TypeVar

from attrs import define, field, frozen

from mix2api.store.newcomer import Newcomer
from mix2api.vocabulary import Digest

T = TypeVar("T")


class Others(Protocol):
    """The other processes of the deployment, as far as they tell what callers have there (ADR 104, ADR 118)."""

    def slots_of(self, caller: Digest) -> int:
        """Slots that a caller holds there."""
        ...

    def waiting_of(self, caller: Digest) -> int:
        """Turns of a caller that wait there."""
        ...


@frozen
class Nobody:
    """`Others` of a process that is alone."""

    def slots_of(self, _: Digest) -> int:
        """None."""
        return 0

    def waiting_of(self, _: Digest) -> int:
        """None."""
        return 0


@define(eq=False)
class Admission(Generic[T]):
    """Slots, and the queue before them. Turns are told apart by identity or hash; each stands in the queue once.

    `next` and a full queue's `wait` look at every caller that waits, which is at most `queue_max` of them.

    Args:
        slots: turns that may run at once (`MIX2API_MAX_CONCURRENCY`).
        queue_max: turns that may wait (`MIX2API_QUEUE_MAX`); 0: none.
        others: what callers have in the other processes.
    """

    slots: int
    queue_max: int
    others: Others = Nobody()
    running: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)
    _running_of: dict[Digest, int] = field(factory=dict, init=False)
    """Only callers that have a slot."""
    _queues: dict[Digest, dict[T, None]] = field(factory=dict, init=False)
    """Only callers that wait; the one that had a slot longest ago is first. A caller's own turns are in their order."""

    @property
    def has_room(self) -> bool:
        """Whether a slot is free. Nobody waits then, as long as every freed slot is followed by `next`."""
        return self.running < self.slots

    def begin(self, caller: Digest) -> None:
        """A turn of that caller takes a slot."""
        self.running += 1
        self._running_of[caller] = self._running_of.get(caller, 0) + 1

    def end(self, caller: Digest) -> None:
        """A turn of that caller gives its slot back. Among equals, the caller is last for it."""
        self.running -= 1
        self._put_last(caller)
        left = self._running_of[caller] - 1
        if left:
            self._running_of[caller] = left
        else:
            del self._running_of[caller]

    def wait(self, caller: Digest, turn: T) -> T | None:
        """Puts a turn at the end of its caller's queue.

        Returns:
            The turn that has to be refused because the queue is full: this one, or another caller's newest, which does
            not stand in the queue any more. None: there was room.
        """
        gives_way = None
        if self.waiting >= self.queue_max:
            gives_way = self._yielded_to(caller)
            if gives_way is None:
                return turn
        self._queues.setdefault(caller, {})[turn] = None
        self.waiting += 1
        return gives_way

    def leave(self, caller: Digest, turn: T) -> bool:
        """A turn does not wait any more. False: it did not."""
        queue = self._queues.get(caller)
        if queue is None or turn not in queue:
            return False
        self._remove(caller, queue, turn)
        return True

    def next(self) -> T | None:
        """Takes the turn that a free slot is for out of the queue; None if nobody waits.

        It is the oldest turn of the caller with the fewest slots in the deployment. Among equals, of the caller that had a
        slot longest ago.
        """
        if not self._queues:
            return None
        caller = min(self._queues, key=self.slots_of)
        queue = self._queues[caller]
        turn = next(iter(queue))
        self._remove(caller, queue, turn)
        self._put_last(caller)
        return turn

    def __iter__(self) -> Iterator[T]:
        """All turns that wait, caller by caller. A copy: they may leave meanwhile."""
        return iter([turn for queue in self._queues.values() for turn in queue])

    def _put_last(self, caller: Digest) -> None:
        queue = self._queues.pop(caller, None)
        if queue:
            self._queues[caller] = queue

    def heaviest(self, count: int) -> dict[Digest, int]:
        """The slots of the callers that hold the most of them here, so many callers at most."""
        return dict(nlargest(count, self._running_of.items(), key=lambda held: held[1]))

    def longest(self, count: int) -> dict[Digest, int]:
        """The waiting turns of the callers with the most of them here, so many callers at most."""
        waiting = ((caller, len(queue)) for caller, queue in self._queues.items())
        return dict(nlargest(count, waiting, key=lambda waits: waits[1]))

    @property
    def level(self) -> int:
        """Slots in the deployment of the caller that the next free slot is for.

        Where nobody waits, of the caller with the most: a turn that came would take the slot from it.
        """
        if self._queues:
            return min(map(self.slots_of, self._queues))
        return max(map(self.slots_of, self._running_of), default=0)

    @property
    def queue_room(self) -> int:
        """Turns that the queue takes before one has to give way."""
        return max(0, self.queue_max - self.waiting)

    def slots_of(self, caller: Digest) -> int:
        """In the whole deployment."""
        return self._running_of.get(caller, 0) + self.others.slots_of(caller)

    def newcomer(self, caller: Digest) -> Newcomer:
        """A turn of that caller which comes now, where no slot is free."""
        slots = self.slots_of(caller)
        is_next = not self._queues or slots < self.level
        return Newcomer(caller=caller, slots=slots, is_next=is_next, queue_is_full=not self.queue_room)

    def _waiting_of(self, caller: Digest) -> int:
        """In the whole deployment."""
        return len(self._queues.get(caller, ())) + self.others.waiting_of(caller)

    def _yielded_to(self, caller: Digest) -> T | None:
        """Takes the newest turn out of the queue of the caller with the most waiting turns in the deployment.

        None: it would have no more of them than the newcomer's own caller has then. Two callers with equally many would
        else drive out each other's turns for ever.
        """
        if not self._queues:
            return None
        longest = max(self._queues, key=self._waiting_of)
        if self._waiting_of(longest) <= self._waiting_of(caller) + 1:
            return None
        queue = self._queues[longest]
        turn = next(reversed(queue))
        self._remove(longest, queue, turn)
        return turn

    def _remove(self, caller: Digest, queue: dict[T, None], turn: T) -> None:
        del queue[turn]
        self.waiting -= 1
        if not queue:
            del self._queues[caller]

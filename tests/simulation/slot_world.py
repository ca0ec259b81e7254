"""Slots and queues of several processes: the real queue and the real knowledge of the others, on a virtual clock.

`make shares` has the same loads over real processes.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from attrs import define, field, frozen

from mix2api.actors.admission import Admission
from mix2api.store.caller_slots import CALLERS_TOLD, name_of
from mix2api.store.peers import Peer, Peers
from mix2api.vocabulary import Digest, ProcessId

PROCESSES: Final = 4
SLOTS: Final = 4
"""Of each process."""

_LEASE_S: Final = 5.0
_ANSWER_S: Final = 1.2
_AGAIN_S: Final = 1.0
"""After a refusal, as `Retry-After` says."""
_RELAYED_S: Final = 0.01
"""On the way through Redis, and between two requests of a client."""
_WARM_S, _MEASURED_S = 15.0, 60.0
_SEEDS: Final = 3


@frozen
class Load:
    """What one caller wants: so many clients at each process, and each of them asks again once it is answered."""

    caller: str
    clients: tuple[int, ...]

    @property
    def together(self) -> "Load":
        """The same clients at one process."""
        return Load(self.caller, (sum(self.clients),))


LOADS: Final = {
    "one process asked": (Load("a", (32, 0, 0, 0)),),
    "a crowd at one process": (Load("a", (12, 0, 0, 0)), Load("b", (12, 0, 0, 0)), Load("c", (6, 6, 6, 6))),
    "unequal loads": (
        Load("a", (20, 0, 0, 0)),
        Load("b", (6, 6, 0, 0)),
        Load("c", (4, 4, 4, 4)),
        Load("d", (0, 0, 0, 2)),
    ),
    "short queues": (Load("a", (10, 10, 10, 10)), Load("b", (16, 0, 0, 0)), Load("c", (0, 8, 0, 0))),
}
"""By what is unequal in them. Every caller wants its whole share."""
QUEUES: Final = {"short queues": 6}
"""`MIX2API_QUEUE_MAX` where it is not as it ships."""


@define(eq=False)
class Turn:
    """One turn of a client, which asks again after it."""

    caller: Digest
    asked: int
    """The process that its client asks."""
    serves: int
    """The process whose queue it stands in, or whose slot it has."""
    began_s: float = 0.0


@define(eq=False)
class Process:
    """What a process knows and does of its turns."""

    number: int
    slots: int
    queue_max: int
    beats: int = 0
    peers: Peers = field(init=False)
    admission: Admission[Turn] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.peers = Peers(_LEASE_S)
        self.admission = Admission(self.slots, self.queue_max, self.peers)

    def told(self) -> Peer:
        """Its heartbeat."""
        admission = self.admission
        return Peer(
            process=ProcessId(f"p{self.number}"),
            mark=(str(self.beats).encode(), b""),
            takes=True,
            weight=100,
            holder=None,
            room=admission.slots - admission.running,
            slots={name_of(caller): held for caller, held in admission.heaviest(CALLERS_TOLD).items()},
            waits={name_of(caller): turns for caller, turns in admission.longest(CALLERS_TOLD).items()},
            level=admission.level,
            queue_room=admission.queue_room,
        )


@define(eq=False)
class World:
    """Four processes, their clients, and the time."""

    loads: tuple[Load, ...]
    random: Random
    processes: list[Process]
    now_s: float = 0.0
    held_s: Counter[str] = field(factory=Counter)
    most: int = 0
    _told: dict[int, Peer] = field(factory=dict)
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _numbers: "count[int]" = field(factory=count)

    def run(self) -> None:
        """Until enough was measured."""
        for process in self.processes:
            self._later(self.random.uniform(0, _LEASE_S / 3), partial(self._beat, process))
        for load in self.loads:
            for asked, clients in enumerate(load.clients):
                for _ in range(clients):
                    turn = Turn(Digest(load.caller * 16), asked, asked)
                    self._later(self.random.uniform(0, 1), partial(self._ask, turn))
        while self._events and self.now_s < _WARM_S + _MEASURED_S:
            self.now_s, _, happen = heappop(self._events)
            happen()

    def _later(self, after_s: float, happen: Callable[[], None]) -> None:
        heappush(self._events, (self.now_s + after_s, next(self._numbers), happen))

    def _beat(self, process: Process) -> None:
        process.peers.hear(
            (peer for number, peer in self._told.items() if number != process.number), self.now_s
        )
        process.beats += 1
        self._told[process.number] = process.told()
        self._later(_LEASE_S / 3, partial(self._beat, process))

    def _ask(self, turn: Turn) -> None:
        """As `NearestDispatch` does; the shards that it draws belong to all processes alike."""
        turn.serves = turn.asked
        asked = self.processes[turn.asked]
        admission = asked.admission
        if not admission.has_room:
            newcomer = admission.newcomer(turn.caller)
            for other in self.random.sample(self.processes, len(self.processes)):
                process = ProcessId(f"p{other.number}")
                if (
                    other is not asked
                    and other.number in self._told
                    and asked.peers.take_place(process, newcomer)
                ):
                    turn.serves = other.number
                    self._later(_RELAYED_S, partial(self._come, turn))
                    return
        self._come(turn)

    def _come(self, turn: Turn) -> None:
        admission = self.processes[turn.serves].admission
        if admission.has_room:
            self._begin(turn)
        elif (gives_way := admission.wait(turn.caller, turn)) is not None:
            self._over(gives_way)
            self._later(_AGAIN_S, partial(self._ask, gives_way))

    def _begin(self, turn: Turn) -> None:
        self.processes[turn.serves].admission.begin(turn.caller)
        turn.began_s = self.now_s
        self.most = max(self.most, sum(process.admission.running for process in self.processes))
        self._later(_ANSWER_S, partial(self._end, turn))

    def _end(self, turn: Turn) -> None:
        admission = self.processes[turn.serves].admission
        admission.end(turn.caller)
        held_s = max(0.0, self.now_s - max(turn.began_s, _WARM_S))
        self.held_s[turn.caller[0]] += held_s
        following = admission.next()
        if following is not None:
            self._begin(following)
        self._over(turn)
        self._later(_RELAYED_S, partial(self._ask, turn))

    def _over(self, turn: Turn) -> None:
        if turn.serves != turn.asked:
            self.processes[turn.asked].peers.give_back(ProcessId(f"p{turn.serves}"), turn.caller)


def slots_in(name: str, many: int) -> dict[str, float]:
    """The slots of each caller, in the mean over some minutes, where so many processes share all slots and all places to wait."""
    each, held_s = PROCESSES // many, Counter[str]()
    loads = LOADS[name] if many == PROCESSES else tuple(load.together for load in LOADS[name])
    for seed in range(_SEEDS):
        queue_max = QUEUES.get(name, 1000)
        processes = [Process(number, each * SLOTS, each * queue_max) for number in range(many)]
        world = World(loads, Random(seed), processes)
        world.run()
        assert world.most <= PROCESSES * SLOTS
        held_s.update(world.held_s)
    return {caller: held / _SEEDS / _MEASURED_S for caller, held in held_s.items()}

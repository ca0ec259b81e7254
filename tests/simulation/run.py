"""One simulated run: a deployment, its site, its store and its users in one `trio.run`, all drawn from one seed."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import ClassVar, Final, Protocol

import trio
import trio.testing
from attrs import define, field, frozen
from simulation.deployment import SHAPES, Deployment, Seat
from simulation.faults import Faults
from simulation.judging import Judge, Run
from simulation.network import Endpoint, EndpointStream, Network, virtual_ports
from simulation.processes import EPOCH_MS, SITE, Life
from simulation.redis_lua import LuaScripts
from simulation.redis_model import RedisModel
from simulation.redis_service import RedisService
from simulation.scheduling import Scheduler, seeded
from simulation.trace import Trace
from simulation.users import Asked, User

from mix2api.demo.options import DemoOptions
from mix2api.demo.server import serve_connection
from mix2api.demo.site import Site
from mix2api.process.parts import Role
from mix2api.settings import Settings, load_settings

_SCRIPTS = LuaScripts()
SETTINGS = {
    "UPSTREAM_API_BASE": "http://site.example",
    "UPSTREAM_AUTH_MODE": "none",
    "REDIS_URL": "redis://store.example",
    "MIX2API_SECRET": "the simulation's secret, 32 bytes",
    "MIX2API_SHARDS": "4",
    "MIX2API_LEASE_S": "1",
    "MIX2API_TOKENIZER": "estimate",
}


_SETTINGS: Final = load_settings(SETTINGS, None)
_EMPTIED: Final = 0.25
"""The share of runs in which the store may come back empty."""
_START_S: Final = 0.3
"""In which the first processes start, all at once."""
_LIMIT_S: Final = 3600
"""Virtual seconds; a run takes some 30."""


class Talker(Protocol):
    """Who asks in a world."""

    async def converse(self, questions: int) -> None:
        """Asks so many questions, one after the other."""
        ...

    def seen(self) -> list[str]:
        """A word for each question, that says what came of it."""
        ...


@define(eq=False)
class World:
    """Everything of one run.

    Args:
        seed: draws all of it.
        trace: takes what happens.
    """

    seed: int
    trace: Trace
    random: Random = field(init=False)
    scheduler: Scheduler = field(init=False)
    network: Network = field(init=False)
    store: RedisService = field(init=False)
    site: Site = field(init=False)
    deployment: Deployment = field(init=False)
    users: Sequence[Talker] = field(init=False)
    faults: Faults = field(init=False)
    settings: ClassVar[Settings] = _SETTINGS
    crowd: ClassVar[int] = 3
    """Users."""
    questions: ClassVar[int] = 3
    """Of each of them."""

    def __attrs_post_init__(self) -> None:
        self.random = Random(self.seed)
        self.scheduler = Scheduler(self._drawn())
        self.network = Network(self._drawn())
        self.store = RedisService(self.network, RedisModel(now_us, _SCRIPTS))
        self.site = Site(DemoOptions(), "simulated")
        roles = self.random.choice(SHAPES)
        seats = [
            Seat(f"{role.value}{number}", role, self._life, self._drawn())
            for number, role in enumerate(roles)
        ]
        self.deployment = Deployment(self.network, seats)
        self.users = [self.user(f"u{number}", self._drawn()) for number in range(self.crowd)]
        self.faults = Faults(
            deployment=self.deployment,
            store=self.store,
            network=self.network,
            scheduler=self.scheduler,
            trace=self.trace,
            random=self._drawn(),
            empties=self.random.random() < _EMPTIED,
        )

    def user(self, name: str, random: Random) -> Talker:
        """One of those that ask."""
        return User(name, self.deployment, random, self.trace)

    async def judge(self, auditor: Life) -> None:
        """Judges what has become of it all, once all faults are over.

        Raises:
            Violation: what must hold does not.
        """
        asked = [asked for user in self.users if isinstance(user, User) for asked in user.asked]
        await Judge(self.run_of(asked)).judge(auditor)

    def run_of(self, asked: list[Asked]) -> Run:
        """What there is to judge of requests."""
        return Run(site=self.site, asked=asked, emptied_at=self.faults.emptied_at, calm_s=self.faults.calm_s)

    def _drawn(self) -> Random:
        """Randomness of its own for each part, so that what one draws does not move what the others draw."""
        return Random(self.random.getrandbits(128))

    def _life(self, name: str, role: Role) -> Life:
        return Life(
            name=name,
            role=role,
            settings=self.settings,
            network=self.network,
            scheduler=self.scheduler,
            trace=self.trace,
            random=self._drawn(),
        )

    async def main(self) -> None:
        """The run.

        Raises:
            Violation: what must hold does not.
        """
        with virtual_ports(), trio.fail_after(_LIMIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.network.run)
                self.store.listen()
                self._serve_site(nursery)
                for seat in self.deployment.seats:
                    nursery.start_soon(seat.be_taken)
                await trio.sleep(_START_S)
                await self._act()
                self.faults.calm()
                await self.judge(self._life("auditor", Role.SERVE))
                for life in self.deployment.lives():
                    life.kill()
                nursery.cancel_scope.cancel()

    async def _act(self) -> None:
        async with trio.open_nursery() as troubled:
            troubled.start_soon(self.faults.trouble)
            async with trio.open_nursery() as asking:
                for user in self.users:
                    asking.start_soon(user.converse, self.questions)
            troubled.cancel_scope.cancel()

    def _serve_site(self, nursery: trio.Nursery) -> None:
        def accept(end: Endpoint) -> None:
            nursery.start_soon(self._answer, end)

        self.network.serve(SITE, accept)

    async def _answer(self, end: Endpoint) -> None:
        stream = EndpointStream(end)
        async with stream:
            await serve_connection(self.site, stream)  # type: ignore[arg-type]


def now_us() -> int:
    """The store's clock."""
    return EPOCH_MS * 1000 + int(trio.current_time() * 1_000_000)


@frozen
class Simulated:
    """What a run came to."""

    digest: str
    """Of everything that happened: equal for two runs of one seed."""
    faults: dict[str, int]
    asked: int
    seen: dict[str, int]
    virtual_s: float


def simulate(seed: int, *, is_shown: bool = False, kind: type[World] = World) -> Simulated:
    """Runs a seed in a world of this kind.

    Raises:
        Violation: what must hold does not; the message says what.
    """
    world = kind(seed, Trace(is_shown))
    ended_at = 0.0

    async def main() -> None:
        nonlocal ended_at
        await world.main()
        ended_at = trio.current_time()

    with seeded(world.scheduler):
        trio.run(
            main,
            clock=trio.testing.MockClock(autojump_threshold=0),
            instruments=[world.scheduler],
            strict_exception_groups=True,
        )
    seen = [sight for user in world.users for sight in user.seen()]
    return Simulated(
        digest=world.trace.digest(world.network.digest.digest()),
        faults=dict(sorted(world.faults.done.items())),
        asked=len(seen),
        seen=dict(Counter(seen)),
        virtual_s=ended_at,
    )

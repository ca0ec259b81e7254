"""A simulated process: everything that `run_process` runs, but for signals, threads and sockets, and a supervisor that starts it anew."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import structlog
import trio
from attrs import define, field
from simulation.network import Endpoint, Network
from simulation.redis_service import dial_store
from simulation.scheduling import Scheduler
from simulation.trace import Trace

from mix2api.edge.server import KEEP_ALIVE_S, Server
from mix2api.errors import StoreUnavailable
from mix2api.events.versions import CURRENT
from mix2api.machine import Machine
from mix2api.process.listening import edge_app, start_edge_tasks
from mix2api.process.parts import Parts, Role, process_parts
from mix2api.process.running import start_tasks
from mix2api.process.storing import store_options
from mix2api.randomness import Randomness
from mix2api.sealing import Seal
from mix2api.settings import Settings
from mix2api.store.opening import at_work, build_store
from mix2api.store.redis.location import RedisLocation
from mix2api.store.store import Store
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.connection import Connection, Dialer, PlainConnection
from mix2api.upstreams.http.origin import Origin

SITE = "site"
EPOCH_MS = 1_700_000_000_000
"""The moment at which every simulation begins."""


@define(eq=False)
class SimulatedClock:
    """A process's clocks: virtual time, and a wall clock that can be set wrong."""

    ahead_ms: int = 0

    def now_ms(self) -> int:
        return EPOCH_MS + int(trio.current_time() * 1000) + self.ahead_ms

    def monotonic_ms(self) -> float:
        return trio.current_time() * 1000


class HangUps:
    """`mix2api.edge.hang_ups.HangUps` over endpoints."""

    def __init__(self) -> None:
        self._listening: dict[Endpoint, Callable[[], None]] = {}
        self._stirred = trio.Event()

    def listen(self, to: Any, on_readable: Callable[[], None]) -> None:
        self._listening[to] = on_readable
        to.on_readable = self._stir
        if to.is_readable:
            self._stir()

    def ignore(self, to: Any) -> None:
        self._listening.pop(to, None)
        to.on_readable = None

    def _stir(self) -> None:
        self._stirred.set()

    async def run(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred = trio.Event()
            for to, tell in [*self._listening.items()]:
                if to in self._listening and to.is_readable:
                    tell()


class NetworkDialer(Dialer):
    """Connects a process to the site."""

    def __init__(self, network: Network, owner: str) -> None:
        self._network = network
        self._owner = owner

    async def dial(self, origin: Origin) -> Connection:
        try:
            end: Any = await self._network.dial(self._owner, SITE)
        except OSError:
            raise faults.connect_failed() from None
        return PlainConnection(origin, end)


@define(eq=False, kw_only=True)
class Life:
    """One process, from its start to its end.

    Args:
        name: its own: of this life, not of its seat.
        role: which halves it has.
        settings: of the deployment.
        network: the run's.
        scheduler: likewise.
        trace: likewise.
        random: its own, from the run's seed.
    """

    name: str
    role: Role
    settings: Settings
    network: Network
    scheduler: Scheduler
    trace: Trace
    random: Random
    clock: SimulatedClock = field(factory=SimulatedClock)
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    started: trio.Event = field(factory=trio.Event)
    process: str | None = None
    died_at: float | None = None
    paused_until: float | None = None

    @property
    def is_up(self) -> bool:
        return self.started.is_set() and self.died_at is None

    async def live(self) -> None:
        """Runs until it is killed, or cannot start because the store is away."""
        self.scheduler.own(self.name)
        try:
            with self.scope:
                await self._run()
        except* StoreUnavailable:
            self.trace.note(self.name, "has not started")
        finally:
            if self.died_at is None:
                self.kill()

    def kill(self) -> None:
        """From now on nothing of it reaches anybody."""
        self.died_at = trio.current_time()
        self.network.kill(self.name)
        self.scope.cancel()
        self.scheduler.resume(self.name)

    async def _run(self) -> None:
        machine = Machine(clock=self.clock, randomness=Randomness(self.random.randbytes))
        async with self.open_store(machine) as store:
            self.process = store.process
            logger = self._logger(store.process)
            dialer = NetworkDialer(self.network, self.name)
            async with process_parts(self.settings, self.role, store, logger, machine, dialer) as parts:
                await store.heartbeat.beat()
                await store.connect()
                async with trio.open_nursery() as nursery:
                    await start_tasks(parts, nursery)
                    if self.role is not Role.WORKER:
                        await self._listen(parts, nursery)
                    self.started.set()
                    await trio.sleep_forever()

    def open_store(self, machine: Machine) -> Any:
        options = store_options(self.settings, self.role.value)
        assert options.secret is not None
        assert options.url is not None
        seal = Seal(options.secret, machine.randomness)
        dial = partial(dial_store, self.network, self.name)
        store = build_store(RedisLocation.parse(options.url), options, seal, CURRENT, machine, dial)
        return _Opened(store)

    async def _listen(self, parts: Parts, nursery: trio.Nursery) -> None:
        await parts.health.look()
        start_edge_tasks(parts, nursery)
        app, hang_ups = edge_app(parts), HangUps()
        pretended: Any = hang_ups
        server = Server(app, pretended, KEEP_ALIVE_S)
        nursery.start_soon(app.live.watch)
        nursery.start_soon(hang_ups.run)
        taken, accepted = trio.open_memory_channel[Endpoint](10_000)
        nursery.start_soon(_accept, server, accepted)
        self.network.serve(self.name, taken.send_nowait)

    def _logger(self, process: str) -> Any:
        def keep(_logger: object, _method: str, line: Any) -> Any:
            if self.died_at is None:
                self.trace.log(self.name, dict(line))
            raise structlog.DropEvent

        return structlog.wrap_logger(
            structlog.PrintLogger(),
            processors=[keep],
            wrapper_class=structlog.make_filtering_bound_logger(0),
            cache_logger_on_first_use=False,
        ).bind(process=process)


class _Opened:
    """A store at work, as `open_store` gives it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._work: Any = at_work(store)

    async def __aenter__(self) -> Store:
        await self._work.__aenter__()
        return self._store

    async def __aexit__(self, *raised: object) -> Any:
        return await self._work.__aexit__(*raised)


async def _accept(server: Server, accepted: "trio.MemoryReceiveChannel[Endpoint]") -> None:
    async with trio.open_nursery() as answering:
        async for end in accepted:
            pretended: Any = end
            answering.start_soon(server.serve_connection, pretended)

"""What is done to a simulated deployment, drawn from the seed: one fault after the other, some at the same time."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

import trio
from attrs import define, field
from simulation.deployment import Deployment
from simulation.network import Network
from simulation.processes import SITE, Life
from simulation.redis_service import STORE, RedisService
from simulation.scheduling import Scheduler
from simulation.trace import Trace

_BETWEEN_S: Final = (0.1, 0.4, 1.0, 2.5)
"""Peace between two faults: a lease is a second, so that many faults meet what the last one left."""
_PAUSES_S: Final = (0.2, 1.2, 2.5, 6.0, 9.0)
"""Within a lease, past it (1 s), past the heartbeat (2 s), and past the edges' patience."""
_RECOVERY_S: Final = 2.0
"""A link's pause between two attempts to connect is a second at most; then the spool is written."""
_STORE_S: Final = (0.1, 0.45, 1.0, 3.0, 7.0)
"""Within the patience of acceptance and end (0.5 s), beyond a lease, and beyond the patience with streams by mail (6 s)."""


@define(eq=False, kw_only=True)
class Faults:
    """The generator.

    Args:
        random: its own, from the run's seed.
        empties: whether the store may come back empty in this run.
    """

    deployment: Deployment
    store: RedisService
    network: Network
    scheduler: Scheduler
    trace: Trace
    random: Random
    empties: bool
    emptied_at: float | None = None
    _troubles: list[tuple[str, float, float]] = field(factory=list)
    """Who could not write to the store (a process, or all: the store's own name), from when to when."""
    done: dict[str, int] = field(factory=dict)

    async def trouble(self) -> None:
        """One after the other, until cancelled."""
        kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.kill: 5,
            self.pause: 5,
            self.cut_the_store: 3,
            self.take_the_store_away: 2,
            self.hold_the_store: 3,
            self.lose_replies: 4,
            self.slow_a_link: 2,
            self.cut_the_site: 2,
            self.set_a_clock: 2,
            self.empty_the_store: 2 if self.empties else 0,
        }
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self.random.choice(_BETWEEN_S))
                (fault,) = self.random.choices(list(kinds), list(kinds.values()))
                name = fault.__name__  # type: ignore[attr-defined]
                self.done[name] = self.done.get(name, 0) + 1
                nursery.start_soon(fault)

    def calm(self) -> None:
        """Everything that lasts ends."""
        for life in self.deployment.lives():
            self.network.slow(life.name, 0)
            self.scheduler.resume(life.name)
        self.store.lose_replies = 0
        self.network.hold(STORE, 0)
        self.store.listen()

    def calm_s(self, name: str, since: float, until: float) -> float:
        """For how many seconds between two moments neither the process nor the store was in trouble."""
        cursor, calm = since, 0.0
        for who, begun, ended in sorted(self._troubles, key=lambda trouble: trouble[1]):
            if who in {name, STORE}:
                calm += max(0.0, min(begun, until) - cursor)
                cursor = max(cursor, ended)
        return calm + max(0.0, until - cursor)

    def _note_trouble(self, who: str, for_s: float) -> None:
        now = trio.current_time()
        self._troubles.append((who, now, now + for_s + _RECOVERY_S))

    def _one(self) -> Life | None:
        up = [life for life in self.deployment.up() if life.name not in self.scheduler.stopped]
        return self.random.choice(up) if up else None

    async def kill(self) -> None:
        life = self._one()
        if life is not None:
            self.trace.note("fault", f"kill {life.name}")
            life.kill()

    async def pause(self) -> None:
        life = self._one()
        if life is not None:
            for_s = self.random.choice(_PAUSES_S)
            self.trace.note("fault", f"pause {life.name} for {for_s}")
            self._note_trouble(life.name, for_s)
            self.scheduler.stop(life.name)
            await trio.sleep(for_s)
            self.trace.note("fault", f"resume {life.name}")
            self.scheduler.resume(life.name)

    async def cut_the_store(self) -> None:
        self.trace.note("fault", "cut the store's connections")
        self._note_trouble(STORE, 0)
        self.network.cut(STORE)

    async def take_the_store_away(self) -> None:
        for_s = self.random.choice(_STORE_S)
        self.trace.note("fault", f"store away for {for_s}")
        self._note_trouble(STORE, for_s)
        self.store.stop()
        await trio.sleep(for_s)
        self.store.listen()

    async def empty_the_store(self) -> None:
        self.trace.note("fault", "store restarts empty")
        self.emptied_at = trio.current_time()
        self.store.stop()
        self.store.model.empty()
        await trio.sleep(self.random.choice(_STORE_S))
        self.store.listen()

    async def hold_the_store(self) -> None:
        for_s = self.random.choice(_STORE_S)
        self.trace.note("fault", f"store holds for {for_s}")
        self._note_trouble(STORE, for_s)
        self.network.hold(STORE, for_s)

    async def lose_replies(self) -> None:
        self.trace.note("fault", "replies are lost")
        self._note_trouble(STORE, 0)
        self.store.lose_replies += self.random.choice((1, 1, 3))

    async def slow_a_link(self) -> None:
        life = self._one()
        if life is not None:
            by_s = self.random.choice((0.02, 0.2, 0.6))
            self.trace.note("fault", f"{life.name} slower by {by_s}")
            self.network.slow(life.name, by_s)
            for_s = self.random.choice((0.5, 2.0))
            self._note_trouble(life.name, for_s)
            await trio.sleep(for_s)
            self.network.slow(life.name, 0)

    async def cut_the_site(self) -> None:
        self.trace.note("fault", "cut the site's connections")
        self.network.cut(SITE)

    async def set_a_clock(self) -> None:
        life = self._one()
        if life is not None:
            life.clock.ahead_ms = self.random.choice((-3_600_000, -2000, 0, 2000, 3_600_000))
            self.trace.note("fault", f"clock of {life.name} set to {life.clock.ahead_ms} ms")

"""What is done to a deployment, one fault after the other: which and when is drawn from a seed."""

import signal
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

import trio
from attrs import define, field
from truth.deployment import Deployment, Seat

_BETWEEN_S: Final = (0.5, 4.0)
"""Seconds of peace between two faults: a lease is a second, so many faults meet what the last one left."""
_PAST_LEASE_S: Final = (1.2, 9.0)
"""Seconds that a process sleeps: past its lease (1 s), its heartbeat (2 s), and the edges' patience (4 to 5 s)."""
_STORE_S: Final = (0.1, 3.0)
"""Seconds that the store is away: within the patience of acceptance and end (0.5 s), and beyond a lease."""


@define(eq=False)
class Faults:
    """The generator.

    Args:
        deployment: to whom it is done.
        random: from the test's seed.
        empties: whether the store may come back empty.
    """

    deployment: Deployment
    random: Random
    empties: bool = False
    done: dict[str, int] = field(factory=dict)

    async def trouble_processes(self) -> None:
        """One after the other, until cancelled; whoever sleeps then is woken."""
        await self._trouble(
            {
                self.kill_a_worker: 4,
                self.pause_a_worker: 5,
                self.kill_the_server: 2,
                self.pause_the_server: 2,
                self.pause_the_edge: 1,
            }
        )

    async def trouble_the_store(self) -> None:
        """The same, at the same time: a process that wakes up may find the store away."""
        await self._trouble(
            {
                self.cut_the_store_s_connections: 3,
                self.hold_the_store: 3,
                self.freeze_the_store: 3,
                self.empty_the_store if self.empties else self.restart_the_store: 2,
            }
        )

    async def _trouble(self, kinds: dict[Callable[[], Awaitable[None]], int]) -> None:
        while True:
            await trio.sleep(self.random.uniform(*_BETWEEN_S))
            (fault,) = self.random.choices(list(kinds), list(kinds.values()))
            name = fault.__name__  # type: ignore[attr-defined]
            self.done[name] = self.done.get(name, 0) + 1
            await fault()

    async def kill_a_worker(self) -> None:
        self.kill(self._worker())

    async def pause_a_worker(self) -> None:
        await self.pause(self._worker())

    async def kill_the_server(self) -> None:
        self.kill(self.deployment.seats["serve"])

    async def pause_the_server(self) -> None:
        await self.pause(self.deployment.seats["serve"])

    async def pause_the_edge(self) -> None:
        await self.pause(self.deployment.seats["edge"])

    async def cut_the_store_s_connections(self) -> None:
        await self._tell_the_store("CLIENT", "KILL", "TYPE", "normal")

    async def hold_the_store(self) -> None:
        """It takes connections, and answers nothing for a while."""
        held_ms = int(self.random.uniform(*_STORE_S) * 1000)
        await self._tell_the_store("CLIENT", "PAUSE", held_ms)
        await trio.sleep(held_ms / 1000)

    async def freeze_the_store(self) -> None:
        self.deployment.redis.pause()
        try:
            await trio.sleep(self.random.uniform(*_STORE_S))
        finally:
            self.deployment.redis.resume()

    async def restart_the_store(self) -> None:
        """It dies, and comes back with everything that it had confirmed."""
        self.deployment.redis.kill()
        with trio.CancelScope(shield=True):
            await trio.sleep(self.random.uniform(0.0, 1.0))
            await trio.to_thread.run_sync(self.deployment.redis.start)

    async def empty_the_store(self) -> None:
        """`SHUTDOWN NOSAVE`, and a start: it comes back with what its append-only file has, which may be nothing."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self.deployment.redis.shut_down)
            await trio.sleep(self.random.uniform(0.0, 1.0))
            await trio.to_thread.run_sync(self.deployment.redis.start)

    async def _tell_the_store(self, *words: str | int) -> None:
        await trio.to_thread.run_sync(lambda: self.deployment.redis.command(*words))

    def _worker(self) -> Seat:
        return self.deployment.seats[self.random.choice(("first", "second"))]

    def kill(self, seat: Seat) -> None:
        seat.life.process.signal(signal.SIGKILL)

    async def pause(self, seat: Seat) -> None:
        life = seat.life
        life.process.signal(signal.SIGSTOP)
        try:
            await trio.sleep(self.random.uniform(*_PAST_LEASE_S))
        finally:
            life.process.signal(signal.SIGCONT)

"""A deployment of real processes that come back when they are killed: an edge with two workers, and a `serve` beside them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field
from real_process import RealProcess, real_process
from redis_server import RedisServer

COMMANDS = {"edge": "edge", "first": "worker", "second": "worker", "serve": "serve"}


@define(eq=False)
class Life:
    """One process, from its start to its end."""

    process: RealProcess
    port: int | None
    """Of its edge."""
    died_at: float | None = None
    """By trio's clock."""


@define(eq=False)
class Seat:
    """A place in the deployment: whoever sits there is replaced when it dies."""

    command: str
    settings: Mapping[str, str]
    lives: list[Life] = field(factory=list)
    closing: bool = False

    @property
    def life(self) -> Life:
        """The one that sits there now."""
        return self.lives[-1]

    @property
    def has_edge(self) -> bool:
        return self.command != "worker"

    async def be_taken(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Starts a process, and the next one when it has died."""
        while not self.closing:
            async with real_process(self.command, self.settings) as process:
                if not await _has_started(process, "edge.listening" if self.has_edge else "process.started"):
                    continue  # the store was away: whoever supervises tries again
                life = Life(process, await process.wait_port() if self.has_edge else None)
                self.lives.append(life)
                task_status.started() if len(self.lives) == 1 else None
                await process.process.wait()
                life.died_at = trio.current_time()


async def _has_started(process: RealProcess, event: str) -> bool:
    try:
        await process.wait_line(event)
    except AssertionError:
        return False
    return True


@define(eq=False)
class Deployment:
    """All seats, and the store that they share."""

    redis: RedisServer
    seats: dict[str, Seat]

    def edges(self) -> list[Seat]:
        return [seat for seat in self.seats.values() if seat.has_edge]

    def dead(self) -> set[str]:
        """The ids of the processes that were killed."""
        return {
            line["process"]
            for seat in self.seats.values()
            for life in seat.lives
            if life.died_at is not None
            for line in life.process.lines
            if line["event"] == "process.started"
        }

    def lines(self) -> list[tuple[str, dict[str, Any]]]:
        """All lines of all lives, each with a word for its process."""
        return [
            (f"{name}/{number}", line)
            for name, seat in self.seats.items()
            for number, life in enumerate(seat.lives)
            for line in life.process.lines
        ]


@asynccontextmanager
async def deployed(
    redis: RedisServer, settings: Mapping[str, str], commands: Mapping[str, str] = COMMANDS
) -> AsyncIterator[Deployment]:
    """Runs everything; at the end all processes are killed.

    Args:
        redis: the store.
        settings: of all processes.
        commands: the command of each seat.
    """
    seats = {name: Seat(command, settings) for name, command in commands.items()}
    async with trio.open_nursery() as nursery:
        for seat in seats.values():
            await nursery.start(seat.be_taken)
        yield Deployment(redis, seats)
        nursery.cancel_scope.cancel()

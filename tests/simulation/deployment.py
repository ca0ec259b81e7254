"""The processes of a simulated deployment: seats whose process is replaced when it dies."""

from collections.abc import Callable
from random import Random
from typing import Final

import trio
from attrs import define, field
from simulation.network import Network
from simulation.processes import Life

from mix2api.process.parts import Role

SHAPES: Final[tuple[tuple[Role, ...], ...]] = (
    (Role.SERVE,),
    (Role.SERVE, Role.SERVE),
    (Role.SERVE, Role.SERVE, Role.SERVE),
    (Role.EDGE, Role.WORKER),
    (Role.EDGE, Role.WORKER, Role.WORKER),
    (Role.EDGE, Role.EDGE, Role.WORKER, Role.WORKER),
    (Role.EDGE, Role.WORKER, Role.SERVE),
)


@define(eq=False)
class Seat:
    """A place in the deployment."""

    name: str
    role: Role
    start: Callable[[str, Role], Life]
    random: Random
    lives: list[Life] = field(factory=list)

    @property
    def life(self) -> Life:
        return self.lives[-1]

    async def be_taken(self) -> None:
        """Starts a process, and the next one some time after it has died."""
        while True:
            life = self.start(f"{self.name}.{len(self.lives)}", self.role)
            self.lives.append(life)
            await life.live()
            await trio.sleep(self.random.choice((0.1, 0.5, 2.0)))


@define(eq=False)
class Deployment:
    """All seats."""

    network: Network
    seats: list[Seat]

    def edges(self) -> list[Life]:
        """The processes that listen now."""
        return [
            seat.life
            for seat in self.seats
            if seat.role is not Role.WORKER and seat.lives and seat.life.is_up
        ]

    def up(self) -> list[Life]:
        """The processes that work now."""
        return [seat.life for seat in self.seats if seat.lives and seat.life.is_up]

    def lives(self) -> list[Life]:
        return [life for seat in self.seats for life in seat.lives]

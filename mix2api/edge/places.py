"""The bound on connections: who is served, who gives way, and who is turned away at the door (ADR 17).

Pure: it only decides; the server closes and answers. There are three cases. A place is free: the connection is served.
All are taken and one rests between two requests: the one that rests longest gives way. All are busy: the connection may
only ask for health, because a load balancer's probe must not fail for it; past a small reserve it is turned away.
"""

from enum import Enum, auto
from typing import Final, Generic, TypeVar

from attrs import define, field

C = TypeVar("C")
_RESERVE: Final = 32
"""Connections past the bound that may ask for health at a time: probes of some load balancers, each answered at once."""


class Place(Enum):
    """What a new connection gets."""

    SERVED = auto()
    HEALTH_ONLY = auto()
    """It may ask for health; all else is answered with 503."""
    NONE = auto()
    """It is told 503 unread."""


@define(eq=False)
class Places(Generic[C]):
    """The connections of one server.

    Args:
        most: that are served at a time (`MIX2API_MAX_CONNECTIONS`, bounded by the file descriptors).
    """

    most: int
    _served: set[C] = field(factory=set, init=False)
    _reserve: set[C] = field(factory=set, init=False)
    _resting: dict[C, None] = field(factory=dict, init=False)
    """Served ones between two requests; the one that rests longest is first."""

    def enter(self, connection: C) -> tuple[Place, C | None]:
        """A connection comes. Gives its place, and which one is to be closed for it."""
        if len(self._served) < self.most:
            self._served.add(connection)
            return Place.SERVED, None
        if self._resting:
            gives_way = next(iter(self._resting))
            self.leave(gives_way)
            self._served.add(connection)
            return Place.SERVED, gives_way
        if len(self._reserve) < _RESERVE:
            self._reserve.add(connection)
            return Place.HEALTH_ONLY, None
        return Place.NONE, None

    def rest(self, connection: C) -> None:
        """Its answer is out, and no other request of it is under way."""
        if connection in self._served:
            self._resting[connection] = None

    def work(self, connection: C) -> None:
        """Something of a request came."""
        self._resting.pop(connection, None)

    def longest_resting(self) -> C | None:
        """The one that may be closed before anybody is turned away."""
        return next(iter(self._resting), None)

    def leave(self, connection: C) -> None:
        """It is closed, or about to be."""
        self._served.discard(connection)
        self._reserve.discard(connection)
        self._resting.pop(connection, None)

    def __len__(self) -> int:
        return len(self._served) + len(self._reserve)

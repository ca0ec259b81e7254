"""Idle connections, by origin. Synchronous: taking and giving back decide at once and never wait.

How many connections are *in use* is not limited here: the worker limits runs, and each run has one.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from mix2api.upstreams.http.limits import KeepAlive
from mix2api.upstreams.http.origin import Origin


class Poolable(Protocol):
    """What the pool needs of a connection."""

    @property
    def origin(self) -> Origin:
        """Where it leads."""
        ...

    @property
    def quiet(self) -> bool:
        """The peer has neither closed it nor said anything."""
        ...

    def close(self) -> None:
        """Closes at once."""
        ...


PooledT = TypeVar("PooledT", bound=Poolable)


class IdlePool(Generic[PooledT]):
    """Connections that wait for their next call, newest first: the newest is the likeliest to be alive.

    Args:
        keep_alive: how many, how long.
        now: seconds on a clock that never goes back.
    """

    def __init__(self, keep_alive: KeepAlive, now: Callable[[], float]) -> None:
        self._keep_alive = keep_alive
        self._now = now
        self._idle: dict[Origin, deque[tuple[float, PooledT]]] = {}
        """By origin, the longest idle first, each with the moment since when."""
        self._sweep_at = -math.inf
        self._closed = False

    def take(self, origin: Origin) -> PooledT | None:
        """The newest live connection, or None; what is found dead or expired is closed."""
        idle = self._swept(origin)
        while idle:
            _, connection = idle.pop()
            if connection.quiet:
                return connection
            connection.close()
        self._idle.pop(origin, None)
        return None

    def give_back(self, connection: PooledT) -> None:
        """Keeps a connection whose last answer was read to its end, or closes it where it may not be kept."""
        if self._closed or not self._keep_alive.enabled:
            connection.close()
            return
        self._sweep_all()
        idle = self._swept(connection.origin)
        idle.append((self._now(), connection))
        if len(idle) > self._keep_alive.max_idle_per_origin:
            idle.popleft()[1].close()

    def close(self) -> None:
        """Closes all that is idle; what is given back later is closed then."""
        self._closed = True
        for idle in self._idle.values():
            for _, connection in idle:
                connection.close()
        self._idle.clear()

    @property
    def idle_count(self) -> int:
        """Connections kept now, over all origins."""
        return sum(len(idle) for idle in self._idle.values())

    def _sweep_all(self) -> None:
        """Closes what has expired at origins that nobody asks for any more; looks once in the time that it takes."""
        now = self._now()
        if now < self._sweep_at:
            return
        self._sweep_at = now + self._keep_alive.idle_expiry_s
        for origin in list(self._idle):
            if not self._swept(origin):
                del self._idle[origin]

    def _swept(self, origin: Origin) -> deque[tuple[float, PooledT]]:
        idle = self._idle.setdefault(origin, deque())
        expired_before = self._now() - self._keep_alive.idle_expiry_s
        while idle and idle[0][0] < expired_before:
            idle.popleft()[1].close()
        return idle

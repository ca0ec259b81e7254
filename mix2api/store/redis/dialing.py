"""How a link gets its wire: redis-py connects in a thread, and the wire takes the connection (ADR 12)."""

from collections.abc import Awaitable, Callable

import trio
from redis.exceptions import RedisError

from mix2api.store.redis.location import BlockingConnection, RedisLocation, Timeouts
from mix2api.store.redis.wire import SocketWire, ThreadWire, Wire

Dial = Callable[[RedisLocation, Timeouts, str], Awaitable[Wire]]
"""Connects to a server under a name. Raises `RedisError` or `OSError` where that fails. A simulation has another one."""


async def dial(location: RedisLocation, timeouts: Timeouts, name: str) -> Wire:
    """Connects, authenticates and selects the database, in a worker thread.

    Args:
        location: the server.
        timeouts: for connecting and for each reply.
        name: of the connection, shown by `CLIENT LIST`.

    Raises:
        RedisError: the server refused the connection.
        OSError: it was not reached.
    """
    made = await trio.to_thread.run_sync(_connected, location, timeouts, name)
    if isinstance(made, Exception):
        raise made
    return ThreadWire(made) if location.tls else SocketWire(made, timeouts.reply_s)


def _connected(
    location: RedisLocation, timeouts: Timeouts, name: str
) -> BlockingConnection | RedisError | OSError:
    """Connects; gives the fault if that failed. A fault that trio raises for a thread is part of a cycle afterwards."""
    try:
        return location.connected(timeouts, name)
    except (RedisError, OSError) as fault:
        return _without_frames(fault)


def _without_frames(fault: RedisError | OSError) -> RedisError | OSError:
    """The fault and its causes without tracebacks: redis-py keeps faults in frames to which the faults refer."""
    one: BaseException | None = fault
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return fault

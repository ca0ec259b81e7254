"""The edge's HTTP server: it listens, gives each connection a task, and stops in order (ADR 22).

Hypercorn opens the sockets. The connections are `mix2api.edge.connection`'s.
"""

import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Final

import trio
from attrs import define, field, frozen
from hypercorn.config import Config
from hypercorn.utils import repr_socket_addr

from mix2api.edge.acceptor import Acceptor
from mix2api.edge.app import EdgeApp
from mix2api.edge.connection import Connection
from mix2api.edge.hang_ups import HangUps
from mix2api.edge.places import Place, Places
from mix2api.edge.refusals import EdgeFault

KEEP_ALIVE_S: Final = 300
"""Idle connections live longer than the 90 s after which gateways drop theirs: the gateway closes, never we, so that
no request meets a closing connection."""
GRACE_S: Final = 5
"""After the drain limit the worker ends what still runs; its endings have this long to be written."""
BACKLOG: Final = 4096
"""Connections that the kernel holds until they are accepted. It bounds this by `net.core.somaxconn`, usually 4096."""
_UNSENT_BYTES: Final = 2**14
"""That the kernel keeps for a client that does not read, before a write has to wait. The rest of its buffer would only
delay the moment in which a stalled client is noticed."""


@frozen(kw_only=True)
class ServerOptions:
    """How the edge is served."""

    bind: str
    """`host:port` (port 0: any free one), `unix:<path>` or `fd://<number>`."""
    grace_s: float
    """How long answers may go on once the server is told to stop."""
    keep_alive_s: float = KEEP_ALIVE_S


async def serve(
    app: EdgeApp,
    options: ServerOptions,
    *,
    shutdown_trigger: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until the trigger returns, then finishes what runs, within the grace; idle connections close at once.

    Args:
        app: answers.
        options: where, and how long.
        shutdown_trigger: returns when no more connections are to be taken.
        task_status: reports the URL of the socket.

    Raises:
        OSError: the address cannot be listened on.
    """
    listening = listening_socket(options.bind)
    with closing(HangUps()) as hang_ups:
        server = Server(app, hang_ups, options.keep_alive_s)
        async with trio.open_nursery() as helping:
            helping.start_soon(app.live.watch)
            helping.start_soon(hang_ups.run)
            async with trio.open_nursery() as answering:
                async with trio.open_nursery() as accepting:
                    acceptor = Acceptor(listening, server.serve_connection, server.on_exhausted)
                    accepting.start_soon(acceptor.run, answering)
                    task_status.started(url_of(listening))
                    await shutdown_trigger()
                    accepting.cancel_scope.cancel()
                server.stop()
                answering.cancel_scope.deadline = trio.current_time() + options.grace_s
            helping.cancel_scope.cancel()


def url_of(listening: socket.socket) -> str:
    """What clients are to be told of a listening socket."""
    return f"http://{repr_socket_addr(listening.family, listening.getsockname())}"


def listening_socket(bind: str) -> socket.socket:
    """A socket that listens, with the options that every connection is to have.

    Raises:
        OSError: the address cannot be listened on.
    """
    config = Config()
    config.bind = [bind]
    (listening,) = config.create_sockets().insecure_sockets
    if listening.family != socket.AF_UNIX:
        # Connections have what their listening socket has. A piece leaves at once, however small.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    listening.listen(BACKLOG)
    return listening


@define(eq=False)
class Server:
    """What all connections have in common."""

    app: EdgeApp
    hang_ups: HangUps
    keep_alive_s: float
    connections: set[Connection] = field(factory=set)
    places: Places[Connection] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.places = Places(self.app.limits.connections)

    async def serve_connection(self, taken: socket.socket) -> None:
        """One connection to its end. A fault of ours in here is told, and costs this connection only."""
        connection = Connection(taken, self.app, self.places, self.hang_ups, self.keep_alive_s)
        place, gives_way = self.places.enter(connection)
        if gives_way is not None:
            gives_way.close_if_idle()
        self.connections.add(connection)
        try:
            if place is Place.NONE:
                await connection.turn_away()
            elif not self.app.is_stopping:
                connection.is_crowded = place is Place.HEALTH_ONLY
                await connection.run()
        except Exception as fault:  # noqa: BLE001 - the supervisor of connections
            self.app.tell_fault(EdgeFault.of(fault))
        finally:
            connection.close()
            self.connections.discard(connection)
            self.places.leave(connection)

    def on_exhausted(self) -> None:
        """No file descriptor is left: the connection that rests longest gives its own back."""
        self.app.tell_exhausted()
        gives_way = self.places.longest_resting()
        if gives_way is not None:
            self.places.leave(gives_way)
            gives_way.close_if_idle()

    def stop(self) -> None:
        """Connections close: idle ones now, the others when their answer is out."""
        self.app.is_stopping = True
        for connection in list(self.connections):
            connection.close_if_idle()

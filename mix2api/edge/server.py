"""The edge's HTTP server: Hypercorn's settings, sockets and HTTP/1.1, on connections of our own (ADR 15).

A connection is one task that reads, and one more for each request that is being answered. The head of an answer leaves with
the first piece of its body, in one write.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio
from attrs import define, field
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.utils import parse_socket_addr, repr_socket_addr

from mix2api.edge.acceptor import Acceptor
from mix2api.edge.app import EdgeApp
from mix2api.edge.places import Place, Places
from mix2api.edge.protocol import Link, Protocol, Requests, turned_away

_READ_BYTES: Final = 2**16
_CROWDED_HEAD_S: Final = 1.0
"""For a connection without a place to say what it wants: a probe says it at once, and all others wait for its reserve."""
_LATE_S: Final = 1.0
"""For the 408 to be taken by the kernel."""
_TURN_AWAY_S: Final = 0.1
"""In which the request of who is turned away is thrown away: closed with unread bytes, a socket sends a reset instead of
the answer. A flood of them holds few tasks for so long."""


async def serve(
    app: EdgeApp,
    config: Config,
    *,
    shutdown_trigger: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until the trigger returns, then finishes what runs, within the configured grace; idle connections close at once.

    Args:
        app: answers.
        config: `mix2api.edge.serving.server_config`.
        shutdown_trigger: returns when no more connections are to be taken.
        task_status: reports the URLs of the sockets.

    Raises:
        OSError: an address cannot be listened on.
    """
    sockets = config.create_sockets().insecure_sockets
    for socket in sockets:
        socket.listen(config.backlog)
    server = _Server(app, config)
    urls = [f"http://{repr_socket_addr(socket.family, socket.getsockname())}" for socket in sockets]
    async with trio.open_nursery() as watching:
        watching.start_soon(app.live.watch)
        async with trio.open_nursery() as answering:
            async with trio.open_nursery() as accepting:
                for socket in sockets:
                    acceptor = Acceptor(socket, server.serve_connection, server.on_exhausted)
                    accepting.start_soon(acceptor.run, answering)
                task_status.started(urls)
                await shutdown_trigger()
                accepting.cancel_scope.cancel()
            await server.stop()
            answering.cancel_scope.deadline = trio.current_time() + config.graceful_timeout
        watching.cancel_scope.cancel()


@define(eq=False)
class _Server:
    """What all connections have in common."""

    app: EdgeApp
    config: Config
    context: WorkerContext = field(factory=lambda: WorkerContext(None))
    connections: "set[_Connection]" = field(factory=set)
    places: "Places[_Connection]" = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.places = Places(self.app.limits.connections)

    async def serve_connection(self, stream: trio.SocketStream) -> None:
        """One connection to its end. A fault of ours in here is told, and costs this connection only."""
        connection = _Connection(self, stream)
        place, gives_way = self.places.enter(connection)
        if gives_way is not None:
            gives_way.close_if_idle()
        self.connections.add(connection)
        try:
            if place is Place.NONE:
                await connection.turn_away()
            else:
                await connection.run(is_crowded=place is Place.HEALTH_ONLY)
        except Exception:  # noqa: BLE001 - the supervisor of connections
            await self.config.log.exception("connection")
        finally:
            self.connections.discard(connection)
            self.places.leave(connection)

    def on_exhausted(self) -> None:
        """No file descriptor is left: the connection that rests longest gives its own back."""
        self.app.tell_exhausted()
        gives_way = self.places.longest_resting()
        if gives_way is not None:
            self.places.leave(gives_way)
            gives_way.close_if_idle()

    async def stop(self) -> None:
        """Connections close: idle ones now, the others when their answer is out."""
        await self.context.terminated.set()
        for connection in list(self.connections):
            connection.close_if_idle()


class _Connection:
    """A client's connection."""

    def __init__(self, server: _Server, stream: trio.SocketStream) -> None:
        self._server = server
        self._stream = stream
        self._sending = trio.Lock()
        """The reader answers, too: what cannot be read, and `expect: 100-continue`."""
        self._reading = trio.CancelScope()
        """Has a deadline while no request is under way."""
        self._is_idle = True
        self._head_due = math.inf
        """When the head that is under way has to be whole."""
        self._broken = trio.Event()
        self._protocol: Protocol

    async def turn_away(self) -> None:
        """Tells 503 and closes, without reading what is asked."""
        answer = turned_away(self._server.app, self._server.config)
        with trio.move_on_after(_TURN_AWAY_S), suppress(trio.BrokenResourceError):
            await self._stream.send_all(answer)
            await self._stream.send_eof()
            await self._stream.receive_some(_READ_BYTES)
        self._close()

    async def run(self, *, is_crowded: bool) -> None:
        """Reads to the end of the connection; what is still being answered then is told that the client has gone.

        Args:
            is_crowded: there is no place for it: it may only ask for health.
        """
        server, socket = self._server, self._stream.socket
        try:
            client = parse_socket_addr(socket.family, socket.getpeername())
            here = parse_socket_addr(socket.family, socket.getsockname())
        except OSError:
            self._close()  # it has gone already
            return
        try:
            async with trio.open_nursery() as nursery:
                self._protocol = Protocol(
                    Link(
                        app=server.app,
                        config=server.config,
                        context=server.context,
                        requests=Requests(server.app, nursery, self._broken),
                        client=client,
                        here=here,
                        send=self._take,
                        receive=self._receive,
                        is_crowded=is_crowded,
                    )
                )
                limit_s = server.app.limits.head_s
                self._await_head(min(limit_s, _CROWDED_HEAD_S) if is_crowded else limit_s)
                await self._read()
        finally:
            self._close()
            self._let_go()

    def _let_go(self) -> None:
        """Cuts the cycle between connection and protocol: nothing is said on the connection any more."""
        self._protocol.let_go()
        del self._protocol

    def close_if_idle(self) -> None:
        """Closes it unless a request is under way."""
        if self._is_idle:
            self._reading.cancel()

    async def _read(self) -> None:
        with self._reading, suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while True:
                await self._protocol.handle(RawData(await self._receive(_READ_BYTES)))
                if self._is_idle and self._head_due == math.inf and self._protocol.connection.has_begun:
                    self._await_head(self._server.app.limits.head_s)
        if self._reading.cancelled_caught and trio.current_time() >= self._head_due:
            with trio.move_on_after(_LATE_S):
                await self._protocol.refuse_late()
        await self._protocol.handle(Closed())

    async def _receive(self, limit: int) -> bytes:
        data = await self._stream.receive_some(limit)
        if not data:
            raise trio.BrokenResourceError  # half a connection is none: nobody could tell it from a client that left
        return bytes(data)

    async def _take(self, event: Event) -> None:
        """What the protocol has for the client."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Closed):
            self._close()
            await self._protocol.handle(Closed())
        elif isinstance(event, Updated):
            if event.idle:
                self._rest()
            else:
                self._is_idle = False
                self._reading.deadline = self._head_due = math.inf
                self._server.places.work(self)

    def _rest(self) -> None:
        self._is_idle = True
        self._reading.deadline = trio.current_time() + self._server.config.keep_alive_timeout
        self._server.places.rest(self)

    def _await_head(self, limit_s: float) -> None:
        """A head has to be whole within so many seconds; the scope's deadline is the only timer."""
        self._reading.deadline = self._head_due = trio.current_time() + limit_s
        self._server.places.work(self)

    async def _send(self, data: bytes) -> None:
        try:
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._broken.set()
        except trio.Cancelled:
            # The client has gone, or takes nothing, or the server stops: half of a piece may be out.
            self._stream.socket.close()
            raise
        finally:
            self._sending.release()
        if self._broken.is_set():
            await self._protocol.handle(Closed())

    def _close(self) -> None:
        """Says that nothing more comes, and lets go."""
        socket = self._stream.socket
        if socket.fileno() >= 0:
            with suppress(OSError):
                socket.shutdown(trio.socket.SHUT_WR)
            socket.close()

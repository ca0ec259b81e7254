"""A proxy on loopback that tells of what a process sends before it passes it on, and after that."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio
from attrs import define, field
from crashes.table import Moment
from fault_proxy import Target

_PIECE_BYTES: Final = 65_536
OnSent = Callable[[bytes, Moment], bool]
"""Takes a piece and the moment; gives whether the piece may pass."""


@define(eq=False)
class TappedProxy:
    """One link of one process.

    Args:
        port: where it listens.
        target: what stands behind it.
        on_sent: told of what the process sends.
        is_server: whether the process is what stands behind it, and not what connects to it.
    """

    port: int
    target: Target
    on_sent: OnSent
    is_server: bool
    is_closed: bool = False
    """Nothing passes any more, and whoever connects is sent away."""
    _streams: dict[trio.SocketStream, None] = field(factory=dict)

    def close(self) -> None:
        """Ends all connections: what is under way is lost."""
        self.is_closed = True
        for stream in self._streams:
            stream.socket.close()

    def open(self) -> None:
        """Connections are taken again."""
        self.is_closed = False

    async def serve(self, client: trio.SocketStream) -> None:
        """One connection."""
        if self.is_closed:
            await client.aclose()
            return
        try:
            server = await self.target()
        except OSError:
            await client.aclose()
            return
        self._streams[client] = self._streams[server] = None
        try:
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, client, server, not self.is_server)
                await self._pass_on(server, client, self.is_server)
        finally:
            self._streams.pop(client, None)
            self._streams.pop(server, None)

    async def _pass_on(self, source: trio.SocketStream, sink: trio.SocketStream, is_sent: bool) -> None:  # noqa: FBT001 - started as a task
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            async for data in source:
                if self.is_closed or (is_sent and not self.on_sent(bytes(data), Moment.BEFORE)):
                    return
                await sink.send_all(data)
                if is_sent:
                    self.on_sent(bytes(data), Moment.AFTER)
            await sink.send_eof()


@asynccontextmanager
async def tapped_proxy(
    target: Target, on_sent: OnSent, *, is_server: bool = False
) -> AsyncIterator[TappedProxy]:
    """A proxy for as long as the block lasts."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    proxy = TappedProxy(listeners[0].socket.getsockname()[1], target, on_sent, is_server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, proxy.serve, listeners)
        yield proxy
        nursery.cancel_scope.cancel()

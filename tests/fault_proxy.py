"""A proxy on loopback with the faults that networks have: each can begin and end at any time, for all its connections.

`LossyProxy` loses one reply at a place that a test chooses; this one harms whatever passes.
"""

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import trio
from attrs import define, field, frozen

GARBAGE: Final = b"\x00\xff\x13 neither HTTP nor RESP \r\n\r\n"
_DRIP_BYTES: Final = 64
"""At the most of one piece: a long one would drip for minutes."""
Target = Callable[[], Awaitable[trio.SocketStream]]
"""Connects to what stands behind the proxy."""


@frozen(eq=False)
class _Pair:
    """One connection, both halves."""

    client: trio.SocketStream
    server: trio.SocketStream


@define(eq=False)
class FaultProxy:
    """Listens on a port of 127.0.0.1.

    Args:
        port: where it listens.
        target: what stands behind it.
    """

    port: int
    target: Target
    latency_s: float = 0.0
    """Before each piece."""
    drip_s: float = 0.0
    """Between single bytes of what the server says; 0: it does not drip."""
    refuses: bool = False
    """Connections are closed as soon as they are made."""
    _pairs: dict[_Pair, None] = field(factory=dict)
    _flows: trio.Event = field(factory=trio.Event)
    _garbage_due: dict[_Pair, None] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._flows.set()

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._pairs)

    # --- faults

    def cut(self) -> None:
        """Resets all connections, on both sides."""
        for pair in self._pairs:
            for half in (pair.client, pair.server):
                with suppress(OSError):
                    half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                half.socket.close()

    def stall(self) -> None:
        """Nothing passes, and nothing is closed, until `flow`."""
        self._flows = trio.Event()

    def flow(self) -> None:
        """What was held passes."""
        self._flows.set()

    def half_close(self) -> None:
        """The server's side of all connections ends; what clients still say reaches it."""
        for pair in self._pairs:
            with suppress(OSError):
                # On the socket itself: the stream may be in the middle of sending.
                pair.client.socket.shutdown(socket.SHUT_WR)

    def garble(self) -> None:
        """Before its next piece, every server says something that is no protocol at all."""
        self._garbage_due = dict(self._pairs)

    # --- traffic

    async def serve(self, client: trio.SocketStream) -> None:
        """One connection."""
        if self.refuses:
            await client.aclose()
            return
        try:
            server = await self.target()
        except OSError:
            await client.aclose()
            return
        pair = _Pair(client, server)
        self._pairs[pair] = None
        try:
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, pair, client, server)
                await self._pass_on(pair, server, client)
        finally:
            self._pairs.pop(pair, None)
            self._garbage_due.pop(pair, None)

    async def _pass_on(self, pair: _Pair, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                await self._flows.wait()
                await trio.sleep(self.latency_s)
                await self._send(pair, sink, bytes(data))
            await sink.send_eof()

    async def _send(self, pair: _Pair, sink: trio.SocketStream, data: bytes) -> None:
        if sink is pair.client:
            if pair in self._garbage_due:
                del self._garbage_due[pair]
                data = GARBAGE + data
            if self.drip_s:
                for place in range(min(len(data), _DRIP_BYTES)):
                    await sink.send_all(data[place : place + 1])
                    await trio.sleep(self.drip_s)
                data = data[_DRIP_BYTES:]
        await sink.send_all(data)


def to_port(port: int) -> Target:
    """What listens on a port of this machine."""
    return partial(trio.open_tcp_stream, "127.0.0.1", port)


def to_socket(path: str) -> Target:
    """What listens on a unix socket."""
    return partial(trio.open_unix_socket, path)


@asynccontextmanager
async def fault_proxy(target: Target) -> AsyncIterator[FaultProxy]:
    """A proxy for as long as the block lasts."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    proxy = FaultProxy(listeners[0].socket.getsockname()[1], target)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, proxy.serve, listeners)
        yield proxy
        nursery.cancel_scope.cancel()

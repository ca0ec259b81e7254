"""Loopback servers for the client's tests: each connection is served by a function, in order of arrival."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio

Peer = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Serve = Callable[["Connection"], Awaitable[None]]


class Connection:
    """The server's side of one connection."""

    def __init__(self, stream: Peer) -> None:
        self.stream = stream
        self._read = b""

    async def request(self) -> bytes:
        """One whole request: head and `content-length` body."""
        while b"\r\n\r\n" not in self._read:
            await self._more()
        head, _, _ = self._read.partition(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        whole = len(head) + 4 + length
        while len(self._read) < whole:
            await self._more()
        request, self._read = self._read[:whole], self._read[whole:]
        return request

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def wait_hung_up(self) -> None:
        """Waits until the client has closed."""
        try:
            while await self.stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return

    async def reset(self) -> None:
        """Closes with RST instead of FIN."""
        stream = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, (1).to_bytes(4, "little") + bytes(4))
        await stream.aclose()

    async def _more(self) -> None:
        data = await self.stream.receive_some()
        if not data:
            raise EOFError("the client hung up")
        self._read += data


class Server:
    """A listening server; `accepted` counts connections."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.accepted = 0


@asynccontextmanager
async def serving(serves: Sequence[Serve], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serves the first connection with the first function, and so on; further ones with the last.

    A connection is closed when its function returns.
    """
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(listeners[0].socket.getsockname()[1], "http" if tls is None else "https")

    async def handle(stream: trio.SocketStream) -> None:
        serve = serves[min(server.accepted, len(serves) - 1)]
        server.accepted += 1
        peer: Peer = stream
        if tls is not None:
            peer = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        try:
            await serve(Connection(peer))
        except (trio.BrokenResourceError, EOFError):
            pass
        finally:
            await trio.aclose_forcefully(peer)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        with trio.fail_after(20):
            yield server
        nursery.cancel_scope.cancel()


def chunked(*pieces: bytes) -> bytes:
    """Chunks, without the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def head(*fields: str, status: str = "200 OK") -> bytes:
    """An answer's head."""
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


SSE_HEAD = head("content-type: text/event-stream", "transfer-encoding: chunked")
LAST_CHUNK = b"0\r\n\r\n"

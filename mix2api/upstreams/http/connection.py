"""One TCP or TLS connection, and how it is made. Knows no HTTP and no deadlines: the call's scope has those."""

import socket
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Protocol

import trio
from attrs import define, field

from mix2api.descriptors import none_left
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.origin import Origin

_READ_SIZE: Final = 65536
"""Bytes per read: a loopback socket gives that much at once, and one wake-up for it is the cheapest."""
_IPV4: Final = 4
_GIVES_WAY_S: Final = 2.0
"""After so long without an answer an address gives way to the next: longer than a handshake around the world."""


class Connection(Protocol):
    """A connection to an origin, plain or secured."""

    origin: Origin
    used: bool
    """It has carried an answer before, so the peer may have closed it meanwhile."""

    @property
    def quiet(self) -> bool:
        """Nothing to read. An unused connection that is not quiet was closed, or says what nobody asked."""
        ...

    @property
    def collects(self) -> bool:
        """Whether the next read gives all that comes until then. If not, waiting before it saves no reads."""
        ...

    async def send(self, data: bytes) -> None:
        """Hands everything to the kernel. A peer that has closed is not reported here.

        A peer may answer and close before it has read the whole request; reading tells both cases apart.
        """
        ...

    async def receive(self) -> bytes:
        """At least one byte, or none once the peer has closed, cleanly or not. Other tasks run meanwhile.

        Raises:
            trio.ClosedResourceError: `close` was called here.
        """
        ...

    def close(self) -> None:
        """Closes at once; repeats do nothing."""
        ...


@define(eq=False)
class PlainConnection:
    """A connection without TLS: the system's own socket, read and written in one call each.

    trio's stream around the same socket tries to read before it waits, and lets other tasks run after each write. A
    stream waits once per piece, and behind the request's write its answer is waited for: both would be paid in vain.
    """

    origin: Origin
    _socket: socket.socket = field(repr=False)
    """Without blocking."""
    used: bool = False
    _is_full: bool = field(default=False, init=False)
    """The last read gave as much as it could: more is here."""

    def fileno(self) -> int:
        """The socket's descriptor, negative once it is closed."""
        return self._socket.fileno()

    @property
    def quiet(self) -> bool:
        """See `Connection`."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def collects(self) -> bool:
        """See `Connection`."""
        return not self._is_full

    async def send(self, data: bytes) -> None:
        """See `Connection`. Without a checkpoint where the kernel takes all at once: `receive` comes next."""
        left = memoryview(data)
        with suppress(OSError):
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._socket)

    async def receive(self) -> bytes:
        """See `Connection`."""
        while True:
            if self._socket.fileno() < 0:
                raise trio.ClosedResourceError("the connection is closed")
            await trio.lowlevel.wait_readable(self._socket)
            try:
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                continue  # the kernel may take back what it said (select(2))
            except OSError:
                return b""
            self._is_full = len(data) == _READ_SIZE
            return data

    def close(self) -> None:
        """See `Connection`. Whoever waits for the socket is woken."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


@define(eq=False)
class SecureConnection:
    """A connection through TLS, as trio's stream speaks it."""

    origin: Origin
    _stream: trio.SSLStream[trio.SocketStream] = field(repr=False)
    used: bool = False

    @property
    def quiet(self) -> bool:
        """See `Connection`."""
        return not self._stream.transport_stream.socket.is_readable()

    @property
    def collects(self) -> bool:
        """See `Connection`. TLS gives one record a read, and sites put each piece into one of its own."""
        return False

    async def send(self, data: bytes) -> None:
        """See `Connection`."""
        with suppress(trio.BrokenResourceError):
            await self._stream.send_all(data)

    async def receive(self) -> bytes:
        """See `Connection`."""
        try:
            return bytes(await self._stream.receive_some(_READ_SIZE))
        except trio.BrokenResourceError:
            return b""

    def close(self) -> None:
        """See `Connection`. Without a farewell of TLS, which nobody would read."""
        self._stream.transport_stream.socket.close()


class Dialer:
    """Makes connections.

    Args:
        ca_file: certificates trusted beside the system's, in PEM; for sites behind a private authority.

    Raises:
        OSError: `ca_file` cannot be read; `ssl.SSLError`, one of its kind, if it holds no certificate.
    """

    def __init__(self, ca_file: Path | None = None) -> None:
        # Without an own file the context is made on first use: reading the system's store takes some 10 ms, which plain
        # upstreams need not pay. With one it is made now, so that a wrong file is known at the start.
        self._context = None if ca_file is None else _client_context(ca_file)

    async def dial(self, origin: Origin) -> Connection:
        """Connects: both address families are tried by turns (RFC 8305), Nagle's delay is off.

        Where an origin has addresses, they alone are tried, one after the other; TLS still asks for the host.

        Raises:
            UpstreamFault: `connect_failed`, or our own `descriptors`; nothing of a request has left.
        """
        try:
            stream = await _connected(origin)
        except OSError as fault:
            none = none_left(fault)
            _cut_cycles(fault)
            raise (faults.no_descriptor() if none else faults.connect_failed()) from None
        if origin.scheme == "http":
            return PlainConnection(origin, _plain(stream))
        try:
            return SecureConnection(origin, await self._secure(stream, origin.host))
        except BaseException:
            stream.socket.close()
            raise

    async def _secure(self, stream: trio.SocketStream, host: str) -> trio.SSLStream[trio.SocketStream]:
        # Many servers close without TLS's farewell, which is what `https_compatible` allows; HTTP's own framing
        # tells a cut from an end.
        secured = trio.SSLStream(stream, self._tls(), server_hostname=host, https_compatible=True)
        try:
            await secured.do_handshake()
        except (trio.BrokenResourceError, ssl.SSLError):
            raise faults.connect_failed() from None
        return secured

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = _client_context(None)
        return self._context


async def _connected(origin: Origin) -> trio.SocketStream:
    for address in origin.addresses[:-1]:
        with suppress(OSError), trio.move_on_after(_GIVES_WAY_S):
            return await _stream_to(address, origin.port)
    return await _stream_to(origin.addresses[-1] if origin.addresses else origin.host, origin.port)


async def _stream_to(host: str, port: int) -> trio.SocketStream:
    """Connects to a name or an address.

    trio looks a name up and races its addresses. For an address alone that takes as long as the connect itself, 300 us of CPU.

    Raises:
        OSError: it could not be connected to.
    """
    try:
        family = socket.AF_INET if ip_address(host).version == _IPV4 else socket.AF_INET6
    except ValueError:
        return await trio.open_tcp_stream(host, port)
    connecting = trio.socket.socket(family)
    try:
        await connecting.connect((host, port))
    except BaseException:
        connecting.close()
        raise
    return trio.SocketStream(connecting)


def _plain(stream: trio.SocketStream) -> socket.socket:
    """The socket that a trio stream was made around, for our own reading and writing."""
    taken = socket.socket(fileno=stream.socket.detach())
    taken.setblocking(False)  # noqa: FBT003 - the standard library's
    return taken


def _cut_cycles(fault: OSError) -> None:
    """Takes the frames away from the failed attempts: trio keeps these in a list that their own frames refer to."""
    cause = fault.__cause__
    for attempt in cause.exceptions if isinstance(cause, BaseExceptionGroup) else (cause,):
        if attempt is not None:
            attempt.__traceback__ = None


def _client_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context

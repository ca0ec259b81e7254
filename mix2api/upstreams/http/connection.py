"""One TCP or TLS connection, and how it is made. Knows no HTTP and no deadlines: the call's scope has those."""

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio
from attrs import define, field

from mix2api.descriptors import none_left
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.origin import Origin

_READ_SIZE: Final = 65536
"""Bytes per read: a loopback socket gives that much at once, and one wake-up for it is the cheapest."""
_GIVES_WAY_S: Final = 2.0
"""After so long without an answer an address gives way to the next: longer than a handshake around the world."""

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


@define(eq=False)
class Connection:
    """A connection to an origin."""

    origin: Origin
    _stream: Stream = field(repr=False)
    used: bool = False
    """It has carried an answer before, so the peer may have closed it meanwhile."""

    @property
    def _socket(self) -> trio.socket.SocketType:
        stream = self._stream
        return (stream.transport_stream if isinstance(stream, trio.SSLStream) else stream).socket

    @property
    def quiet(self) -> bool:
        """Nothing to read. An unused connection that is not quiet was closed, or says what nobody asked."""
        return not self._socket.is_readable()

    async def send(self, data: bytes) -> None:
        """Hands everything to the kernel. A peer that has closed is not reported here.

        A peer may answer and close before it has read the whole request; reading tells both cases apart.
        """
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            return

    async def receive(self) -> bytes:
        """At least one byte, or none once the peer has closed, cleanly or not.

        Raises:
            trio.ClosedResourceError: `close` was called here.
        """
        try:
            return bytes(await self._stream.receive_some(_READ_SIZE))
        except trio.BrokenResourceError:
            return b""

    def close(self) -> None:
        """Closes at once, without a farewell of TLS that nobody would read; repeats do nothing."""
        self._socket.close()


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
            return Connection(origin, stream)
        try:
            return Connection(origin, await self._secure(stream, origin.host))
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
            return await trio.open_tcp_stream(address, origin.port)
    return await trio.open_tcp_stream(origin.addresses[-1] if origin.addresses else origin.host, origin.port)


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

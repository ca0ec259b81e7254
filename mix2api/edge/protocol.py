"""Hypercorn's HTTP/1.1 on one connection, as the edge has it (ADR 15): what it says to the client, and what it refuses."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import h11
import trio
from attrs import frozen
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Body, EndBody, Request, Response, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState

from mix2api.edge.app import EdgeApp
from mix2api.edge.connection import EdgeConnection, EdgeRequest
from mix2api.edge.strict_http import StrictHttp
from mix2api.errors import ClientVisibleError, InvalidRequest, Overloaded, RequestTimeout
from mix2api.vocabulary import Detail, RequestId
from mix2api.wire.error_answer import envelope

_AHEAD_BYTES: Final = 2**16
"""What a client may send of its next requests while one is answered. Of more, and of its leaving after more, is heard
only once the answer is out."""
_HEALTH: Final = b"/health"
_THROW_AWAY_S: Final = 1.0
_THROW_AWAY_READS: Final = 64
"""Of 64 KiB at most: 4 MB, the usual largest body, of one of the few connections that are answered without a place."""
_VERSIONS: Final = frozenset({b"1.0", b"1.1"})
_BAD_REQUEST: Final = 400
_HEAD_TOO_LONG: Final = 431
_VERSION_NOT_SUPPORTED: Final = 505
_WHY: Final = {
    _HEAD_TOO_LONG: "The head of the request is too long, or has too many fields.",
    501: "The body may be sent with `content-length` or `transfer-encoding: chunked` only.",
    _VERSION_NOT_SUPPORTED: "The edge speaks HTTP/1.1 and 1.0 only.",
}
"""Status -> what to tell; h11 gives 400, 431 and 501."""
_NOT_READABLE: Final = "The request is not well-formed HTTP/1.1, or its body is framed in two ways."


class NotHttp(InvalidRequest):
    """What came is not a request of HTTP/1.1, or one that two servers might understand differently."""

    code = "malformed_http"

    def __init__(self, status: int) -> None:
        super().__init__(
            "The request cannot be read: the edge takes well-formed HTTP/1.1 (and 1.0) in clear."
        )
        self.status = status


@frozen(kw_only=True)
class Link:
    """What the protocol works with on one connection."""

    app: EdgeApp
    config: Config
    context: WorkerContext
    requests: "Requests"
    client: tuple[str, int] | None
    """Addresses; None on a Unix socket."""
    here: tuple[str, int] | None
    send: Callable[[Event], Awaitable[None]]
    is_crowded: bool
    """There is no place for this connection: it may only ask for health."""
    receive: Callable[[int], Awaitable[bytes]]
    """So many bytes at most, and never none.

    Raises:
        trio.BrokenResourceError, trio.ClosedResourceError: the connection is over.
    """


class Protocol(H11Protocol):
    """Hypercorn's HTTP/1.1, and nothing else: requests to upgrade are answered as if they did not ask for it."""

    _head = b""
    """Of the answer, until something of its body is there."""
    _no_body = False
    """The answer has none: the method was HEAD."""

    def __init__(self, link: Link) -> None:
        super().__init__(
            link.app,  # type: ignore[arg-type]  # of ours; only `Requests` calls it
            link.config,
            link.context,
            link.requests,  # type: ignore[arg-type]
            ConnectionState(LifespanState()),
            ssl=False,
            client=link.client,
            server=link.here,
            send=link.send,
        )
        self._edge = link.app
        self._is_crowded = link.is_crowded
        self._receive = link.receive
        self._requests = link.requests
        self.connection: StrictHttp = StrictHttp(self.config.h11_max_incomplete_size)
        self.can_read = _ReadAhead(self, link.receive)  # type: ignore[assignment]  # has what Hypercorn calls

    async def handle(self, event: Event) -> None:
        """What has come from the client; `Closed` when nothing more will.

        Raises:
            trio.ClosedResourceError, trio.BrokenResourceError: no further request will be answered.
        """
        await super().handle(event)
        if isinstance(event, Closed):
            await self.can_read.set()

    async def stream_send(self, event: StreamEvent) -> None:
        """What an answer has for the client."""
        if isinstance(event, Response):
            self._head += self._bytes(
                h11.Response(status_code=event.status_code, headers=self._headers(event))
            )
        elif isinstance(event, Body):
            await self._send_body(h11.Data(data=event.data))
        elif isinstance(event, EndBody):
            await self._send_body(h11.EndOfMessage())
        elif isinstance(event, StreamClosed):
            await self._maybe_recycle()

    async def _close_stream(self) -> None:
        """The answer is out, or the client has gone. Nothing of the request may stay with an idle connection.

        Hypercorn's stream and the request's task refer to each other: that cycle is cut here.
        """
        self._requests.current = None
        stream = self.stream
        await super()._close_stream()
        if isinstance(stream, HTTPStream):
            stream.app_put = None  # type: ignore[assignment]  # Hypercorn itself compares it with None

    def let_go(self) -> None:
        """Cuts the protocol's own cycle. To be called once, when the connection is over and nothing is handled any more."""
        del self.can_read

    def _headers(self, response: Response) -> list[tuple[bytes, bytes]]:
        headers = [*response.headers, *self.config.response_headers("h11")]
        if self._is_crowded or self.context.terminated.is_set():
            headers.append((b"connection", b"close"))
        return headers

    async def _send_body(self, event: h11.Data | h11.EndOfMessage) -> None:
        head, self._head = self._head, b""
        data = head + self._bytes(event)
        if data:
            await self.send(RawData(data))

    def _bytes(self, event: Any) -> bytes:
        try:
            return self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return b""  # the client broke the protocol, and has been told

    async def _send_error_response(self, status_code: int) -> None:
        await self._send_error(NotHttp(status_code))

    async def _send_error(self, error: ClientVisibleError) -> None:
        """What is not read as a request gets the envelope as well, and its canonical line: nobody else would tell of it."""
        request_id = self._edge.refuse_unread(error, self._requests.current)
        events = _unread_answer(error, request_id, self.config, has_body=not self._no_body)
        await self.send(RawData(b"".join(self._bytes(event) for event in events)))

    async def refuse_late(self) -> None:
        """Tells a client whose head is not whole in time; one that has sent nothing is told nothing."""
        if self.connection.has_begun:
            await self._send_error(RequestTimeout("The head of the request did not arrive in time."))

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn's own begins HTTP/2 here, if it is asked to."""

    async def _create_stream(self, request: h11.Request) -> None:
        self._no_body = request.method == b"HEAD"
        target = _origin_form(request.target)
        if request.http_version not in _VERSIONS:
            await self._refuse(_VERSION_NOT_SUPPORTED)
        elif target is None or _is_framed_twice(request) or self.connection.is_loose:
            await self._refuse(_BAD_REQUEST)
        elif self.connection.is_too_long:
            await self._refuse(_HEAD_TOO_LONG)
        elif self._is_crowded and not target.startswith(_HEALTH):
            await self._send_error(_crowded())
            await self._throw_away()
            await self.send(Closed())
        else:
            await self._begin(request, target)

    async def _refuse(self, status: int) -> None:
        await self._send_error_response(status)
        await self.send(Closed())

    async def _throw_away(self) -> None:
        """Reads what comes of a refused request: closed with unread bytes, a socket sends a reset instead of the answer."""
        with trio.move_on_after(_THROW_AWAY_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for _ in range(_THROW_AWAY_READS):
                await self._receive(_AHEAD_BYTES)

    async def _begin(self, request: h11.Request, target: bytes) -> None:
        stream = self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=target,
                state=self.connection_state,
            )
        )


def turned_away(app: EdgeApp, config: Config) -> bytes:
    """The answer to a connection of which nothing is read; its canonical line is written."""
    error = _crowded()
    http = h11.Connection(h11.SERVER)
    events = _unread_answer(error, app.refuse_unread(error, None), config, has_body=True)
    return b"".join(http.send(event) or b"" for event in events)


def _crowded() -> Overloaded:
    return Overloaded(
        "as many clients are connected as this process takes; try again", detail=Detail.CONNECTIONS
    )


def _unread_answer(
    error: ClientVisibleError, request_id: RequestId, config: Config, *, has_body: bool
) -> list[h11.Event]:
    """The envelope as the last answer of a connection."""
    body = envelope(error.body())
    headers = [
        (b"x-request-id", request_id.encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *config.response_headers("h11"),
    ]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    head = h11.Response(status_code=error.status, headers=headers)
    return [head, *([h11.Data(data=body)] if has_body else []), h11.EndOfMessage()]


def _origin_form(target: bytes) -> bytes | None:
    """A request's target as path and query; None if it is no URL. Quart reads the other forms only as far as they are whole."""
    if target.startswith(b"/"):
        return target
    try:
        url = urlsplit(target.decode("ascii"))
    except ValueError:
        return None
    path = url.path if url.path.startswith("/") else f"/{url.path}"
    return f"{path}?{url.query}".encode() if url.query else path.encode()


def _is_framed_twice(request: h11.Request) -> bool:
    """Whether two servers may see the body end at two places (RFC 9112, 6.1): what follows it is then a request to one only."""
    names = {name for name, _ in request.headers}
    return b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0")


class _ReadAhead:
    """Hypercorn's event `can_read`: the reader waits for it when the next request is there before the answer is out.

    The socket is read on meanwhile, within bounds: only so is it noticed that the client has gone.
    """

    def __init__(self, protocol: Protocol, receive: Callable[[int], Awaitable[bytes]]) -> None:
        self._protocol = protocol
        self._receive = receive
        self._waiting = trio.CancelScope()

    async def clear(self) -> None:
        """Nothing: `wait` always waits for the next `set`."""

    async def set(self) -> None:
        """An answer is out, or the connection is over."""
        self._waiting.cancel()

    async def wait(self) -> None:
        """Until the next request may be read.

        Raises:
            trio.ClosedResourceError, trio.BrokenResourceError: it will never be.
        """
        protocol = self._protocol
        with trio.CancelScope() as self._waiting:
            await self._read()
        if protocol.connection.our_state is not h11.IDLE:
            raise trio.ClosedResourceError
        protocol.connection = protocol.connection.rest()

    async def _read(self) -> None:
        http = self._protocol.connection
        room = _AHEAD_BYTES - len(http.trailing_data[0])
        while room > 0:
            data = await self._receive(room)
            http.receive_data(data)
            room -= len(data)
        await trio.sleep_forever()


class Requests:
    """Starts a task for each request; what the client sends reaches it without a channel between them."""

    def __init__(self, app: EdgeApp, nursery: trio.Nursery, broken: trio.Event) -> None:
        self._app = app
        self._nursery = nursery
        self._broken = broken
        self.current: EdgeRequest | None = None
        """Of which something may still come. Let go with its answer: an idle connection is not to hold a conversation."""

    async def spawn_app(
        self, _: Any, config: Config, scope: Any, send: Any
    ) -> Callable[[Any], Awaitable[None]]:
        """As Hypercorn's `TaskGroup` has it: gives what takes the request's messages."""
        connection = EdgeConnection(self._app, scope, send, config.log, self._broken)
        self.current = connection.request
        self._nursery.start_soon(connection.run)
        return connection.put

"""One client's connection: HTTP/1.1 by h11 on a trio stream. Knows nothing of the site.

Faults are made here too: half a chunk, a reset, bytes that are not HTTP. So the socket is ours alone, and no server
library stands between a frame and its write.
"""

import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import h11
import trio
from attrs import frozen

_READ_BYTES: Final = 65_536
_HEAD_BYTES: Final = 65_536
BODY_BYTES: Final = 1 << 26
"""64 MiB: over any request that a test sends, within a small machine's memory."""
_JSON_TYPE: Final = "application/json"


class BodyTooLarge(Exception):
    """The request's body is over `BODY_BYTES`."""


@frozen
class Incoming:
    """One request, read whole."""

    method: str
    path: tuple[str, ...]
    """The path's segments: `/v2/chats` is `("v2", "chats")`."""
    query: dict[str, str]
    headers: dict[str, str]
    """By lower-case name; of a name that repeats, the last."""
    body: bytes


class Connection:
    """Reads requests and writes answers, one after the other."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        self._broken = False

    @property
    def reusable(self) -> bool:
        """Whether another request may follow on this connection."""
        return not self._broken and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def next_request(self) -> Incoming | None:
        """The next request, or None if the client closed the connection between two of them.

        Raises:
            h11.RemoteProtocolError: not HTTP.
            BodyTooLarge: the body is over `BODY_BYTES`; nothing more can be read.
            trio.BrokenResourceError: the connection was lost.
        """
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
        pieces, size = [], 0
        while isinstance(event := await self._next_event(), h11.Data):
            pieces.append(bytes(event.data))
            size += len(event.data)
            if size > BODY_BYTES:
                raise BodyTooLarge
        return _incoming(head, b"".join(pieces))

    async def _next_event(self) -> h11.Event:
        # What is no event is NEED_DATA; PAUSED cannot be, since a cycle begins before its request is read.
        while not isinstance(event := self._http.next_event(), h11.Event):
            self._http.receive_data(await self._stream.receive_some(_READ_BYTES))
        return event

    async def watched(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Does `work`, ended at once when the client goes away.

        Returns:
            True if the client stayed until `work` was through.
        """
        through = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            # A write may notice before the watcher does that the client is gone.
            with suppress(trio.BrokenResourceError):
                await work()
                through = True
            nursery.cancel_scope.cancel()
        self._broken = self._broken or not through
        return through

    async def _watch(self, work: trio.CancelScope) -> None:
        unread = 0
        # A client that pipelines is read up to a bound; whether it leaves is then seen at the next write.
        while unread < _HEAD_BYTES:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                work.cancel(reason="the client went away")
                return
            unread += len(data)
            self._http.receive_data(data)

    async def send_head(
        self, status: int, content_type: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Status line and headers of an answer whose body is sent in chunks."""
        fields = [("content-type", content_type), *headers]
        await self._send(h11.Response(status_code=status, headers=fields))

    async def send_data(self, data: bytes) -> None:
        """One piece of the body, as one chunk in one write."""
        await self._send(h11.Data(data=data))

    async def send_end(self, data: bytes = b"") -> None:
        """The last piece and the end of the body, in one write."""
        last = (self._http.send(h11.Data(data=data)) or b"") if data else b""
        await self._stream.send_all(last + (self._http.send(h11.EndOfMessage()) or b""))

    async def send_half(self, data: bytes) -> None:
        """Half of a chunk; the connection can only be closed afterwards."""
        chunk = self._http.send(h11.Data(data=data)) or b""
        self._broken = True
        await self._stream.send_all(chunk[: len(chunk) // 2])

    async def send_garbage(self, data: bytes) -> None:
        """Bytes that are no HTTP; the connection can only be closed afterwards."""
        self._broken = True
        await self._stream.send_all(data)

    async def send_body(
        self,
        status: int,
        body: bytes,
        content_type: str = _JSON_TYPE,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """A whole answer in one write."""
        fields = [("content-type", content_type), ("content-length", str(len(body))), *headers]
        head = self._http.send(h11.Response(status_code=status, headers=fields)) or b""
        rest = self._http.send(h11.Data(data=body)) or b""
        await self._stream.send_all(head + rest + (self._http.send(h11.EndOfMessage()) or b""))

    async def send_half_body(self, body: bytes) -> None:
        """A head that promises `body` and half of it; the connection can only be closed afterwards."""
        self._broken = True
        fields = [("content-type", _JSON_TYPE), ("content-length", str(len(body)))]
        head = self._http.send(h11.Response(status_code=HTTPStatus.OK, headers=fields)) or b""
        await self._stream.send_all(head + body[: len(body) // 2])

    def drop(self, *, reset: bool) -> None:
        """Has the connection closed when the answer is left; with `reset` by an RST."""
        self._broken = True
        if reset:
            # Lingering for no time makes close() send a reset.
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _send(self, event: h11.Event) -> None:
        await self._stream.send_all(self._http.send(event) or b"")


def _incoming(head: h11.Request, body: bytes) -> Incoming:
    target = urlsplit(head.target.decode("latin-1"))
    return Incoming(
        method=head.method.decode("ascii"),
        path=tuple(target.path.strip("/").split("/")),
        query=dict(parse_qsl(target.query)),
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
        body=body,
    )

"""`GET /internal/tool-context/{runtime_session}`: what a tool inside a runtime session may know of its run. Loopback only.

It has a port of its own, because it gives the caller's access token away: no client can reach it, whatever stands before the
edge. One request for each connection.
"""

import hmac
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import h11
import msgspec
import trio
from attrs import frozen

from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.upstreams.opencode.contexts import RunContexts

HOST: Final = "127.0.0.1"
PATH: Final = "/internal/tool-context/"
_LIMIT_S: Final = 10.0
"""For one request and its answer."""
_HEAD_BYTES: Final = 16 * 1024
_READ_BYTES: Final = 4096
_CONNECTIONS: Final = 64
"""At once: each run has few tools that work side by side."""


@frozen
class ContextServer:
    """Serves one process's contexts.

    Args:
        contexts: of its runs.
        token: the bearer that a tool has to bring.
        port: to listen on; 0 takes a free one.
    """

    contexts: RunContexts
    token: str
    port: int

    async def serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves for ever; tells the port.

        Raises:
            ConfigurationError: the port cannot be listened on.
        """
        try:
            listeners = await trio.open_tcp_listeners(self.port, host=HOST)
        except OSError as fault:
            raise ConfigurationError(
                f"OPENCODE_CONTEXT_PORT: {self.port} cannot be listened on at {HOST}: {fault.strerror}"
            ) from None
        task_status.started(listeners[0].socket.getsockname()[1])
        places = trio.CapacityLimiter(_CONNECTIONS)

        async def connection(stream: trio.SocketStream) -> None:
            async with stream, places:
                with trio.move_on_after(_LIMIT_S):
                    try:
                        await self._answer(stream)
                    except (trio.BrokenResourceError, h11.LocalProtocolError):
                        return  # it has left

        await trio.serve_listeners(connection, listeners)

    async def _answer(self, stream: trio.SocketStream) -> None:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        request = await _request(stream, http)
        status, body = (HTTPStatus.BAD_REQUEST, b"") if request is None else await self._told(request)
        headers = [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        events = (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        await stream.send_all(b"".join(http.send(event) or b"" for event in events))

    async def _told(self, request: h11.Request) -> tuple[HTTPStatus, bytes]:
        """Status and body. Who has no right hears nothing of what there is."""
        path = request.target.decode("latin-1").partition("?")[0]
        if not path.startswith(PATH):
            return HTTPStatus.NOT_FOUND, b""
        if request.method != b"GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, b""
        given = dict(request.headers).get(b"authorization", b"")
        if not hmac.compare_digest(given, f"Bearer {self.token}".encode()):
            return HTTPStatus.UNAUTHORIZED, b""
        try:
            context = await self.contexts.context(unquote(path.removeprefix(PATH)))
        except StoreUnavailable:
            return HTTPStatus.SERVICE_UNAVAILABLE, b""
        if context is None:
            return HTTPStatus.NOT_FOUND, b""
        sensitive = {"accessToken": self.contexts.token(context.scope_key)}
        told = {**msgspec.to_builtins(context), "sensitiveContext": sensitive}
        return HTTPStatus.OK, msgspec.json.encode(told)


async def _request(stream: trio.SocketStream, http: h11.Connection) -> h11.Request | None:
    """The request's head; None if it is none.

    Raises:
        trio.BrokenResourceError: it has left.
    """
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Request):
            return event
        if event is h11.NEED_DATA:
            data = await stream.receive_some(_READ_BYTES)
            if not data:
                raise trio.BrokenResourceError
            http.receive_data(data)

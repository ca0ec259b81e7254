"""The admin port: `GET /metrics` and nothing else, for Prometheus, on an address that clients do not reach.

One request for each connection. What is wrong with it is answered with a status and no word about it.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import h11
import trio

from mix2api.errors import ConfigurationError
from mix2api.metrics.exposition import CONTENT_TYPE

_LIMIT_S: Final = 10.0
"""For one request and its answer: Prometheus's own default."""
_HEAD_BYTES: Final = 16 * 1024
_READ_BYTES: Final = 4096
_CONNECTIONS: Final = 16
"""At once: one for each Prometheus, and some for curious people."""

Text = Callable[[], Awaitable[bytes]]


async def serve_admin(
    host: str, ports: range, text: Text, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serves for ever, on the first free port.

    Args:
        host: the address.
        ports: of which the first free one is taken, so that each process of a machine finds one.
        text: makes the answer.
        task_status: told the port.

    Raises:
        ConfigurationError: none of the ports can be listened on.
    """
    listeners = await _listeners(host, ports)
    task_status.started(listeners[0].socket.getsockname()[1])
    places = trio.CapacityLimiter(_CONNECTIONS)

    async def connection(stream: trio.SocketStream) -> None:
        async with stream, places:
            with trio.move_on_after(_LIMIT_S):
                try:
                    await _answer(stream, text)
                except (trio.BrokenResourceError, h11.LocalProtocolError):
                    return  # it has left

    await trio.serve_listeners(connection, listeners)


async def _listeners(host: str, ports: range) -> list[trio.SocketListener]:
    for port in ports:
        try:
            return await trio.open_tcp_listeners(port, host=host)
        except OSError:
            continue
    raise ConfigurationError(
        f"MIX2API_ADMIN_PORT: no port from {ports.start} to {ports.stop - 1} can be listened on at {host}"
    )


async def _answer(stream: trio.SocketStream, text: Text) -> None:
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
    status, body = await _status_of(stream, http), b""
    if status == _OK:
        body = await text()
    headers = [
        ("content-type", CONTENT_TYPE),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    events = (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
    await stream.send_all(b"".join(http.send(event) or b"" for event in events))


_OK: Final = 200


async def _status_of(stream: trio.SocketStream, http: h11.Connection) -> int:
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError:
            return 400
        if isinstance(event, h11.Request):
            path = bytes(event.target).partition(b"?")[0]
            if path != b"/metrics":
                return 404
            return _OK if event.method == b"GET" else 405
        if event is h11.NEED_DATA:
            data = await stream.receive_some(_READ_BYTES)
            if not data:
                raise trio.BrokenResourceError
            http.receive_data(data)

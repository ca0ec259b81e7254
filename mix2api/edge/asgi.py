"""ASGI, as far as the routes that Quart answers need it: a request to its answer, which is small and comes whole.

Source: ASGI 3.0, "HTTP & WebSocket ASGI Message Format". No route here has a body, so the application is given none.
"""

from typing import Any, Final, cast

import trio
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent, HTTPScope
from quart import Quart

from mix2api.edge.answers import Headers
from mix2api.edge.request import EdgeRequest

EXTENSION: Final = "mix2api.request"
"""Under `extensions` of the scope: the `EdgeRequest`."""
_NOT_FOR_THE_APP: Final = frozenset({b"host", b"content-length", b"transfer-encoding"})
"""No route depends on the host, and Quart fails at some hosts. There is no body."""


async def answer_of(app: Quart, request: EdgeRequest) -> tuple[int, Headers, bytes]:
    """What the application answers: status, headers without `content-length`, body."""
    exchange = _Exchange()
    await app(scope_of(request), exchange.receive, exchange.send)
    return exchange.status, exchange.headers, b"".join(exchange.pieces)


def scope_of(request: EdgeRequest) -> HTTPScope:
    """The scope of a request."""
    head = request.head
    assert head is not None  # noqa: S101 - headers are forgotten by chat only
    raw_path, _, query = head.target.partition(b"?")
    headers = [(name, value) for name, value in head.headers if name not in _NOT_FOR_THE_APP]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.1"},
        "http_version": head.version,
        "method": head.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"edge"), *headers],
        "client": None,
        "server": None,
        "state": {},
        "extensions": {EXTENSION: request},
    }
    return cast("HTTPScope", scope)


class _Exchange:
    """One request's messages."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self._was_asked = False

    async def receive(self) -> ASGIReceiveEvent:
        """An empty body, and then nothing: the client's leaving is the connection's affair."""
        if self._was_asked:
            await trio.sleep_forever()
        self._was_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: ASGISendEvent) -> None:
        """Collects the answer."""
        said = cast("dict[str, Any]", message)
        if said["type"] == "http.response.start":
            self.status = int(said["status"])
            self.headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in said["headers"]
                if name.lower() != b"content-length"
            ]
        else:
            self.pieces.append(bytes(said.get("body", b"")))

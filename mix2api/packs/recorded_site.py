"""A site that says again what a site has said: the recorded upstream of the replay gate. It can also do the recording.

It answers one request after the other with the answers of the exchange at hand. What it is asked plays no part; the packs
judge that. Each answer leaves in one piece, so the framing is another than when it was recorded.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import Final

import h11
import trio
from attrs import define, field
from msgspec import Struct

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import split_url

_READ_BYTES: Final = 65_536
_PASSED_ON: Final = frozenset({"content-type", "retry-after"})
"""Fields of an answer's head that mean something to an adapter."""
_ASKED: Final = frozenset({"content-type", "accept", "authorization"})


class SiteAnswer(Struct, frozen=True):
    """One answer of a site."""

    status: int
    headers: dict[str, str]
    body: str


@define(eq=False)
class RecordedSite:
    """The site.

    Args:
        behind: the URL of a site that is asked for each answer, and whose answers are kept; None: it replays.
    """

    _behind: str | None = None
    answers: list[SiteAnswer] = field(factory=list)
    """Of the exchange at hand: what is left to be said, or what was said so far."""
    url: str = field(default="", init=False)

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Serves until it is cancelled."""
        with closing(HttpClient(HttpOptions())) as client:
            async with trio.open_nursery() as nursery:
                (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
                self.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"

                async def visited(stream: trio.SocketStream) -> None:
                    async with stream:
                        with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
                            await self._answer(stream, client)

                nursery.start_soon(trio.serve_listeners, visited, [listener])
                task_status.started()
                await trio.sleep_forever()

    async def _answer(self, stream: trio.SocketStream, client: HttpClient) -> None:
        """One request; then the connection closes."""
        http = h11.Connection(h11.SERVER)
        asked, body = await _request(stream, http)
        if asked is None:
            return
        answer = await self._next(asked, body, client)
        data = answer.body.encode()
        fields = [*answer.headers.items(), ("content-length", str(len(data))), ("connection", "close")]
        head = h11.Response(status_code=answer.status, headers=fields)
        pieces = [http.send(each) or b"" for each in (head, h11.Data(data=data), h11.EndOfMessage())]
        await stream.send_all(b"".join(pieces))

    async def _next(self, asked: h11.Request, body: bytes, client: HttpClient) -> SiteAnswer:
        if self._behind is not None:
            answer = await _forwarded(self._behind, asked, body, client)
            self.answers.append(answer)
            return answer
        if self.answers:
            return self.answers.pop(0)
        return SiteAnswer(501, {"content-type": "application/json"}, '{"error":"nothing more was recorded"}')


async def _request(stream: trio.SocketStream, http: h11.Connection) -> tuple[h11.Request | None, bytes]:
    asked, body = None, b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await stream.receive_some(_READ_BYTES))
        elif isinstance(event, h11.Request):
            asked = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            return asked, body


async def _forwarded(url: str, asked: h11.Request, body: bytes, client: HttpClient) -> SiteAnswer:
    origin, _ = split_url(url)
    headers = tuple(
        (name.decode(), value.decode()) for name, value in asked.headers if name.decode() in _ASKED
    )
    request = HttpRequest(
        origin=origin, path=asked.target.decode(), headers=headers, body=body, method=asked.method.decode()
    )
    received = b""
    async with client.send(request) as exchange:
        head = await exchange.head()
        while piece := await exchange.receive():
            received += piece
    kept = {name: value for name, value in head.headers.items() if name in _PASSED_ON}
    return SiteAnswer(head.status, kept, received.decode())


@asynccontextmanager
async def recorded_site(behind: str | None = None) -> AsyncIterator[RecordedSite]:
    """A site that is ready; `behind` as for `RecordedSite`."""
    async with trio.open_nursery() as nursery:
        site = RecordedSite(behind)
        await nursery.start(site.serve)
        yield site
        nursery.cancel_scope.cancel()

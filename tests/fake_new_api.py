"""A new-api for tests: two channels behind its admin API, with the refusals and the older forms of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import h11
import msgspec
import trio
from attrs import define, field

from mix2api.settings import NewApiGateway

TOKEN = "admin-t0ken"
STABLE, CANARY = 3, 4


@define(eq=False)
class FakeNewApi:
    """What it has, and how it behaves."""

    port: int = 0
    channels: dict[int, dict[str, int]] = field(
        factory=lambda: {each: {"id": each, "weight": 50, "status": 1} for each in (STABLE, CANARY)}
    )
    calls: list[str] = field(factory=list)
    """Method and path of each, in order."""
    has_status_path: bool = True
    """False: an older version, whose `PUT` takes the status."""
    keeps: bool = True
    """False: it says yes and changes nothing."""
    silent: bool = False
    """It takes requests and does not answer."""
    garbage: bytes = b""
    """What it answers instead."""

    @property
    def settings(self) -> NewApiGateway:
        return NewApiGateway(
            url=f"http://127.0.0.1:{self.port}", token=TOKEN, stable_channel=STABLE, canary_channel=CANARY
        )

    @property
    def weights(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Weight and status of stable, and of the canary."""
        stable, canary = self.channels[STABLE], self.channels[CANARY]
        return (stable["weight"], stable["status"]), (canary["weight"], canary["status"])

    def answer(self, asked: h11.Request, body: bytes) -> tuple[int, bytes]:
        method, path, headers = asked.method.decode(), asked.target.decode(), dict(asked.headers)
        self.calls.append(f"{method} {path}")
        if self.garbage:
            return 200, self.garbage
        if (headers[b"authorization"], headers[b"new-api-user"]) != (TOKEN.encode(), b"1"):
            return 401, said(message=f"not logged in with {headers[b'authorization'].decode()}")
        change = msgspec.json.decode(body or b"{}")
        if method == "PUT":
            if self.has_status_path and "status" in change:
                return 200, said(message="invalid parameters")
            return self.changed(change["id"], change)
        channel, _, word = path.removeprefix("/api/channel/").partition("/")
        if int(channel) not in self.channels or (word and not self.has_status_path):
            return 404, b"404 page not found"
        if word:
            return self.changed(int(channel), change)
        return 200, said(success=True, data={"name": "a channel", **self.channels[int(channel)]})

    def changed(self, channel: int, change: dict[str, int]) -> tuple[int, bytes]:
        if self.keeps:
            self.channels[channel] |= change
        return 200, said(success=True)

    async def take(self, stream: trio.SocketStream) -> None:
        """Serves one connection."""
        http, body = h11.Connection(h11.SERVER), b""
        asked: h11.Request | None = None
        async with stream:
            while True:
                match http.next_event():
                    case h11.Request() as asked:
                        body = b""
                    case h11.Data() as data:
                        body += bytes(data.data)
                    case h11.EndOfMessage() if asked is not None:
                        if self.silent:
                            await trio.sleep_forever()
                        status, answer = self.answer(asked, body)
                        head = h11.Response(
                            status_code=status, headers=[("content-length", str(len(answer)))]
                        )
                        parts = [http.send(each) or b"" for each in (head, h11.Data(data=answer))]
                        await stream.send_all(b"".join(parts) + (http.send(h11.EndOfMessage()) or b""))
                        http.start_next_cycle()
                    case h11.NEED_DATA:
                        http.receive_data(await stream.receive_some())
                    case _:
                        return


def said(**fields: Any) -> bytes:
    return msgspec.json.encode({"success": False, "message": ""} | fields)


@asynccontextmanager
async def fake_new_api(**behaviour: Any) -> AsyncIterator[FakeNewApi]:
    """One on a free port."""
    fake = FakeNewApi(**behaviour)
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        fake.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, fake.take, [listener])
        yield fake
        nursery.cancel_scope.cancel()

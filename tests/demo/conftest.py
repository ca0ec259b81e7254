"""A small h11 client of the demo site, and fixtures that start sites."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import h11
import msgspec
import pytest
import trio
from attrs import define, field

from mix2api.demo import Demo, DemoOptions, serve_demo

GUARD_S = 20
"""No test may wait longer for an answer; far over what any needs."""


@define
class Got:
    """An answer as far as it came."""

    status: int = 0
    headers: dict[str, str] = field(factory=dict)
    pieces: list[bytes] = field(factory=list)
    whole: bool = False
    """The body came to its end."""
    fault: Exception | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def payloads(self) -> list[bytes]:
        """What stands behind `data: `, split on line feeds only."""
        lines = self.body.split(b"\n")
        return [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(each) for each in self.payloads if each != b"[DONE]"]

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    @property
    def done(self) -> bool:
        return bool(self.payloads) and self.payloads[-1] == b"[DONE]"

    @property
    def text(self) -> str:
        return "".join(frame["delta"] for frame in self.frames if frame["type"] == "text-delta")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


class SiteClient:
    """One connection to a site."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        fields = {"host": "demo", "content-length": str(len(body)), "accept": "text/event-stream"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = h11.Request(method=method, target=path, headers=list(fields.items()))
        await self.stream.send_all(
            self._http.send(head) + self._http.send(h11.Data(data=body)) + self._http.send(h11.EndOfMessage())
        )

    async def pieces(self, got: Got) -> AsyncIterator[bytes]:
        """The answer's body as it comes; `got` is filled on the way."""
        while True:
            event = self._http.next_event()
            match event:
                case h11.NEED_DATA:
                    self._http.receive_data(await self.stream.receive_some(65_536))
                case h11.Response():
                    got.status = event.status_code
                    got.headers = {name.decode(): value.decode() for name, value in event.headers}
                case h11.Data():
                    got.pieces.append(bytes(event.data))
                    yield bytes(event.data)
                case h11.EndOfMessage():
                    got.whole = True
                    return

    async def read(self) -> Got:
        got = Got()
        try:
            async for _ in self.pieces(got):
                pass
        except (h11.RemoteProtocolError, trio.BrokenResourceError) as fault:
            got.fault = fault
        if got.whole and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return got

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Got:
        with trio.fail_after(GUARD_S):
            await self.send(method, path, body, **headers)
            return await self.read()

    async def chat(self, body: dict[str, Any], **headers: str) -> Got:
        return await self.call("POST", "/v2/chats", msgspec.json.encode(body), **headers)

    async def ask(self, text: str, **fields: Any) -> Got:
        return await self.chat(chat_body([{"role": "user", "content": text}], **fields))


def chat_body(messages: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    request = {"agent_slug": "web-general", "model_slug": "m", "query": "the query"}
    return {"request": request, "messages": messages, "stream": True, **fields}


@pytest.fixture
def start_demo(nursery: trio.Nursery) -> Callable[..., Awaitable[Demo]]:
    async def start(**options: Any) -> Demo:
        return await nursery.start(serve_demo, DemoOptions(**options))

    return start


@pytest.fixture
async def demo(start_demo: Callable[..., Awaitable[Demo]]) -> Demo:
    return await start_demo(chunks=4, size=20)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Demo], Awaitable[SiteClient]]]:
    streams: list[trio.SocketStream] = []

    async def open_client(demo: Demo) -> SiteClient:
        streams.append(await trio.open_tcp_stream("127.0.0.1", demo.port))
        return SiteClient(streams[-1])

    yield open_client
    for stream in streams:
        await trio.aclose_forcefully(stream)


@pytest.fixture
async def client(demo: Demo, connect: Callable[[Demo], Awaitable[SiteClient]]) -> SiteClient:
    return await connect(demo)


@pytest.fixture
def body_of() -> Callable[..., dict[str, Any]]:
    return chat_body

"""An endpoint that passes everything on to a good one, and changes one thing: what the packs must notice."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import h11
import msgspec
import trio
from attrs import define, evolve, field, frozen

_READ_BYTES: Final = 65_536
_FRAME_END: Final = b"\n\n"
GOOD_KEY: Final = "sk-of-the-tests"


@frozen(kw_only=True)
class Asked:
    """A request as it came, read whole."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None

    def with_json(self, body: Any) -> "Asked":
        return evolve(self, body=msgspec.json.encode(body))


@frozen(kw_only=True)
class Head:
    """An answer's head."""

    status: int
    headers: Mapping[str, str]

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def without(self, *names: str) -> "Head":
        return evolve(
            self, headers={name: value for name, value in self.headers.items() if name not in names}
        )

    def having(self, **headers: str) -> "Head":
        return evolve(
            self,
            headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )


Frames = Callable[[bytes], bytes]
"""Changes one frame of a stream, its blank line included; nothing takes it away."""


@frozen(kw_only=True)
class Mutation:
    """One change. What is not named passes unchanged."""

    name: str
    request: Callable[[Asked], Asked] = lambda asked: asked
    head: Callable[[Head, Asked], Head] = lambda head, _: head
    whole: Callable[[bytes, Head, Asked], bytes] = lambda body, _, __: body
    frames: Callable[[Asked], Frames] = lambda _: lambda frame: frame
    """Called once for each stream."""
    buffers: bool = False
    """A stream is sent once it is whole."""
    cuts: Callable[[bytes], bool] = lambda _: False
    """The connection is closed before the frame of which this is true."""
    hangs: Callable[[Head], bool] = lambda _: False
    """Nothing is answered."""
    keeps_upstream: bool = False
    """Reads the good endpoint's stream on after the client has left."""
    fails_after_leaving: bool = False
    """Refuses the request that follows a client's leaving."""
    visits_mcp: bool = False
    """Connects to the MCP server of a tool, as a server that executes tools would."""


@define
class MutatingProxy:
    """One proxy. `mutation` may be changed between runs."""

    upstream_port: int
    mutation: Mutation
    port: int = 0
    _somebody_left: bool = field(default=False)

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, one request."""
        try:
            await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            pass
        finally:
            with trio.move_on_after(0.05, shield=True):
                await stream.aclose()

    async def _serve(self, stream: trio.SocketStream) -> None:
        http = h11.Connection(h11.SERVER)
        asked = self.mutation.request(await _read_request(http, stream))
        if self.mutation.visits_mcp:
            await _visit(asked)
        if self.mutation.fails_after_leaving and self._somebody_left:
            self._somebody_left = False
            await _send(http, stream, Head(status=503, headers={"content-type": "application/json"}), b"{}")
            return
        async with await trio.open_tcp_stream("127.0.0.1", self.upstream_port) as upstream:
            backwards = h11.Connection(h11.CLIENT)
            await _forward(backwards, upstream, asked)
            head = await _read_head(backwards, upstream)
            if self.mutation.hangs(head):
                await trio.sleep_forever()
            changed = self.mutation.head(head, asked)
            body = _Body(backwards, upstream)
            if head.is_stream and changed.is_stream:
                await self._stream(_Client(http, stream, changed), body, asked)
            else:
                await _send(http, stream, changed, self.mutation.whole(await body.rest(), head, asked))

    async def _stream(self, client: "_Client", body: "_Body", asked: Asked) -> None:
        frames = _Frames(self.mutation, asked)
        try:
            while piece := await body.piece():
                out = frames.feed(piece)
                if frames.is_cut or (out and not self.mutation.buffers):
                    await client.send(out)
                if frames.is_cut:
                    return
        except trio.BrokenResourceError:
            self._somebody_left = True
            if self.mutation.keeps_upstream:
                await body.rest()
            raise
        await client.end(frames.kept if self.mutation.buffers else b"")


class _Frames:
    """One stream's frames, changed."""

    def __init__(self, mutation: Mutation, asked: Asked) -> None:
        self._cuts = mutation.cuts
        self._change = mutation.frames(asked)
        self._held = b""
        self.kept = b""
        """All that has left so far."""
        self.is_cut = False

    def feed(self, piece: bytes) -> bytes:
        """The changed frames that are whole now."""
        *frames, self._held = (self._held + piece).split(_FRAME_END)
        out = b""
        for frame in frames:
            if self._cuts(frame + _FRAME_END):
                self.is_cut = True
                break
            out += self._change(frame + _FRAME_END)
        self.kept += out
        return out


class _Client:
    """The client of one stream."""

    def __init__(self, http: h11.Connection, stream: trio.SocketStream, head: Head) -> None:
        self._http = http
        self._stream = stream
        self._head: Head | None = head

    async def send(self, out: bytes) -> None:
        begun = b""
        if self._head is not None:
            begun = self._http.send(_response(self._head)) or b""
            self._head = None
        await self._stream.send_all(begun + ((self._http.send(h11.Data(data=out)) or b"") if out else b""))

    async def end(self, out: bytes) -> None:
        await self.send(out)
        await self._stream.send_all(self._http.send(h11.EndOfMessage()) or b"")


class _Body:
    """One message's body, piece by piece."""

    def __init__(self, http: h11.Connection, stream: trio.SocketStream) -> None:
        self._http = http
        self._stream = stream

    async def piece(self) -> bytes:
        """The next one, nothing at the end."""
        event = await _event(self._http, self._stream)
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def rest(self) -> bytes:
        pieces = []
        while piece := await self.piece():
            pieces.append(piece)
        return b"".join(pieces)


def _response(head: Head) -> h11.Response:
    dropped = {"content-length", "transfer-encoding", "date", "connection"}
    kept = [(name, value) for name, value in head.headers.items() if name not in dropped]
    return h11.Response(status_code=head.status, headers=[*kept, ("connection", "close")])


async def _send(http: h11.Connection, stream: trio.SocketStream, head: Head, body: bytes) -> None:
    parts: tuple[h11.Event, ...] = (_response(head), h11.Data(data=body), h11.EndOfMessage())
    await stream.send_all(b"".join(http.send(part) or b"" for part in parts))


async def _event(http: h11.Connection, stream: trio.SocketStream) -> Any:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some(_READ_BYTES))
    return event


async def _read_request(http: h11.Connection, stream: trio.SocketStream) -> Asked:
    head = await _event(http, stream)
    if not isinstance(head, h11.Request):
        raise trio.ClosedResourceError
    body = await _Body(http, stream).rest()
    headers = {name.decode(): value.decode("latin1") for name, value in head.headers}
    return Asked(method=head.method.decode(), target=head.target.decode(), headers=headers, body=body)


async def _forward(http: h11.Connection, stream: trio.SocketStream, asked: Asked) -> None:
    headers = {**asked.headers, "content-length": str(len(asked.body)), "connection": "close"}
    request = h11.Request(method=asked.method, target=asked.target, headers=list(headers.items()))
    parts: tuple[h11.Event, ...] = (request, h11.Data(data=asked.body), h11.EndOfMessage())
    await stream.send_all(b"".join(http.send(part) or b"" for part in parts))


async def _read_head(http: h11.Connection, stream: trio.SocketStream) -> Head:
    response = await _event(http, stream)
    assert isinstance(response, h11.Response), response
    headers = {name.decode().lower(): value.decode("latin1") for name, value in response.headers}
    return Head(status=response.status_code, headers=headers)


async def _visit(asked: Asked) -> None:
    body = asked.json if isinstance(asked.json, dict) else {}
    for tool in body.get("tools") or ():
        address = tool.get("server_url") if isinstance(tool, dict) else None
        if address:
            port = int(address.rpartition(":")[2].partition("/")[0])
            async with await trio.open_tcp_stream("127.0.0.1", port) as visited:
                await visited.receive_some(1)


@asynccontextmanager
async def mutating_proxy(upstream_port: int, mutation: Mutation) -> AsyncIterator[MutatingProxy]:
    """A proxy in front of the endpoint at this port."""
    proxy = MutatingProxy(upstream_port=upstream_port, mutation=mutation)
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        proxy.port = listener.socket.getsockname()[1]
        await nursery.start(partial(trio.serve_listeners, proxy.serve, [listener]))
        yield proxy
        nursery.cancel_scope.cancel()

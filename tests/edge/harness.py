"""A real server on a free port of the loopback, a scripted worker behind it, and a client that sees every byte."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import h11
import msgspec
import trio
from attrs import define, evolve, field, frozen

from mix2api.accounts.owners import Owners
from mix2api.clock import SystemClock
from mix2api.edge.app import EdgeApp, EdgeParts, build_app
from mix2api.edge.continuing import Continuing
from mix2api.edge.health import Health
from mix2api.edge.options import EdgeOptions
from mix2api.edge.refusals import EdgeFault, RefusedRequest
from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.edge.server import GRACE_S, ServerOptions, serve
from mix2api.edge.upstream_bases import OnlyTheConfigured, UpstreamBases
from mix2api.events.kinds import Usage
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.aborting import AbortAsked, AbortOutcome
from mix2api.sessions.resolution import Reuse, SessionIndex
from mix2api.sessions.sites import Site, Sites
from mix2api.sessions.worker_port import Accepted, Ended, Reply, TextDelta
from mix2api.store.memory import MemoryOwners, MemorySessionIndex
from mix2api.store_watch import Silence, StoreWatch
from mix2api.vocabulary import Digest, EndReason, FinishReason, ProcessId, RequestId, Shard

SECRET = b"a secret of the tests, 32 bytes."
TOKEN = "sk-test"
SESSION = "ses_0001abcdefghijklmnopqrstuv_0123456789abcdef"
OPTIONS = EdgeOptions(
    process=ProcessId("p_test"), version="0.0", models=("mix/one", "mix/two"), bearer_token=TOKEN
)
USAGE = Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
ACCEPTED = Accepted(session_id=SESSION, resolution="fresh", reason="no_history")
STOPPED = Ended(end_reason=EndReason.STOP, finish_reason=FinishReason.STOP, usage=USAGE)
FAILED = Ended(
    end_reason=EndReason.UPSTREAM_ERROR,
    detail="truncated",
    http_status=502,
    message="the upstream broke off",
    error_type="upstream_error",
    error_code="upstream_error",
)
OVERLOADED = Ended(
    end_reason=EndReason.OVERLOADED,
    detail="queue",
    http_status=503,
    message="too much to do",
    error_type="overloaded_error",
    error_code="overloaded",
    retry_after_s=7,
)
HELLO: tuple[Reply, ...] = (ACCEPTED, TextDelta("Hello"), TextDelta(" there"), STOPPED)
ASK: dict[str, Any] = {"model": "mix/one", "messages": [{"role": "user", "content": "hi"}]}


@define
class Watcher:
    """Records what the edge reports, and tells of its health."""

    refused: list[RefusedRequest] = field(factory=list)
    faults: list[EdgeFault] = field(factory=list)
    health: Health = field(factory=Health)
    exhausted: int = 0
    headers: dict[str, dict[str, str]] = field(factory=dict)
    bodies: dict[str, list[str]] = field(factory=dict)
    ignored: list[str] = field(factory=list)

    def on_refused(self, refused: RefusedRequest) -> None:
        self.refused.append(refused)

    def on_fault(self, fault: EdgeFault) -> None:
        self.faults.append(fault)

    def on_headers(self, request_id: RequestId, headers: Mapping[str, str]) -> None:
        self.headers[request_id] = dict(headers)

    def on_body(self, request_id: RequestId, told: list[str]) -> None:
        self.bodies[request_id] = told

    def on_limit_ignored(self, param: str) -> None:
        self.ignored.append(param)

    def on_exhausted(self) -> None:
        self.exhausted += 1

    def snapshot(self) -> Health:
        return self.health


@frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json()["error"]
        return error

    def frames(self) -> list[str]:
        """The payloads of an SSE body, comments left out."""
        return frames_of(self.body)

    def chunks(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(frame) for frame in self.frames() if frame != "[DONE]"]


def frames_of(body: bytes) -> list[str]:
    events = "\n".join(line for line in body.decode().split("\n") if not line.startswith(":"))
    blocks = events.split("\n\n")
    assert blocks[-1] == ""
    return [block.removeprefix("data: ") for block in blocks[:-1]]


@define
class Edge:
    """A running edge."""

    app: EdgeApp
    dispatch: ScriptedDispatch
    watcher: Watcher
    port: int
    stopping: trio.Event
    """Tells the server to stop, if it is set."""
    stopped: trio.Event
    """The server has ended by itself."""
    hard_stop: trio.CancelScope
    """Cancels the server as its grace running out does."""

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        async with self.connect() as client:
            await client.ask(method, path, body, headers)
            return await client.answer()

    async def chat(self, /, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
        return await self.send("POST", "/v1/chat/completions", msgspec.json.encode(ASK | fields), headers)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Client"]:
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            yield Client(stream)


class Client:
    """One connection, spoken with h11."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.http = h11.Connection(h11.CLIENT)

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        given = {
            "host": "edge",
            "authorization": f"Bearer {TOKEN}",
            "content-length": str(len(body)),
            **({"content-type": "application/json"} if body else {}),
            **(headers or {}),
        }
        request = h11.Request(method=method, target=path, headers=[item for item in given.items() if item[1]])
        data = self.http.send(request) or b""
        data += self.http.send(h11.Data(data=body)) or b""
        data += self.http.send(h11.EndOfMessage()) or b""
        await self.stream.send_all(data)

    async def ask_chat(self, **fields: Any) -> None:
        await self.ask("POST", "/v1/chat/completions", msgspec.json.encode(ASK | fields))

    async def event(self) -> h11.Event:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self.stream.receive_some())
        assert not isinstance(event, type), event
        return event

    async def head(self) -> h11.Response:
        event = await self.event()
        assert isinstance(event, h11.Response)
        return event

    async def piece(self) -> bytes:
        event = await self.event()
        assert isinstance(event, h11.Data)
        return bytes(event.data)

    async def answer(self) -> Answer:
        head = await self.head()
        headers = {name.decode(): value.decode() for name, value in head.headers}
        body = b""
        while not isinstance(event := await self.event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data)
            body += event.data
        return Answer(head.status_code, headers, body)


class NothingRuns:
    """`Aborting` where no session has a run, or ever had one."""

    async def abort(self, _: AbortAsked) -> AbortOutcome:
        return AbortOutcome()

    async def knows(self, _: Digest) -> bool:
        return False


@asynccontextmanager
async def running_edge(
    dispatch: ScriptedDispatch | None = None,
    *,
    index: SessionIndex | None = None,
    silence: Callable[[], Silence] = frozenset,
    bases: UpstreamBases | None = None,
    owners: Owners | None = None,
    stop_within_s: float = 0,
    **options: Any,
) -> AsyncIterator[Edge]:
    """Serves until the block is left; then the server stops at once.

    Args:
        dispatch: takes the turns.
        index: of sessions.
        silence: connections to the store that do not answer.
        bases: which upstreams a request may choose.
        owners: know who made a response. Where they are given, the upstream speaks the Responses API.
        stop_within_s: matters only if the server is told to stop before.
        options: of the edge.
    """
    dispatch = dispatch or ScriptedDispatch(HELLO)
    watcher = Watcher()
    seal = Seal(SECRET)
    clock = SystemClock()
    relays = owners is not None
    site = Site(digest=seal.digest("site", "site"), passes_through=relays, speaks_responses=relays)
    sites = Sites.single(site)
    parts = EdgeParts(
        options=evolve(OPTIONS, **options),
        dispatch=dispatch,
        health=watcher,
        observer=watcher,
        continuing=Continuing(
            index or MemorySessionIndex(),
            seal,
            Mint(seal, clock),
            Reuse.LINEAGE,
            sites,
            lambda: Shard(0),
        ),
        sites=sites,
        owners=owners or MemoryOwners(),
        seal=seal,
        mint=Mint(seal, clock),
        clock=clock,
        store=StoreWatch(silence, clock),
        bases=bases or OnlyTheConfigured(),
        aborting=NothingRuns(),
    )
    app = build_app(parts)
    stopping, stopped = trio.Event(), trio.Event()
    serving = ServerOptions(bind="127.0.0.1:0", grace_s=stop_within_s + GRACE_S)

    async def served(*, task_status: trio.TaskStatus[str]) -> None:
        await serve(app, serving, shutdown_trigger=stopping.wait, task_status=task_status)
        stopped.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.store.watch)
        url: str = await nursery.start(served)
        port = int(url.rpartition(":")[2])
        with trio.fail_after(20):
            yield Edge(app, dispatch, watcher, port, stopping, stopped, nursery.cancel_scope)
        nursery.cancel_scope.cancel()

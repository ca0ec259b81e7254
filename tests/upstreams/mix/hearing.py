"""Calls of a whole `mix` upstream, what is heard from it, and servers that answer it."""

from attrs import evolve
from upstreams.loopback import Connection, Serve, Server

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.port import Opened, Started, Text, Upstream, UpstreamCall, UpstreamEvent, UpstreamFault
from mix2api.vocabulary import Detail, EndReason, RequestId, RunId
from mix2api.wire.turn import Message, Turn

START = b'data: {"type":"start","messageMetadata":{"sessionId":"s","exchangeId":"x"}}\n\n'
HI = b'data: {"type":"text-delta","id":"t","delta":"hi"}\n\n'
FINISH = b'data: {"type":"finish","finishReason":"stop"}\n\n'
ERROR = b'data: {"type":"error","errorText":"no"}\n\n'
DONE = b"data: [DONE]\n\n"
SAID: list[UpstreamEvent] = [Opened(200), Started("s", "x"), Text("hi")]


def call(*, stream: bool = True) -> UpstreamCall:
    messages = [Message(role="user", content="hello")]
    turn = Turn(model="mix/m", messages=messages, stream=stream)
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("req-1"),
        turn=turn,
        messages=messages,
        authorization="Bearer caller",
    )


def upstream_at(
    url: str, options: MixOptions | None = None, timeouts: Timeouts | None = None
) -> tuple[Upstream, HttpClient]:
    client = HttpClient(HttpOptions(timeouts=timeouts or Timeouts(drain=5)))
    return MixUpstream(evolve(options or MixOptions(base_url=url), base_url=url), client), client


class Heard:
    """What came of a call: the events that were given, then the fault, if any."""

    def __init__(self) -> None:
        self.batches: list[list[UpstreamEvent]] = []
        self.fault: UpstreamFault | None = None
        self.idle_connections = 0

    @property
    def events(self) -> list[UpstreamEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def verdict(self) -> tuple[EndReason, Detail, bool] | None:
        return (self.fault.end_reason, self.fault.detail, self.fault.taken) if self.fault else None


async def heard_from(
    server: Server,
    options: MixOptions | None = None,
    timeouts: Timeouts | None = None,
    *,
    stream: bool = True,
) -> Heard:
    upstream, client = upstream_at(server.url, options, timeouts)
    heard = Heard()
    try:
        async with upstream.open(call(stream=stream)) as answer:
            async for batch in answer:
                assert batch
                heard.batches.append(batch)
    except UpstreamFault as fault:
        heard.fault = fault
    heard.idle_connections = client.idle_connections
    client.close()
    return heard


def answering(answer: bytes) -> Serve:
    """Gives the answer and waits for the client to hang up."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)
        await connection.wait_hung_up()

    return serve


def closing(answer: bytes) -> Serve:
    """Gives the answer and closes."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)

    return serve

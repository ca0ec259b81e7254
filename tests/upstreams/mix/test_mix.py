"""The whole `mix` upstream against real loopback servers."""

from upstreams.loopback import LAST_CHUNK, SSE_HEAD, Connection, chunked, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.port import (
    Finished,
    Opened,
    Started,
    Text,
    UpstreamCall,
    UpstreamEvent,
)
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import Message, Turn

START = b'data: {"type":"start","messageMetadata":{"sessionId":"s","exchangeId":"x"}}\n\n'
HI = b'data: {"type":"text-delta","id":"t","delta":"hi"}\n\n'
FINISH = b'data: {"type":"finish","finishReason":"stop"}\n\n'
DONE = b"data: [DONE]\n\n"


def call() -> UpstreamCall:
    messages = [Message(role="user", content="hello")]
    turn = Turn(model="mix/m", messages=messages, stream=True)
    return UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=messages)


async def events_from(url: str, client: HttpClient) -> list[UpstreamEvent]:
    upstream = MixUpstream(MixOptions(base_url=url), client)
    events: list[UpstreamEvent] = []
    async with upstream.open(call()) as stream:
        async for batch in stream:
            events += batch
    return events


async def test_a_streamed_answer_gives_its_events_in_order_and_keeps_the_connection() -> None:
    async def serve(connection: Connection) -> None:
        for _ in range(2):
            await connection.request()
            await connection.send(SSE_HEAD + chunked(START))
            await connection.send(chunked(HI, HI))
            await connection.send(chunked(FINISH, DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await events_from(server.url, client) == [
                Opened(200),
                Started("s", "x"),
                Text("hi"),
                Text("hi"),
                Finished("stop"),
            ]
        assert server.accepted == 1
        assert client.idle_connections == 1
        client.close()

"""Sites without measure, and clients that read nothing: each ends at its bound, with the word for it."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio
from attrs import frozen
from redis_server import RedisServer
from upstreams.loopback import LAST_CHUNK, SSE_HEAD, Connection, chunked, head, serving
from whole_system import Shape, WholeSystem, whole_system
from wire_client import ASK, Conversation

from mix2api.budget.usage import UsageSource
from mix2api.demo import answer_text
from mix2api.vocabulary import ChunkKind, Detail, EndReason, Receipt

pytestmark = pytest.mark.parametrize("shape", Shape)
_ID = {"x-request-id": "unmeasured"}
START = b'data: {"type":"start","messageMetadata":{"sessionId":"s","exchangeId":"x"}}\n\n'
HI = b'data: {"type":"text-delta","id":"t","delta":"hi"}\n\n'
FINISH = b'data: {"type":"finish","finishReason":"stop"}\n\ndata: [DONE]\n\n'
COMMENT = b": ping\n\n"
JSON_HEAD = head("content-type: application/json")
LONG_ID = b"i" * 3_000_000


def text(size: int) -> bytes:
    return b'data: {"type":"text-delta","id":"t","delta":"%b"}\n\n' % (b"x" * size)


def ids(number: int) -> bytes:
    return b'data: {"type":"message-metadata","messageMetadata":{"exchangeId":"x%d"}}\n\n' % number


Say = Callable[[Connection], Awaitable[None]]


def saying(*pieces: bytes) -> Say:
    """Says this and waits until it is hung up on."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        for piece in pieces:
            await connection.send(piece)
        await connection.wait_hung_up()

    return serve


def endlessly(begin: bytes, piece: bytes) -> Say:
    """Says the piece again and again."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(begin)
        while True:
            await connection.send(piece)

    return serve


@asynccontextmanager
async def system_at(
    site: Say, shape: Shape, redis_server: RedisServer, **settings: str
) -> AsyncIterator[WholeSystem]:
    """A system whose site is this."""
    async with (
        serving([site]) as server,
        whole_system(shape, redis_server.url, UPSTREAM_API_BASE=server.url, **settings) as system,
    ):
        yield system


@frozen
class Row:
    """A site, and how a run at it ends."""

    site: Say
    detail: Detail
    end_reason: EndReason = EndReason.UPSTREAM_ERROR
    seen: int = 502
    """The client's status: 200 where output had left before."""
    stream: bool = True
    settings: tuple[tuple[str, str], ...] = ()


_SMALL = (("MIX2API_ANSWER_MAX_BYTES", "1mb"),)
_SOON = (("MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS", "300"),)

ROWS: dict[str, Row] = {
    "an endless answer": Row(
        endlessly(SSE_HEAD, chunked(START, text(1000))), Detail.TOO_LARGE, seen=200, settings=_SMALL
    ),
    "an endless answer in JSON": Row(
        endlessly(JSON_HEAD, b"x" * 1000), Detail.TOO_LARGE, stream=False, settings=_SMALL
    ),
    "an endless frame": Row(endlessly(SSE_HEAD, chunked(b"x" * 65_536)), Detail.TOO_LARGE),
    "a head without end": Row(endlessly(b"HTTP/1.1 200 OK\r\na: ", b"x" * 1000), Detail.TOO_LARGE),
    "interim answers without end": Row(endlessly(b"", b"HTTP/1.1 102 Wait\r\n\r\n"), Detail.TOO_MANY),
    "a session's id of 3 MB": Row(
        saying(SSE_HEAD, chunked(START.replace(b'"s"', b'"%b"' % LONG_ID), HI, FINISH)), Detail.TOO_LARGE
    ),
    "an exchange's id of 3 MB in the middle": Row(
        saying(SSE_HEAD, chunked(START, HI, ids(0).replace(b"x0", LONG_ID), FINISH)),
        Detail.TOO_LARGE,
        seen=200,
    ),
    "20,000 new ids": Row(saying(SSE_HEAD, chunked(START, *map(ids, range(20_000)))), Detail.TOO_MANY),
    "nothing but unknown frames": Row(
        endlessly(SSE_HEAD, chunked(b'data: {"type":"weather"}\n\n' * 500)), Detail.TOO_MANY
    ),
    "nothing but comments": Row(
        endlessly(SSE_HEAD, chunked(START, COMMENT)),
        Detail.SILENT,
        EndReason.TIMEOUT,
        seen=504,
        settings=_SOON,
    ),
    "an answer in JSON that drips": Row(
        endlessly(JSON_HEAD, b" "),
        Detail.SILENT,
        EndReason.TIMEOUT,
        seen=504,
        stream=False,
        settings=_SOON,
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_site_without_measure_ends_at_the_bound(
    name: str, shape: Shape, redis_server: RedisServer
) -> None:
    row = ROWS[name]
    # Headers wait, however slow the machine: the status tells whether anything had left.
    settings = {"MIX2API_EARLY_HEADERS_MS": "60000", **dict(row.settings)}
    async with system_at(row.site, shape, redis_server, **settings) as system:
        answer = await system.client.ask("hello", headers=_ID, stream=row.stream)
        assert answer.status == row.seen
        if row.seen == 200:
            assert (answer.finish_reason(), answer.payloads()[-1]) == ("error", "[DONE]")
        run = await system.ended_run_of("unmeasured")
        assert (run.end.end_reason, run.end.detail, run.end.http_status) == (
            row.end_reason,
            row.detail,
            row.seen,
        )
        assert len(run.events) < 2100
        assert set((await system.wait_receipts(1)).values()) == {Receipt.ERROR_WRITTEN}
        await system.check_log(runs=1)
        assert largest_log(redis_server) < 1_000_000


def largest_log(redis_server: RedisServer) -> int:
    """Bytes of the largest log in Redis."""
    logs = redis_server.command("KEYS", "*:log:*")
    assert isinstance(logs, list)
    sizes = [redis_server.command("MEMORY", "USAGE", log, "SAMPLES", 0) for log in logs]
    return max(size for size in sizes if isinstance(size, int))


async def test_what_says_nothing_new_and_what_cannot_be_counted_costs_nothing(
    shape: Shape, redis_server: RedisServer
) -> None:
    usage = b'data: {"type":"data-usage","data":{"inputTokens":1e400,"outputTokens":1}}\n\n'
    finish = FINISH.replace(b'"stop"', b'"stop","messageMetadata":{"usage":{"inputTokens":1e400}}')
    answer = chunked(START, HI, *[ids(1)] * 20_000, usage, finish) + LAST_CHUNK
    async with system_at(saying(SSE_HEAD + answer), shape, redis_server) as system:
        told = await system.client.ask("hello", headers=_ID, stream=True)
        assert (told.text(), told.finish_reason()) == ("hi", "stop")
        run = await system.ended_run_of("unmeasured")
        assert (run.end.end_reason, run.end.usage_source) == (EndReason.STOP, UsageSource.COUNTED)
        kinds = [event.kind for event in run.events if hasattr(event, "frames") and hasattr(event, "kind")]
        assert kinds.count(ChunkKind.START) == 2
        await system.check_log(runs=1)


@pytest.mark.parametrize("size", [100_000, 1_000_000], ids=["small pieces", "large pieces"])
async def test_a_client_that_reads_nothing_holds_a_bounded_part_of_the_answer(
    size: int, shape: Shape, redis_server: RedisServer
) -> None:
    sent = 0
    cut = trio.Event()

    async def site(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START))
        piece = chunked(text(size))
        try:
            while True:
                await connection.send(piece)
                sent += len(piece)
        finally:
            cut.set()

    settings = {"MIX2API_CLIENT_STALL_S": "2", "MIX2API_ANSWER_MAX_BYTES": "1gb"}
    async with system_at(site, shape, redis_server, **settings) as system:
        body = {**ASK, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
        with trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await deaf.connect(("127.0.0.1", system.client.port))
            conversation = Conversation(trio.SocketStream(deaf))
            headers = {"authorization": "Bearer sk", "content-type": "application/json", **_ID}
            await conversation.send("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
            await cut.wait()
        run = await system.ended_run_of("unmeasured")
        assert (run.end.end_reason, run.end.detail) == (EndReason.CLIENT_ABORT, Detail.STALLED)
        # The backlog of 1 MB, in two processes, and what four sockets' buffers hold: each up to 6 MB (tcp_rmem, tcp_wmem).
        assert sent < 40_000_000
        await system.check_log(runs=1)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_of_many_backlogs_arrives_whole(
    *, stream: bool, shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_STREAM_BACKLOG_BYTES="64kb") as system:
        prompt = "[[chunks:2000]] [[size:1000]]"
        answer = await system.client.ask(prompt, headers=_ID, stream=stream)
        assert (answer.text(), answer.finish_reason()) == (answer_text(prompt), "stop")
        await system.check_log(runs=1)

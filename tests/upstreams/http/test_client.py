"""The client against real loopback servers: bodies, framing, reuse of connections, stale connections."""

import pytest
import trio
from upstreams.http.calls import CHUNKED, HUGE, answering, body_from, closing
from upstreams.loopback import LAST_CHUNK, Connection, chunked, head, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import KeepAlive


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + chunked(b"hello ", b"world") + LAST_CHUNK,
        head("content-length: 11") + b"hello world",
    ],
    ids=["chunked", "sized"],
)
async def test_a_body_with_an_end_is_read_and_its_connection_kept(answer: bytes) -> None:
    async with serving([answering(answer, answer)]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await body_from(client, server.url) == b"hello world"
            assert client.idle_connections == 1
        assert server.accepted == 1
        client.close()
        assert client.idle_connections == 0


async def test_a_body_that_ends_with_the_connection_is_read_and_nothing_kept() -> None:
    async with serving([closing(head() + b"hello world")]) as server:
        client = HttpClient(HttpOptions())
        assert await body_from(client, server.url) == b"hello world"
        assert client.idle_connections == 0


async def test_an_answer_without_a_body_keeps_the_connection() -> None:
    async with serving([answering(head(status="204 No Content"))]) as server:
        client = HttpClient(HttpOptions())
        assert await body_from(client, server.url) == b""
        assert client.idle_connections == 1
        client.close()


async def test_large_bodies_pass_both_ways() -> None:
    received: list[bytes] = []

    async def serve(connection: Connection) -> None:
        received.append(await connection.request())
        await connection.send(CHUNKED + chunked(HUGE, HUGE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        assert await body_from(client, server.url, HUGE) == HUGE + HUGE
        assert received[0].endswith(b"\r\n\r\n" + HUGE)
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        head("content-length: 2", "connection: close") + b"ok",
        head("content-length: 2") + b"ok and more",
        head("content-length: 0") + b"more",
        head("content-length: 2", "transfer-encoding: chunked") + chunked(b"ok") + LAST_CHUNK,
        CHUNKED + chunked(b"ok") + LAST_CHUNK + b"more",
    ],
)
async def test_a_connection_that_cannot_be_trusted_is_not_kept(answer: bytes) -> None:
    async with serving([answering(answer)]) as server:
        client = HttpClient(HttpOptions())
        await body_from(client, server.url)
        assert client.idle_connections == 0


async def test_without_keep_alive_each_call_connects() -> None:
    answer = head("content-length: 2") + b"ok"
    async with serving([answering(answer)]) as server:
        client = HttpClient(HttpOptions(keep_alive=KeepAlive(enabled=False)))
        for _ in range(2):
            assert await body_from(client, server.url) == b"ok"
        assert server.accepted == 2


async def test_an_idle_connection_that_the_peer_closed_is_not_used() -> None:
    answer = head("content-length: 2") + b"ok"
    closed = trio.Event()

    async def serve_once(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)
        await connection.stream.aclose()
        closed.set()

    async with serving([serve_once, answering(answer)]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await body_from(client, server.url) == b"ok"
            await closed.wait()
        assert server.accepted == 2
        client.close()


@pytest.mark.parametrize("by_reset", [False, True])
async def test_an_idle_connection_that_closes_under_the_request_is_replaced_once(by_reset: bool) -> None:  # noqa: FBT001
    answer = head("content-length: 2") + b"ok"
    asked: list[bytes] = []

    async def serve_then_close(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)
        asked.append(await connection.request())
        if by_reset:
            await connection.reset()

    async def serve_again(connection: Connection) -> None:
        asked.append(await connection.request())
        await connection.send(answer)
        await connection.wait_hung_up()

    async with serving([serve_then_close, serve_again]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await body_from(client, server.url) == b"ok"
        assert asked[0] == asked[1]
        assert server.accepted == 2
        client.close()

"""The client's limits in time and size, each passed under its own name."""

import pytest
import trio
from upstreams.http.calls import (
    CHUNKED,
    HUGE,
    answering,
    asking,
    body_from,
    drip_the_body,
    fault_of,
    say_nothing,
    stop_in_the_body,
)
from upstreams.loopback import LAST_CHUNK, Connection, Serve, chunked, head, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

# --- limits in time: the sockets really wait, 50 ms --------------------------------------------------------------


async def drip_the_head(connection: Connection) -> None:
    """A byte at a time, each within the limit: the limit is the head's and not the byte's."""
    for byte in head("content-length: 2", "a: " + "x" * 1000):
        await connection.send(bytes([byte]))
        with trio.move_on_after(0.02):
            await connection.wait_hung_up()
            return


async def stop_after_the_head(connection: Connection) -> None:
    await connection.send(CHUNKED)
    await connection.wait_hung_up()


@pytest.mark.parametrize(
    ("serve", "timeouts", "limit", "status"),
    [
        (say_nothing, Timeouts(first_byte=0.05), Detail.FIRST_BYTE, None),
        (drip_the_head, Timeouts(first_byte=0.05), Detail.FIRST_BYTE, None),
        (stop_after_the_head, Timeouts(idle=0.05), Detail.IDLE, 200),
        (stop_in_the_body, Timeouts(idle=0.05), Detail.IDLE, 200),
        (say_nothing, Timeouts(total=0.05), Detail.TOTAL, None),
        (drip_the_body, Timeouts(total=0.2), Detail.TOTAL, 200),
    ],
)
async def test_each_limit_passes_under_its_own_name(
    serve: Serve, timeouts: Timeouts, limit: Detail, status: int | None
) -> None:
    hung_up = trio.Event()

    async def serve_and_tell(connection: Connection) -> None:
        await serve(connection)
        hung_up.set()

    async with serving([serve_and_tell]) as server:
        client = HttpClient(HttpOptions(timeouts=timeouts))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.TIMEOUT, limit, True)
        assert raised.value.status == status
        await hung_up.wait()


async def test_a_request_that_nobody_reads_is_limited_too() -> None:
    async def read_nothing(connection: Connection) -> None:
        await trio.sleep_forever()
        await connection.request()

    async with serving([read_nothing]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(first_byte=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url, HUGE * 10)
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.FIRST_BYTE, True)


@pytest.mark.parametrize(
    ("timeouts", "limit"),
    [(Timeouts(connect=0.05), Detail.CONNECT), (Timeouts(total=0.05), Detail.TOTAL)],
)
async def test_a_tls_server_that_is_none_runs_into_the_limit_untaken(
    timeouts: Timeouts, limit: Detail
) -> None:
    async with serving([say_nothing]) as server:
        client = HttpClient(HttpOptions(timeouts=timeouts))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url.replace("http:", "https:"))
        assert fault_of(raised) == (EndReason.TIMEOUT, limit, False)


async def test_a_full_accept_queue_runs_into_the_connect_limit() -> None:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [trio.socket.socket() for _ in range(4)]
        with trio.move_on_after(0.05):
            for queued in waiting:
                await queued.connect(("127.0.0.1", port))
        client = HttpClient(HttpOptions(timeouts=Timeouts(connect=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, f"http://127.0.0.1:{port}")
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.CONNECT, False)
        for queued in waiting:
            queued.close()


async def test_a_consumer_may_take_longer_than_the_idle_limit() -> None:
    more = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + chunked(b"a"))
        await more.wait()
        await connection.send(chunked(b"b") + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(idle=0.3)))
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"a"
            with trio.move_on_after(0.4):  # longer than the limit, in real time: that is what is tested
                await trio.sleep_forever()
            more.set()
            assert await exchange.receive() == b"b"
            assert await exchange.receive() == b""
        client.close()


async def test_a_limit_that_is_caught_inside_the_context_comes_again_at_its_end() -> None:
    async with serving([say_nothing]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(first_byte=0.05)))
        with pytest.raises(UpstreamFault) as raised:  # noqa: PT012 - the context is the point
            async with client.send(asking(server.url)) as exchange:
                with pytest.raises(UpstreamFault):
                    await exchange.head()
                await trio.lowlevel.checkpoint()
                pytest.fail("a wait inside the context goes on")
        assert raised.value.detail is Detail.FIRST_BYTE


# --- bounds ------------------------------------------------------------------------------------------------------


async def endless(connection: Connection, begin: bytes, piece: bytes) -> None:
    """Sends the piece again and again until the client hangs up."""
    await connection.request()
    await connection.send(begin)
    while True:
        await connection.send(piece)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (CHUNKED, chunked(b"x" * 1000)),
        (CHUNKED, b"1;" + b"e" * 1000 + b"\r\nx\r\n"),
        (head(), b"x" * 1000),
        (head("content-length: 99999999999999999999"), b"x" * 1000),
    ],
    ids=["chunks", "chunk extensions", "until close", "an absurd length"],
)
async def test_a_body_without_end_is_given_up_at_the_answer_s_bound(begin: bytes, piece: bytes) -> None:
    async def serve(connection: Connection) -> None:
        await endless(connection, begin, piece)

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(answer_limit=1_000_000))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TOO_LARGE, True)
        assert raised.value.status == 200
        assert client.idle_connections == 0


@pytest.mark.parametrize(("size", "passes"), [(200_000, True), (200_001, False)])
async def test_the_answer_s_bound_is_exact(size: int, passes: bool) -> None:  # noqa: FBT001
    async with serving([answering(head(f"content-length: {size}") + b"x" * size)]) as server:
        client = HttpClient(HttpOptions(answer_limit=200_000))
        if passes:
            assert len(await body_from(client, server.url)) == size
        else:
            with pytest.raises(UpstreamFault) as raised:
                await body_from(client, server.url)
            assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TOO_LARGE, True)
        client.close()


async def test_a_head_that_drips_runs_into_the_first_byte_limit() -> None:
    async def serve(connection: Connection) -> None:
        await endless(connection, b"HTTP/1.1 200 OK\r\na: ", b"x")

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(first_byte=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.FIRST_BYTE, True)


async def test_a_body_that_drips_without_content_is_silent() -> None:
    async def serve(connection: Connection) -> None:
        await endless(connection, CHUNKED, chunked(b"x"))

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(silent=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.SILENT, True)

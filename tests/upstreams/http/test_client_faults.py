"""Cuts, garbage and refusals of a server, and when the client makes a further attempt."""

import pytest
import trio
from attrs import evolve
from upstreams.http.calls import (
    CHUNKED,
    HUGE,
    accept_and_close,
    answering,
    asking,
    body_from,
    closing,
    fault_of,
)
from upstreams.loopback import Connection, chunked, head, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Retries, Timeouts
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason


async def test_a_request_that_may_have_been_read_counts_as_taken_if_the_site_is_gone_then() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    client = HttpClient(HttpOptions())

    async def serve() -> None:
        stream = await listeners[0].accept()
        connection = Connection(stream)
        await connection.request()
        await connection.send(head("content-length: 2") + b"ok")
        await connection.request()
        await listeners[0].aclose()
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await body_from(client, f"http://127.0.0.1:{port}")
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, f"http://127.0.0.1:{port}")
    assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, True)


async def test_a_fresh_connection_that_closes_without_a_word_is_a_cut_and_not_replaced() -> None:
    async with serving([accept_and_close]) as server:
        client = HttpClient(HttpOptions())
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
        assert server.accepted == 1


async def test_an_idle_connection_that_closes_inside_the_head_is_a_cut_and_not_replaced() -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(head("content-length: 2") + b"ok")
        await connection.request()
        await connection.send(b"HTTP/1.1 200")

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        await body_from(client, server.url)
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
        assert server.accepted == 1


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (CHUNKED + chunked(b"hello") + b"5\r\nwor", Detail.TRUNCATED),
        (CHUNKED + chunked(b"hello"), Detail.TRUNCATED),
        (head("content-length: 11") + b"hello", Detail.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\n", Detail.TRUNCATED),
        (CHUNKED + b"hello world\r\n", Detail.PROTOCOL),
        (b"220 mail.example ESMTP\r\n\r\n", Detail.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000, Detail.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", Detail.TOO_LARGE),
        (b"HTTP/1.1 102 Wait\r\n\r\n" * 9, Detail.TOO_MANY),
        (CHUNKED + b"5;" + b"x" * 70_000, Detail.TOO_LARGE),
        (CHUNKED + chunked(b"hello") + b"0\r\n" + b"a: b\r\n" * 20_000, Detail.TOO_LARGE),
    ],
    ids=[
        "in a chunk",
        "between chunks",
        "in a sized body",
        "in the head",
        "no chunk",
        "no HTTP",
        "endless head",
        "long head",
        "endless interim answers",
        "endless size line",
        "endless trailers",
    ],
)
async def test_a_cut_and_garbage_are_told_apart(answer: bytes, detail: Detail) -> None:
    async with serving([closing(answer)]) as server:
        client = HttpClient(HttpOptions())
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, detail, True)
        assert client.idle_connections == 0


async def test_a_reset_in_the_body_is_a_cut_with_the_status() -> None:
    read = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + chunked(b"hello"))
        await read.wait()
        await connection.reset()

    async with serving([serve]) as server:
        async with HttpClient(HttpOptions()).send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"hello"
            read.set()
            with pytest.raises(UpstreamFault) as raised:
                await exchange.receive()
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
        assert raised.value.status == 200


async def test_an_answer_given_before_the_request_was_read_is_understood() -> None:
    async def serve(connection: Connection) -> None:
        await connection.send(head("content-length: 3", "connection: close", status="413 Too Large") + b"big")
        await connection.stream.wait_send_all_might_not_block()
        while await connection.stream.receive_some():
            pass

    async with (
        serving([serve]) as server,
        HttpClient(HttpOptions()).send(asking(server.url, HUGE)) as exchange,
    ):
        assert (await exchange.head()).status == 413


async def test_an_answer_followed_by_a_reset_under_the_request_is_understood() -> None:
    async def serve(connection: Connection) -> None:
        await connection.send(head("content-length: 3", "connection: close", status="413 Too Large") + b"big")
        await connection.reset()

    request_bytes = HUGE * 10
    async with (
        serving([serve]) as server,
        HttpClient(HttpOptions()).send(asking(server.url, request_bytes)) as exchange,
    ):
        assert (await exchange.head()).status == 413


async def test_a_refused_connection_and_an_unknown_name_cannot_be_reached() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    client = HttpClient(HttpOptions())
    for url in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, False)


# --- further attempts --------------------------------------------------------------------------------------------


BUSY = head("content-length: 0", status="503 Busy")
BUSY_FOR_LONG = head("content-length: 0", "retry-after: 60", status="503 Busy")
OK = head("content-length: 2") + b"ok"


async def statuses(
    server_answers: list[bytes], retries: Retries, draws: list[float], *, once: bool = False
) -> tuple[int, int]:
    """The status that the caller sees, and how many attempts were made."""
    async with serving([closing(answer) for answer in server_answers]) as server:
        client = HttpClient(HttpOptions(retries=retries), draw=lambda: draws.pop(0))
        async with client.send(evolve(asking(server.url), once=once)) as exchange:
            status = (await exchange.head()).status
        client.close()
        return status, server.accepted


async def test_by_default_a_busy_site_is_asked_once() -> None:
    assert await statuses([BUSY, OK], Retries(), [0.0]) == (503, 1)


async def test_a_busy_site_is_asked_again_as_often_as_allowed() -> None:
    retries = Retries(count=2, base_s=0.001)
    assert await statuses([BUSY, BUSY, OK], retries, [1.0, 1.0]) == (200, 3)
    assert await statuses([BUSY, BUSY, BUSY, OK], retries, [1.0, 1.0, 1.0]) == (503, 3)


async def test_a_site_that_is_busy_for_long_is_not_waited_for() -> None:
    assert await statuses([BUSY_FOR_LONG, OK], Retries(count=1), [0.0]) == (503, 1)


async def test_other_refusals_are_not_repeated() -> None:
    answer = head("content-length: 0", status="500 Oops")
    assert await statuses([answer, OK], Retries(count=3), []) == (500, 1)


@pytest.mark.parametrize(("status", "attempts"), [(429, 2), (502, 1), (503, 2), (504, 1)])
async def test_what_may_be_sent_once_is_repeated_only_after_a_refusal(status: int, attempts: int) -> None:
    answer = head("content-length: 0", status=f"{status} Sorry")
    retries = Retries(count=1, base_s=0)
    last = 200 if attempts > 1 else status
    assert await statuses([answer, OK], retries, [0.0], once=True) == (last, attempts)


async def test_a_connection_that_is_refused_is_tried_again() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    draws = [0.0, 0.0, 0.0]
    client = HttpClient(HttpOptions(retries=Retries(count=2, base_s=0)), draw=draws.pop)
    with pytest.raises(UpstreamFault):
        await body_from(client, f"http://127.0.0.1:{port}")
    assert draws == []


async def test_the_wait_before_a_further_attempt_is_within_the_total_limit() -> None:
    options = HttpOptions(
        retries=Retries(count=1, base_s=100, longest_wait_s=100), timeouts=Timeouts(total=0.05)
    )
    async with serving([answering(BUSY)]) as server:
        client = HttpClient(options, draw=lambda: 1.0)
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert raised.value.detail is Detail.TOTAL

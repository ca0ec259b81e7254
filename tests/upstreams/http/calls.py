"""Calls of the client and what comes of them, and servers that answer, stop or say nothing."""

import pytest
import trio
from upstreams.loopback import Connection, Serve, chunked, head

from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import split_url
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

CHUNKED = head("transfer-encoding: chunked")
HUGE = b"0123456789abcdef" * 100_000


def asking(url: str, body: bytes = b"{}") -> HttpRequest:
    origin, path = split_url(url)
    return HttpRequest(origin=origin, path=f"{path}/chats", headers=(), body=body)


async def body_from(client: HttpClient, url: str, body: bytes = b"{}") -> bytes:
    """The whole body of one answer."""
    async with client.send(asking(url, body)) as exchange:
        await exchange.head()
        pieces = []
        while piece := await exchange.receive():
            pieces.append(piece)
        return b"".join(pieces)


def fault_of(raised: pytest.ExceptionInfo[UpstreamFault]) -> tuple[EndReason, Detail, bool]:
    return raised.value.end_reason, raised.value.detail, raised.value.taken


def answering(*answers: bytes) -> Serve:
    """Gives the answers to one request after another, then waits for the client to hang up."""

    async def serve(connection: Connection) -> None:
        for answer in answers:
            await connection.request()
            await connection.send(answer)
        await connection.wait_hung_up()

    return serve


def closing(answer: bytes) -> Serve:
    """Gives the answer to one request and closes."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)

    return serve


async def accept_and_close(connection: Connection) -> None:
    """Closes without a word."""
    await connection.request()


async def say_nothing(connection: Connection) -> None:
    await connection.wait_hung_up()


async def stop_in_the_body(connection: Connection) -> None:
    await connection.send(CHUNKED + chunked(b"hello"))
    await connection.wait_hung_up()


async def drip_the_body(connection: Connection) -> None:
    await connection.send(CHUNKED)
    while True:
        await connection.send(chunked(b"x"))
        with trio.move_on_after(0.01):
            await connection.wait_hung_up()
            return

"""The admin port."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from mix2api.errors import ConfigurationError
from mix2api.metrics.admin import serve_admin

_LIMIT_S = 10


async def text() -> bytes:
    return b"some 1\n"


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    with trio.fail_after(_LIMIT_S):
        async with trio.open_nursery() as nursery:
            yield await nursery.start(serve_admin, "127.0.0.1", range(1), text)
            nursery.cancel_scope.cancel()


async def asked(port: int, request: bytes) -> bytes:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)
        await stream.send_eof()
        return b"".join([data async for data in stream])


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n", b"200"),
        (b"GET /metrics?x=1 HTTP/1.1\r\nhost: a\r\n\r\n", b"200"),
        (b"POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"404"),
        (b"garbage\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 2800, b"400"),
    ],
)
async def test_one_path_is_answered_and_nothing_else(request_line: bytes, status: bytes) -> None:
    async with served() as port:
        answer = await asked(port, request_line)
    assert answer.split()[1] == status
    assert answer.endswith(b"some 1\n") is (status == b"200")


async def test_a_client_that_leaves_costs_nobody_else_anything() -> None:
    async with served() as port:
        assert await asked(port, b"GET /met") == b""
        assert b" 200 " in await asked(port, b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n")


async def test_each_process_takes_the_first_free_port_of_the_range() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="MIX2API_ADMIN_PORT"):
            await serve_admin("127.0.0.1", range(port, port + 1), text)
        with trio.fail_after(_LIMIT_S):
            async with trio.open_nursery() as nursery:
                found = await nursery.start(serve_admin, "127.0.0.1", range(port, port + 20), text)
                nursery.cancel_scope.cancel()
    assert port < found < port + 20

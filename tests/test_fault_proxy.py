"""The fault kit's proxy: each fault is what its name says, as seen by a client and a server that echoes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from fault_proxy import GARBAGE, FaultProxy, fault_proxy, to_port


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[FaultProxy, trio.SocketStream]]:
    async def echo(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            async for data in stream:
                await stream.send_all(data)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, echo, listeners)
        with trio.fail_after(20):
            async with (
                fault_proxy(to_port(listeners[0].socket.getsockname()[1])) as proxy,
                await trio.open_tcp_stream("127.0.0.1", proxy.port) as client,
            ):
                await say(client, b"hello")
                yield proxy, client
        nursery.cancel_scope.cancel()


async def say(client: trio.SocketStream, words: bytes, expected: bytes | None = None) -> None:
    await client.send_all(words)
    heard, expected = b"", words if expected is None else expected
    while len(heard) < len(expected):
        piece = await client.receive_some()
        assert piece, heard
        heard += piece
    assert heard == expected


async def test_a_cut_is_a_reset() -> None:
    async with echoing() as (proxy, client):
        proxy.cut()
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_what_is_stalled_passes_whole_once_it_flows() -> None:
    async with echoing() as (proxy, client):
        proxy.stall()
        await client.send_all(b"held ")
        proxy.flow()
        await say(client, b"and more", b"held and more")


async def test_a_half_closed_connection_ends_for_its_client_alone() -> None:
    async with echoing() as (proxy, client):
        proxy.half_close()
        assert await client.receive_some() == b""
        await client.send_all(b"still said")
        assert proxy.connections == 1


async def test_drips_and_latency_lose_nothing() -> None:
    async with echoing() as (proxy, client):
        proxy.latency_s = proxy.drip_s = 0.001
        await say(client, b"every byte of this, one after the other" * 10)


async def test_garbage_comes_once_before_the_next_piece() -> None:
    async with echoing() as (proxy, client):
        proxy.garble()
        await say(client, b"hello", GARBAGE + b"hello")
        await say(client, b"hello")


async def test_a_refused_connection_ends_at_once() -> None:
    async with echoing() as (proxy, _):
        proxy.refuses = True
        async with await trio.open_tcp_stream("127.0.0.1", proxy.port) as refused:
            assert await refused.receive_some() == b""

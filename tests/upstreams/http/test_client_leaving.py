"""Callers that leave an exchange early, are cancelled, or have all that they wanted."""

import pytest
import trio
import trio.testing
from upstreams.http.calls import CHUNKED, asking, body_from, drip_the_body, say_nothing, stop_in_the_body
from upstreams.loopback import LAST_CHUNK, Connection, Serve, chunked, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Timeouts


async def test_leaving_early_closes_at_once() -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.send(CHUNKED + chunked(b"a"))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"a"
        await hung_up.wait()
        assert client.idle_connections == 0


@pytest.mark.parametrize("serve", [say_nothing, stop_in_the_body])
async def test_cancelling_closes_at_once(serve: Serve) -> None:
    asked, hung_up = trio.Event(), trio.Event()

    async def serve_and_tell(connection: Connection) -> None:
        await connection.request()
        asked.set()
        await serve(connection)
        hung_up.set()

    async with serving([serve_and_tell]) as server, trio.open_nursery() as nursery:
        client = HttpClient(HttpOptions())
        nursery.start_soon(body_from, client, server.url)
        await asked.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await hung_up.wait()
    assert client.idle_connections == 0


async def test_closing_from_another_task_ends_a_read() -> None:
    async with serving([stop_in_the_body]) as server:
        client = HttpClient(HttpOptions())
        async with client.send(asking(server.url)) as exchange, trio.open_nursery() as nursery:
            await exchange.head()
            await exchange.receive()

            async def close() -> None:
                await trio.testing.wait_all_tasks_blocked()
                exchange.close()

            nursery.start_soon(close)
            with pytest.raises(trio.ClosedResourceError):
                await exchange.receive()
            with pytest.raises(trio.ClosedResourceError):
                await exchange.receive()


async def test_a_satisfied_caller_waits_shortly_for_the_body_s_end() -> None:
    left = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + chunked(b"a"))
        await left.wait()
        await connection.send(LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(drain=5)))
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"a"
            exchange.satisfy()
            left.set()
        assert client.idle_connections == 1
        client.close()


@pytest.mark.parametrize("serve", [stop_in_the_body, drip_the_body])
async def test_a_satisfied_caller_does_not_wait_for_ever(serve: Serve) -> None:
    hung_up = trio.Event()

    async def serve_and_tell(connection: Connection) -> None:
        await serve(connection)
        hung_up.set()

    async with serving([serve_and_tell]) as server:
        client = HttpClient(HttpOptions())
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            await exchange.receive()
            exchange.satisfy()
        await hung_up.wait()
        assert client.idle_connections == 0

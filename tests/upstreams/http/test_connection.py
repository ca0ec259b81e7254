"""Where a connection goes: to the host's addresses, or to none but those that an origin names."""

import os
import socket

import pytest
import trio
import trio.testing
from scarcity import no_descriptor_left
from upstreams.loopback import Connection, serving
from upstreams.names import resolving

from mix2api.upstreams.http.connection import Dialer, PlainConnection
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

HUGE = b"0123456789abcdef" * 1_000_000
"""More than the kernel takes at once."""


async def _dialed(port: int) -> PlainConnection:
    dialed = await Dialer().dial(Origin("http", "127.0.0.1", port))
    assert isinstance(dialed, PlainConnection)
    return dialed


async def test_small_writes_leave_at_once() -> None:
    async with serving([_wait]) as server:
        connection = await _dialed(server.port)
        raw = socket.socket(fileno=os.dup(connection.fileno()))
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        raw.close()
        connection.close()


async def test_a_request_that_the_kernel_takes_at_once_costs_no_pass_of_the_loop() -> None:
    async with serving([_wait]) as server:
        connection = await _dialed(server.port)
        with trio.CancelScope() as scope:
            scope.cancel()
            await connection.send(b"hello")
        assert not scope.cancelled_caught
        connection.close()


async def test_more_than_the_kernel_takes_is_sent_as_it_takes_it() -> None:
    received = bytearray()

    async def read_all(connection: Connection) -> None:
        while len(received) < len(HUGE):
            received.extend(await connection.stream.receive_some(100_000))
        await connection.send(b"ok")

    async with serving([read_all]) as server:
        connection = await _dialed(server.port)
        await connection.send(HUGE)
        assert await connection.receive() == b"ok"
        assert received == HUGE
        assert await connection.receive() == b""
        connection.close()


async def test_a_read_that_is_full_leaves_more_behind() -> None:
    async def send_huge(connection: Connection) -> None:
        await connection.send(HUGE)
        await connection.wait_hung_up()

    async with serving([send_huge]) as server:
        connection = await _dialed(server.port)
        assert connection.collects
        taken = 0
        while connection.collects and taken < len(HUGE):
            taken += len(await connection.receive())
        assert taken < len(HUGE)
        while taken < len(HUGE):
            taken += len(await connection.receive())
        connection.close()


@pytest.mark.parametrize("by_reset", [False, True])
async def test_a_peer_that_has_closed_gives_nothing_and_takes_anything(by_reset: bool) -> None:  # noqa: FBT001
    async def hang_up(connection: Connection) -> None:
        if by_reset:
            await connection.reset()

    async with serving([hang_up]) as server:
        connection = await _dialed(server.port)
        assert await connection.receive() == b""
        assert not connection.quiet
        await connection.send(HUGE)
        connection.close()


async def test_an_unused_connection_is_quiet_until_its_peer_speaks() -> None:
    spoken = trio.Event()

    async def speak(connection: Connection) -> None:
        await spoken.wait()
        await connection.send(b"x")
        await connection.wait_hung_up()

    async with serving([speak]) as server:
        connection = await _dialed(server.port)
        assert connection.quiet
        spoken.set()
        await trio.lowlevel.wait_readable(connection.fileno())
        assert not connection.quiet
        assert await connection.receive() == b"x"
        connection.close()


async def test_closing_wakes_the_task_that_reads_and_repeats_do_nothing() -> None:
    async with serving([_wait]) as server:
        connection = await _dialed(server.port)

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await connection.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            connection.close()
            connection.close()
        with pytest.raises(trio.ClosedResourceError):
            await connection.receive()


async def _wait(connection: Connection) -> None:
    await connection.wait_hung_up()


async def _greet(connection: Connection) -> None:
    await connection.send(b"hello")
    await connection.wait_hung_up()


async def _greeted(origin: Origin) -> bytes:
    dialed = await Dialer().dial(origin)
    try:
        return await dialed.receive()
    finally:
        dialed.close()


async def test_an_origin_s_own_addresses_are_connected_to_and_its_host_is_not_looked_up() -> None:
    async with serving([_greet]) as server:
        with resolving({"site.example": ["127.0.0.9"]}) as names:
            assert await _greeted(Origin("http", "site.example", server.port, ("127.0.0.1",))) == b"hello"
            assert names.asked == []


async def test_a_host_that_is_an_address_of_either_kind_is_not_looked_up() -> None:
    async with serving([_greet]) as server:
        with resolving({}) as names:
            assert await _greeted(Origin("http", "127.0.0.1", server.port)) == b"hello"
            with pytest.raises(UpstreamFault) as caught:
                await Dialer().dial(Origin("http", "::1", server.port))  # nothing listens there
            assert names.asked == []
        assert caught.value.detail is Detail.CONNECT_FAILED


async def test_an_address_that_refuses_gives_way_to_the_next() -> None:
    async with serving([_greet]) as server:
        # Nothing listens on 127.0.0.2 at that port.
        assert await _greeted(Origin("http", "x", server.port, ("127.0.0.2", "127.0.0.1"))) == b"hello"


async def test_where_no_address_answers_there_is_no_connection() -> None:
    async with serving([_wait]) as server:
        port = server.port
    with trio.fail_after(10), pytest.raises(UpstreamFault) as caught:
        await Dialer().dial(Origin("http", "x", port, ("127.0.0.1", "127.0.0.2")))
    assert (caught.value.detail, caught.value.taken) == (Detail.CONNECT_FAILED, False)


def test_connections_to_other_addresses_are_another_origin_s() -> None:
    assert Origin("http", "x", 80, ("10.0.0.1",)) != Origin("http", "x", 80)
    assert Origin("http", "x", 80, ("10.0.0.1",)).host_header == "x"


async def test_a_process_without_descriptors_does_not_blame_the_site() -> None:
    async with serving([_wait]) as server:
        with no_descriptor_left(), pytest.raises(UpstreamFault) as caught:
            await Dialer().dial(Origin("http", "127.0.0.1", server.port))
        told = caught.value
        assert (told.end_reason, told.detail, told.taken) == (
            EndReason.OVERLOADED,
            Detail.DESCRIPTORS,
            False,
        )

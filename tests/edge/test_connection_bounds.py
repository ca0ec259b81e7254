"""Connections that drip, crowd, or find no file descriptor: what the edge bounds before there is a request."""

import errno
import socket
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from edge.harness import Client, Edge, running_edge

from mix2api.edge.acceptor import Acceptor
from mix2api.edge.options import ConnectionLimits
from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.vocabulary import Detail, EndReason

HEALTH = b"GET /health/live HTTP/1.1\r\nhost: edge\r\n\r\n"


async def rest_of(client: Client) -> bytes:
    return b"".join([piece async for piece in client.stream])


def error_of(said: bytes) -> dict[str, Any]:
    error: dict[str, Any] = msgspec.json.decode(said.partition(b"\r\n\r\n")[2])["error"]
    return error


# --- heads that do not come


async def test_a_client_that_never_speaks_is_closed_without_a_word() -> None:
    async with running_edge(connections=ConnectionLimits(head_s=0.05)) as edge, edge.connect() as client:
        assert await rest_of(client) == b""
        assert edge.watcher.refused == []


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
async def test_a_head_that_is_not_whole_in_time_is_answered_with_408_however_often_a_byte_comes(
    *, kept: bool
) -> None:
    async with running_edge(connections=ConnectionLimits(head_s=0.2)) as edge, edge.connect() as client:
        if kept:
            await client.ask("GET", "/health/live")
            await client.answer()
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                await client.stream.send_all(b"GET / HTTP/1.1\r\nhost: edge\r\nx: ")
                while True:
                    await client.stream.send_all(b"y")
                    await trio.sleep(0.01)  # the drip itself, nothing that is waited for

            nursery.start_soon(drip)
            said = await client.stream.receive_some()
            nursery.cancel_scope.cancel()
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in said
        (refused,) = edge.watcher.refused
    assert error_of(said)["code"] == "request_timeout"
    assert (refused.http_status, refused.end_reason) == (408, EndReason.INVALID_REQUEST)


async def test_a_kept_connection_may_rest_for_longer_than_a_head_may_take() -> None:
    async with running_edge(connections=ConnectionLimits(head_s=0.05)) as edge, edge.connect() as client:
        await client.ask("GET", "/health/live")
        await client.answer()
        async with edge.connect() as silent:
            await rest_of(silent)  # the head's time has passed
        client.http.start_next_cycle()
        await client.ask("GET", "/health/live")
        assert (await client.answer()).status == 200


async def test_a_request_under_way_is_not_bounded_by_the_head_s_time() -> None:
    async with (
        running_edge(ScriptedDispatch(), connections=ConnectionLimits(head_s=0.05)) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat()
        run = await edge.dispatch.next_run()
        async with edge.connect() as silent:
            await rest_of(silent)
        assert run.aborts == []


# --- too many connections


def few(most: int) -> ConnectionLimits:
    return ConnectionLimits(connections=most)


async def occupied(edge: Edge, client: Client) -> None:
    """Its one request is under way."""
    await client.ask_chat(stream=True)
    await edge.dispatch.next_run()


async def test_past_the_bound_a_request_gets_503_with_its_line_and_the_connection_closes() -> None:
    async with running_edge(ScriptedDispatch(), connections=few(1)) as edge, edge.connect() as busy:
        await occupied(edge, busy)
        async with edge.connect() as more:
            await more.ask("POST", "/v1/chat/completions", b"x" * 1_000_000)
            said = await rest_of(more)
        (refused,) = edge.watcher.refused
        assert edge.dispatch.waiting == 0
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in said
    assert b"\r\nconnection: close\r\n" in said
    assert error_of(said)["code"] == "overloaded"
    assert (refused.end_reason, refused.detail, refused.http_status) == (
        EndReason.OVERLOADED,
        Detail.CONNECTIONS,
        503,
    )


async def test_past_the_bound_health_is_still_told() -> None:
    async with running_edge(ScriptedDispatch(), connections=few(1)) as edge, edge.connect() as busy:
        await occupied(edge, busy)
        async with edge.connect() as probe:
            await probe.stream.send_all(HEALTH)
            said = await rest_of(probe)
        assert edge.watcher.refused == []
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in said


async def test_past_the_reserve_a_connection_is_turned_away_unread() -> None:
    async with running_edge(ScriptedDispatch(), connections=few(1)) as edge, edge.connect() as busy:
        await occupied(edge, busy)
        async with trio.open_nursery() as nursery:
            told: list[bytes] = []

            async def come() -> None:
                async with edge.connect() as more:
                    told.append(await rest_of(more))

            for _ in range(40):
                nursery.start_soon(come)
        answers = [said for said in told if said]
        assert len(told) - len(answers) == 32  # had a place of the reserve, and said nothing
        assert {said[:13] for said in answers} == {b"HTTP/1.1 503 "}
        assert [refused.detail for refused in edge.watcher.refused] == [Detail.CONNECTIONS] * 8


async def test_a_connection_that_rests_gives_way_to_a_new_one() -> None:
    async with running_edge(connections=few(2)) as edge, edge.connect() as first, edge.connect() as second:
        for client in (first, second):
            await client.ask("GET", "/health/live")
            await client.answer()
        assert (await edge.send("GET", "/health/live")).status == 200
        assert await first.stream.receive_some() == b""
        second.http.start_next_cycle()
        await second.ask("GET", "/health/live")
        assert (await second.answer()).status == 200
        assert edge.watcher.refused == []


async def test_a_place_is_free_again_when_its_connection_closes() -> None:
    async with running_edge(connections=few(1)) as edge:
        for _ in range(50):
            assert (await edge.chat({"connection": "close"})).status == 200
            await trio.testing.wait_all_tasks_blocked()
        assert edge.watcher.refused == []


# --- the kernel's queue, and descriptors


async def test_a_burst_of_connections_waits_in_the_kernel_s_queue() -> None:
    async with running_edge() as edge:
        await trio.testing.wait_all_tasks_blocked()
        # No turn of the loop goes by in here, so nothing is accepted.
        burst = [socket.create_connection(("127.0.0.1", edge.port), timeout=5) for _ in range(600)]
        for connection in burst:
            connection.close()
        assert (await edge.send("GET", "/health/live")).status == 200


class Exhausted(trio.abc.Listener[trio.SocketStream]):
    """A listener that fails so many times before it takes a connection."""

    def __init__(self, listening: trio.SocketListener, times: int, why: int = errno.EMFILE) -> None:
        self._listening = listening
        self._times = times
        self._why = why

    async def accept(self) -> trio.SocketStream:
        if self._times:
            self._times -= 1
            await trio.lowlevel.checkpoint()
            raise OSError(self._why, "no")
        return await self._listening.accept()

    async def aclose(self) -> None:
        await self._listening.aclose()


async def test_a_process_without_descriptors_says_so_once_and_takes_connections_again() -> None:
    told: list[str] = []
    (listening,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listening.socket.getsockname()[1]
    acceptor = Acceptor(Exhausted(listening, 3), lambda: told.append("exhausted"))
    with socket.create_connection(("127.0.0.1", port)):
        async with await acceptor.accept():
            assert told == ["exhausted"]
    await acceptor.aclose()


async def test_other_faults_of_accepting_are_not_swallowed() -> None:
    (listening,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    acceptor = Acceptor(Exhausted(listening, 1, errno.EINVAL), lambda: None)
    with pytest.raises(OSError, match="no"):
        await acceptor.accept()
    await acceptor.aclose()

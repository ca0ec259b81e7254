"""Connections that drip, crowd, or find no file descriptor: what the edge bounds before there is a request."""

import errno
import socket
from contextlib import ExitStack
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


class Failing(socket.socket):
    """A listening socket whose `accept` fails in these ways before it takes a connection."""

    why: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.why:
            raise OSError(self.why.pop(0), "no")
        return super().accept()


def failing(*why: int) -> Failing:
    listening = Failing(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen(8)
    listening.why = list(why)
    return listening


async def accepted(listening: Failing) -> tuple[int, int]:
    """How many connections of two were taken, and how often it was told that no descriptor is left."""
    told: list[str] = []
    taken = trio.Semaphore(0)

    async def handler(stream: trio.SocketStream) -> None:
        del stream
        taken.release()

    async with trio.open_nursery() as nursery:
        acceptor = Acceptor(listening, handler, lambda: told.append("exhausted"))
        nursery.start_soon(acceptor.run, nursery)
        count = 0
        for _ in range(2):
            with socket.create_connection(listening.getsockname()):
                await taken.acquire()
                count += 1
        nursery.cancel_scope.cancel()
    assert listening.fileno() == -1
    return count, len(told)


async def test_a_process_without_descriptors_says_so_once_and_takes_connections_again() -> None:
    assert await accepted(failing(errno.EMFILE, errno.ENFILE, errno.EMFILE)) == (2, 1)


async def test_a_connection_that_is_lost_before_it_is_taken_costs_nobody_else() -> None:
    assert await accepted(failing(errno.ECONNABORTED, errno.EPROTO)) == (2, 0)


async def test_a_socket_of_no_use_ends_the_server() -> None:
    with pytest.RaisesGroup(OSError):
        await accepted(failing(errno.EINVAL))


async def test_a_burst_is_taken_in_a_few_turns_of_the_loop() -> None:
    """One connection a turn would be as many turns, each as long as all that runs in it."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    taken = 0

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal taken
        del stream
        taken += 1
        if taken == 200:
            nursery.cancel_scope.cancel()

    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        for _ in range(200):
            stack.enter_context(socket.create_connection(listening.getsockname()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            nursery.start_soon(Acceptor(listening, handler, lambda: None).run, nursery)
        assert (taken, turns < 100) == (200, True)

"""How the server stops: what it closes, what it waits for, and what it leaves alone."""

import socket

import pytest
import trio
import trio.testing
from edge.harness import ACCEPTED, STOPPED, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.sessions.worker_port import TextDelta
from mix2api.vocabulary import Receipt

_HOUR_S = 3600
"""Longer than the harness waits: what is waited for by mistake fails the test."""


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"GET / HTTP/1.1\r\nx: y\r\n"])
async def test_connections_without_a_whole_head_close_as_soon_as_the_server_stops(sent: bytes) -> None:
    async with running_edge(stop_within_s=_HOUR_S) as edge, edge.connect() as fresh, edge.connect() as used:
        await used.ask("GET", "/health/live")
        await used.answer()
        for client in (fresh, used):
            await client.stream.send_all(sent)
        await trio.testing.wait_all_tasks_blocked()
        edge.stopping.set()
        assert await fresh.stream.receive_some() == b""
        assert await used.stream.receive_some() == b""
        await edge.stopped.wait()


async def test_an_answer_under_way_goes_on_while_the_server_stops_and_then_its_connection_closes() -> None:
    dispatch = ScriptedDispatch([ACCEPTED, TextDelta("a")])
    async with running_edge(dispatch, stop_within_s=_HOUR_S) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        await client.head()
        run = await edge.dispatch.next_run()
        edge.stopping.set()
        await trio.testing.wait_all_tasks_blocked()
        run.say(TextDelta("b"), STOPPED)
        said = b"".join([piece async for piece in client.stream])
        assert said.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert await run.wait_settled() is Receipt.WRITTEN
        await edge.stopped.wait()


async def test_an_answer_that_begins_while_the_server_stops_says_that_it_is_the_last() -> None:
    async with (
        running_edge(ScriptedDispatch([ACCEPTED]), stop_within_s=_HOUR_S) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat()
        run = await edge.dispatch.next_run()
        edge.stopping.set()
        await trio.testing.wait_all_tasks_blocked()
        run.say(TextDelta("a"), STOPPED)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await client.stream.receive_some() == b""


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_as_the_server_stops_does_not_hold_it(turns: int) -> None:
    async with running_edge(stop_within_s=_HOUR_S) as edge:
        await trio.testing.wait_all_tasks_blocked()
        with socket.create_connection(("127.0.0.1", edge.port)):  # no turn of the loop goes by in here
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            edge.stopping.set()
            await edge.stopped.wait()

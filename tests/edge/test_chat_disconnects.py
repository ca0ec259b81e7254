"""Clients that disconnect or stop reading, and servers that stop: what the worker and the reports are told."""

import struct

import h11
import pytest
import trio
import trio.testing
from edge.harness import ACCEPTED, STOPPED, TOKEN, Edge, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.sessions.worker_port import TextDelta
from mix2api.vocabulary import Detail, EndReason, Receipt


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_before_any_output_is_told_to_the_worker(*, stream: bool) -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=stream)
            run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.HUNG_UP
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        assert run.aborts == [Detail.HUNG_UP]
        assert len(edge.app.live) == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_before_its_run_is_accepted_has_its_line(*, stream: bool) -> None:
    async with running_edge(ScriptedDispatch([])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=stream)
            run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        await trio.testing.wait_all_tasks_blocked()
        (line,) = edge.watcher.refused
        assert (line.end_reason, line.detail, line.http_status) == (
            EndReason.CLIENT_ABORT,
            Detail.HUNG_UP,
            499,
        )
        assert (line.run_id, line.stream) == (run.submission.run_id, stream)


async def test_a_client_that_hangs_up_once_its_run_is_accepted_has_no_second_line() -> None:
    async with running_edge(ScriptedDispatch([])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            run = await edge.dispatch.next_run()
            client.stream.socket.close()
            run.say(ACCEPTED)  # which nobody takes any more
        await run.wait_settled()
        await trio.testing.wait_all_tasks_blocked()
        assert edge.watcher.refused == []


async def test_a_client_that_hangs_up_within_its_body_has_its_line() -> None:
    async with running_edge() as edge:
        async with edge.connect() as client:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer "
            await client.stream.send_all(head + TOKEN.encode() + b"\r\ncontent-length: 1000\r\n\r\n{")
            await trio.testing.wait_all_tasks_blocked()
        await until_told(edge)
        (line,) = edge.watcher.refused
        assert (line.end_reason, line.detail, line.run_id) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP, None)


async def test_a_request_that_a_stopping_server_gives_up_before_it_is_a_run_has_its_line() -> None:
    async with running_edge(ScriptedDispatch([])) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        edge.hard_stop.cancel()
        assert await run.wait_aborted() is Detail.DRAIN
        await until_told(edge)
        (line,) = edge.watcher.refused
        assert (line.end_reason, line.detail) == (EndReason.OVERLOADED, Detail.DRAIN)


async def until_told(edge: Edge) -> None:
    while not edge.watcher.refused:
        await trio.lowlevel.checkpoint()


async def test_a_client_that_hangs_up_in_the_middle_is_told_to_the_worker() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            await client.head()
            run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.HUNG_UP
        assert await run.wait_settled() is Receipt.CLIENT_LEFT


async def test_an_ending_that_meets_a_reset_connection_was_not_written() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            await client.head()
            await client.piece()
            run = await edge.dispatch.next_run()
            client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
            # In one turn of the loop: the edge's next write meets the reset before its reader can have seen it.
            client.stream.socket.close()
            run.say(STOPPED)
        assert await run.wait_settled() is Receipt.CLIENT_LEFT


async def test_a_stalled_ending_that_meets_a_reset_connection_was_not_written() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            run = await edge.dispatch.next_run()
            run.say(TextDelta("x" * 20_000_000), STOPPED)  # more than all buffers on the way hold
            await client.head()
            client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await run.wait_settled() is Receipt.CLIENT_LEFT


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_closes_as_soon_as_it_has_read_all_was_given_all(*, stream: bool) -> None:
    async with running_edge() as edge:
        for _ in range(50):
            await edge.chat(stream=stream)  # a connection of its own, closed at once
            assert await (await edge.dispatch.next_run()).wait_settled() is Receipt.WRITTEN


async def test_a_server_that_stops_does_not_blame_the_client() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        await client.head()
        run = await edge.dispatch.next_run()
        edge.hard_stop.cancel()
        assert await run.wait_aborted() is Detail.DRAIN
        assert run.receipts == []


async def test_a_client_that_reads_nothing_does_not_hold_the_worker() -> None:
    dispatch = ScriptedDispatch()
    async with running_edge(dispatch, stall_limit_s=0.02, check_s=0.01) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        run.say(ACCEPTED, *[TextDelta("x" * 100_000)] * 200)
        assert await run.wait_aborted() is Detail.STALLED
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        assert len(edge.app.live) == 0
        with pytest.raises(h11.RemoteProtocolError, match="without sending complete message body"):
            await client.answer()  # what the buffers held, and then the end of the connection

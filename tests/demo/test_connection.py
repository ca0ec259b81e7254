import contextlib
from typing import Any

import trio

from mix2api.demo import Demo, connection


async def raw(demo: Demo, sent: bytes, *, ends: bool = False) -> bytes:
    """Everything that the site answers to those bytes until it closes; `ends` says that no more will come."""
    pieces: list[bytes] = []
    with trio.fail_after(10):
        async with await trio.open_tcp_stream("127.0.0.1", demo.port) as stream:
            await stream.send_all(sent)
            if ends:
                await stream.send_eof()
            # What a refused client had still to send makes the close a reset.
            with contextlib.suppress(trio.BrokenResourceError):
                async for piece in stream:
                    pieces.append(piece)  # noqa: PERF401 - what came before a reset counts
    return b"".join(pieces)


async def test_what_is_not_http_is_refused_and_the_connection_closed(demo: Demo) -> None:
    answer = await raw(demo, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()


async def test_a_request_that_breaks_off_is_no_fault_of_the_site(demo: Demo, client: Any) -> None:
    await raw(demo, b"POST /v2/chats HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{", ends=True)
    assert (await client.ask("x")).done


async def test_a_head_without_end_is_refused(demo: Demo) -> None:
    assert (await raw(demo, b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000)).startswith(b"HTTP/1.1 431 ")


async def test_a_body_over_the_limit_is_refused(demo: Demo, monkeypatch: Any) -> None:
    monkeypatch.setattr(connection, "BODY_BYTES", 10)
    answer = await raw(demo, b"POST /v2/token HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n" + b"x" * 11)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_pipelined_requests_are_answered_in_order(demo: Demo) -> None:
    body = b'{"request":{"agent_slug":"","model_slug":"","query":"[[say:first]]"}}'
    chat = b"POST /v2/chats HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    closing = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = await raw(demo, chat + chat + closing)
    first, second, third = answer.split(b"HTTP/1.1 ")[1:]
    assert [first[:3], second[:3], third[:3]] == [b"200", b"200", b"404"]
    assert b"first" in first
    assert b"first" in second


async def test_what_comes_during_an_answer_is_read_up_to_a_bound(demo: Demo, client: Any) -> None:
    body = b'{"request":{"agent_slug":"","model_slug":"","query":"[[hang]]"}}'
    with trio.fail_after(10):
        await client.send("POST", "/v2/chats", body)
        await demo.stats.wait_until(lambda stats: stats.open_streams == 1)
        with trio.move_on_after(0.05) as attempt:
            # Far over the bound and the sockets' buffers: it cannot be sent while the site does not read.
            await client.stream.send_all(b"x" * 50_000_000)
        assert attempt.cancelled_caught
        assert demo.stats.open_streams == 1


async def test_a_client_that_waits_to_be_told_is_told_to_go_on(demo: Demo) -> None:
    sent = b"POST /v2/token HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    with trio.fail_after(10):
        async with await trio.open_tcp_stream("127.0.0.1", demo.port) as stream:
            await stream.send_all(sent)
            assert (await stream.receive_some(1000)).startswith(b"HTTP/1.1 100 ")
            await stream.send_all(b"{}")
            assert (await stream.receive_some(1000)).startswith(b"HTTP/1.1 200 ")

"""Clients that hang up, before or after the first byte, or stop reading: positive evidence, and nothing goes on."""

import socket
from typing import Any

import msgspec
import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system
from wire_client import ASK, Conversation

from mix2api.vocabulary import Detail, EndReason, Receipt

pytestmark = pytest.mark.parametrize("shape", Shape)
_ID = {"x-request-id": "left"}


async def check_abort(system: WholeSystem, detail: Detail) -> None:
    """The run ended as the client's doing, the site was told at once, and the receipt says so."""
    run = await system.ended_run_of("left")
    assert (run.end.end_reason, run.end.detail) == (EndReason.CLIENT_ABORT, detail)
    assert run.end.http_status == 499
    assert await system.wait_receipts(1) == {run.run_id: Receipt.CLIENT_LEFT}
    await system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
    assert system.demo.stats.cut_by_client == 1
    report = await system.check_log(runs=1)
    assert report["done_coverage"] is None  # nobody stayed


@pytest.mark.parametrize("stream", [True, False])
async def test_hanging_up_before_the_first_byte_is_a_client_abort(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        async with system.client.asking("[[hang]]", headers=_ID, stream=stream):
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
        await check_abort(system, Detail.HUNG_UP)


async def test_hanging_up_in_the_middle_is_a_client_abort(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        prompt = "[[chunks:10000]] [[pace:10]]"
        async with system.client.asking(prompt, headers=_ID, stream=True) as asked:
            await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
        await check_abort(system, Detail.HUNG_UP)
        run = await system.run_of("left")
        assert run.end.first_token_ms is not None


async def test_hanging_up_in_a_silence_is_noticed(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_EARLY_HEADERS_MS="0") as system:
        async with system.client.asking("[[silent]]", headers=_ID, stream=True) as asked:
            await asked.head()
            await asked.read_until(lambda body: body.startswith(b": keep-alive\n"))
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
        await check_abort(system, Detail.HUNG_UP)


async def test_a_client_that_reads_nothing_counts_as_gone(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_CLIENT_STALL_S="1") as system:
        prompt = "[[chunks:20000]] [[size:1000]]"  # 20 MB: more than the kernel's buffers on both sides take
        body = {**ASK, "stream": True, "messages": [{"role": "user", "content": prompt}]}
        with trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await deaf.connect(("127.0.0.1", system.client.port))
            conversation = Conversation(trio.SocketStream(deaf))
            headers = {"authorization": "Bearer sk", "content-type": "application/json", **_ID}
            await conversation.send("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
            await check_abort(system, Detail.STALLED)


async def test_a_client_that_leaves_right_after_done_was_served(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        for _ in range(20):
            async with system.client.asking("hello", stream=True) as asked:
                await asked.head()
                await asked.read_until(lambda body: body.endswith(b"data: [DONE]\n\n"))
        receipts = await system.wait_receipts(20)
        assert set(receipts.values()) == {Receipt.WRITTEN}
        assert (await system.check_log(runs=20))["done_coverage"] == 1.0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_while_it_is_queued_has_its_line(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_MAX_CONCURRENCY="1", limit_s=30) as system:

        def told() -> list[dict[str, Any]]:
            return [line for line in system.log_lines() if line["request_id"] == "left"]

        async def has_line() -> bool:
            return bool(told())

        async with system.client.asking("[[hang]]", stream=True):
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            async with system.client.asking("hi", headers=_ID, stream=stream):
                await system.client.get("/health/live")  # by then it is there
            await until(has_line)
        (line,) = told()
        assert (line["end_reason"], line["detail"], line["http_status"]) == ("client_abort", "hung_up", 499)

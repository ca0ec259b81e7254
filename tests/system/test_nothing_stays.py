"""However a request ends, nothing of it stays: what held its content is gone without the garbage collector's help.

The collector is off in here. What is still there once a request is over is therefore referred to by something that lives
on, or is part of a reference cycle. Both would keep prompts and answers for an unknown time.
"""

import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from kept_objects import kept, left_to_the_collector
from redis_server import RedisServer
from system.test_induced_faults import ROWS
from whole_system import Shape, WholeSystem, until, whole_system
from wire_client import ASK, Conversation

_CHATTER = "[[chunks:10000]] [[pace:10]]"
_LIMIT_S = 60


@pytest.fixture(autouse=True)
def without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Watched:
    """A system, and what there was of requests before any came."""

    def __init__(self, system: WholeSystem, before: Counter[str]) -> None:
        self.system = system
        self._before = before

    async def check(self, what: str, **expected: int) -> None:
        """Waits until nothing is left, and nothing for the collector either; the arguments are those of `wait_gone`."""
        await self.wait_gone(what, **expected)
        assert left_to_the_collector() == []

    async def wait_gone(self, what: str, **expected: int) -> None:
        """Waits until nothing is left; the system's limit bounds it, and what is left is shown with the failure.

        Args:
            what: ended, for that message.
            expected: what may be left nevertheless, by type.
        """
        seen: dict[str, int] = {}

        async def nothing_left() -> bool:
            await (
                trio.lowlevel.checkpoint()
            )  # else what woke this very task, a timeout's `Cancelled`, is counted
            seen.clear()
            seen.update(kept() - self._before)
            return seen == expected

        try:
            await until(nothing_left)
        except trio.Cancelled:
            print(f"after {what}: {seen}")  # noqa: T201 - pytest shows it with the failure
            raise


@asynccontextmanager
async def watched(shape: Shape, redis_url: str, **settings: str) -> Any:
    """A system, and what there was before it."""
    before = kept()
    async with whole_system(shape, redis_url, limit_s=_LIMIT_S, **settings) as system:
        yield Watched(system, before)


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_an_answer_or_of_a_fault_of_the_site(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url, UPSTREAM_TIMEOUT_MS="300") as kept_by:
        for name, row in ROWS.items():
            await kept_by.system.client.ask(row.prompt, stream=stream, **row.fields)
            await kept_by.check(name)


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_on_a_connection_that_waits_for_its_next_request(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url) as kept_by:
        body = msgspec.json.encode(
            {**ASK, "messages": [{"role": "user", "content": "hello"}], "stream": stream}
        )
        async with kept_by.system.client.request("POST", "/v1/chat/completions", body) as idle:
            await idle.answer()
            await kept_by.check("the answer", Connection=1, ClientSocket=1)
        await kept_by.check("the connection")


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_client_that_hangs_up(shape: Shape, redis_server: RedisServer) -> None:
    async with watched(shape, redis_server.url) as kept_by:
        system = kept_by.system
        for number, (prompt, stream) in enumerate(
            [("[[hang]]", True), ("[[hang]]", False), (_CHATTER, True)]
        ):
            async with system.client.asking(prompt, stream=stream) as asked:
                if prompt is _CHATTER:
                    await asked.head()
                    await asked.read_until(lambda body: b"-00003" in body)
                await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            await system.demo.stats.wait_until(lambda stats, ended=number + 1: stats.cut_by_client == ended)
            await kept_by.check(f"{prompt}, streamed: {stream}")


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_request_whose_body_never_comes(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url) as kept_by:
        port = kept_by.system.client.port
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: edge\r\ncontent-length: 1000\r\n\r\nhalf of it"
        for sent in (head, head[:20], b"no HTTP at all\r\n\r\n", head.replace(b"content-length", b"\0")):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(sent)
            await kept_by.check(repr(sent))


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_client_that_reads_nothing(shape: Shape, redis_server: RedisServer) -> None:
    async with watched(shape, redis_server.url, MIX2API_CLIENT_STALL_S="1") as kept_by:
        system = kept_by.system
        prompt = "[[chunks:20000]] [[size:1000]]"  # 20 MB: more than the kernel's buffers on both sides take
        body = {**ASK, "stream": True, "messages": [{"role": "user", "content": prompt}]}
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_STREAM) as deaf:
            deaf.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
            await deaf.connect(("127.0.0.1", system.client.port))
            conversation = Conversation(trio.SocketStream(deaf))
            headers = {
                "authorization": "Bearer sk",
                "content-type": "application/json",
                "x-request-id": "deaf",
            }
            await conversation.send("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
            await system.ended_run_of("deaf")
        await kept_by.check("a stalled client")


def _raw(body: bytes) -> Callable[[WholeSystem], Awaitable[int]]:
    async def put(system: WholeSystem) -> int:
        async with system.client.request("POST", "/v1/chat/completions", body) as asked:
            return (await asked.answer()).status

    return put


async def _as_a_stranger(system: WholeSystem) -> int:
    return (await system.client.ask("hello", headers={"authorization": "Bearer wrong"})).status


async def _by_a_wrong_method(system: WholeSystem) -> int:
    return (await system.client.get("/v1/chat/completions")).status


async def _to_nowhere(system: WholeSystem) -> int:
    return (await system.client.get("/nowhere")).status


REFUSED: Mapping[str, tuple[int, Callable[[WholeSystem], Awaitable[int]]]] = {
    "no JSON": (400, _raw(b"{ nothing")),
    "a wrong type": (400, _raw(msgspec.json.encode({**ASK, "messages": [{"role": "user", "content": 5}]}))),
    "two answers": (400, _raw(msgspec.json.encode({**ASK, "messages": [], "n": 2}))),
    "a stranger": (401, _as_a_stranger),
    "a long body": (413, _raw(b"x" * 5000)),
    "a wrong method": (405, _by_a_wrong_method),
    "an unknown route": (404, _to_nowhere),
}


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_refused_request(shape: Shape, redis_server: RedisServer) -> None:
    limits = {"BODY_SIZE_LIMIT": "4kb", "INBOUND_BEARER_TOKEN": "sk-of-the-tests"}
    async with watched(shape, redis_server.url, **limits) as kept_by:
        for name, (status, put) in REFUSED.items():
            assert await put(kept_by.system) == status, name
            await kept_by.check(name)


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_request_that_finds_no_room(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    limits = {"MIX2API_MAX_CONCURRENCY": "1", "MIX2API_QUEUE_TIMEOUT_MS": "300"}
    async with watched(shape, redis_server.url, **limits) as kept_by:
        system = kept_by.system
        async with system.client.asking("[[hang]]", stream=True):
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            answer = await system.client.ask("hello", stream=stream)
            assert answer.status == 429
        await kept_by.check("no room")


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_turns_that_wait_for_their_session(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url, MIX2API_QUEUE_TIMEOUT_MS="300") as kept_by:
        system = kept_by.system
        async with system.client.asking("[[hang]]", stream=True, session_id="one name"):
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            answer = await system.client.ask("hello", stream=stream, session_id="one name")
            assert answer.error()["code"] == "overloaded"
        await kept_by.check("a queue")


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_turn_that_ran_twice(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url) as kept_by:
        system = kept_by.system
        first = await system.client.ask("one", stream=stream)
        (lost,) = system.demo.sessions
        system.demo.site.forget(lost)
        told = [("user", "one"), ("assistant", first.text()), ("user", "two")]
        messages = [{"role": role, "content": text} for role, text in told]
        answer = await system.client.ask("", messages=messages, stream=stream)
        assert answer.headers["x-mix2api-session"] == "fresh; reason=upstream_lost"
        await kept_by.check("a lost session")


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_run_that_the_log_has_forgotten(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url) as kept_by:
        async with kept_by.system.client.asking("[[chunks:60]] [[pace:20]]", stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: body.count(b"data: ") > 3)
            redis_server.command("FLUSHALL")
            assert (await asked.rest(head)).finish_reason() == "error"
        await kept_by.check("a fenced run")


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_while_the_store_is_away(shape: Shape, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        async with watched(shape, server.url) as kept_by:
            system = kept_by.system
            server.kill()
            for stream in (True, False):
                assert (await system.client.ask("hello", stream=stream)).status == 503
            server.start()

            async def serves_again() -> bool:
                return (await system.client.ask("hello")).status == 200

            await until(serves_again)
            await kept_by.check("an outage")
            if shape is Shape.SERVE:
                async with system.client.asking("[[chunks:60]] [[pace:10]]", stream=True) as asked:
                    head = await asked.head()
                    await asked.read_until(lambda body: b"-00003" in body)
                    server.kill()
                    assert (await asked.rest(head)).finish_reason() == "stop"
                server.start()
                await until(serves_again)
                await kept_by.check("an ending that nobody acknowledged")
    finally:
        server.stop()


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_call_that_could_not_connect(
    *, shape: Shape, stream: bool, redis_server: RedisServer, closed_port: int, full_port: int
) -> None:
    for port in (closed_port, full_port):
        limits = {
            "UPSTREAM_API_BASE": f"http://127.0.0.1:{port}",
            "MIX2API_UPSTREAM_CONNECT_TIMEOUT_MS": "300",
        }
        async with watched(shape, redis_server.url, **limits) as kept_by:
            answer = await kept_by.system.client.ask("hello", stream=stream)
            assert answer.status in {502, 504}
            await kept_by.check(f"status {answer.status}")


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_call_that_took_too_long(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url, MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS="500") as kept_by:
        await kept_by.system.client.ask(_CHATTER, stream=stream)
        await kept_by.check("the total limit")


@pytest.mark.parametrize("shape", Shape)
async def test_nothing_stays_of_a_stream_that_a_stopping_worker_ended(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with watched(shape, redis_server.url) as kept_by:
        system = kept_by.system
        async with system.client.asking(_CHATTER, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            system.worker.stop.set()
            assert (await asked.rest(head)).finish_reason() == "error"
        await kept_by.wait_gone("a drain")  # the collector has the whole process to free, which has ended

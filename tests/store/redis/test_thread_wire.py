"""The wire of a connection that only a thread can drive, as one with TLS is. What it does shows without TLS as well."""

import pytest
import trio
import trio.testing
from cluster_servers import until
from redis.exceptions import ResponseError
from redis_server import RedisServer

from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.wire import BrokenWire, StaleWire, ThreadWire, packed

_COMMON_THREADS = 40
"""As many as trio runs at once under its common limit."""


def wired(server: RedisServer, name: str = "a-name") -> ThreadWire:
    return ThreadWire(RedisLocation.parse(server.url).connected(Timeouts(), name))


async def test_replies_come_in_order_and_a_refusal_is_one(redis_server: RedisServer) -> None:
    wire = wired(redis_server)
    commands = [("SET", "k", "word"), ("INCR", "k"), ("GET", "k")]
    assert wire.begin(b"".join(map(packed, commands)), len(commands))
    done, refused, word = await wire.receive()
    assert (done, word) == (b"OK", b"word")
    assert isinstance(refused, ResponseError)
    assert wire.silence_s() >= 0
    wire.close()


async def test_reads_that_block_hold_up_nobody_however_many_they_are(redis_server: RedisServer) -> None:
    blocking = [wired(redis_server) for _ in range(_COMMON_THREADS + 1)]
    other = wired(redis_server)
    served: list[object] = []

    async def read(wire: ThreadWire) -> None:
        served.append(await wire.receive())

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for wire in blocking:
                assert wire.begin(packed(("BLPOP", "list", 0)), 1)
                nursery.start_soon(read, wire)
            await trio.testing.wait_all_tasks_blocked()
            assert other.begin(packed(("RPUSH", "list", *range(len(blocking)))), 1)
            assert await other.receive() == [len(blocking)]
    assert len(served) == len(blocking)
    for wire in (*blocking, other):
        wire.close()


async def test_a_connection_that_ended_while_nothing_was_asked_is_stale(redis_server: RedisServer) -> None:
    wire = wired(redis_server)
    redis_server.command("CLIENT", "KILL", "TYPE", "normal")
    assert not wire.begin(packed(("PING",)), 1)
    with pytest.raises(StaleWire):
        await wire.receive()
    wire.close()


async def test_a_connection_that_ends_before_its_reply_is_broken(redis_server: RedisServer) -> None:
    wire = wired(redis_server)
    assert wire.begin(packed(("BLPOP", "list", 0)), 1)

    async def cut() -> None:
        await until(lambda: b"cmd=blpop" in clients(redis_server))
        redis_server.command("CLIENT", "KILL", "TYPE", "normal")

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut)
            with pytest.raises(BrokenWire):
                await wire.receive()
    wire.close()


def clients(server: RedisServer) -> bytes:
    told = server.command("CLIENT", "LIST")
    assert isinstance(told, bytes)
    return told

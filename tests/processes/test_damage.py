"""Damage under real processes of every role: they live on, a restart works, and commands end with a code of theirs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from attrs import frozen
from damages import TOKENS, VALUES, WHOLE, put
from forked_process import forked_process
from real_process import RealProcess
from redis_server import RedisServer
from whole_system import SECRET, SHARDS, Shape, defaults, until
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.store.keys import Keys
from mix2api.vocabulary import Shard

KEYS = Keys()
ROLES = {Shape.SERVE: ("serve",), Shape.APART: ("worker", "edge")}
_LIMIT_S = 120
_ENDLESS = "[[chunks:100000]] [[pace:50]]"
_COMMANDS = {"audit": {0, 1}, "sessions": {0}}


@frozen
class Running:
    """The processes of a shape, over the demo site."""

    client: WireClient
    processes: dict[str, RealProcess]

    def check(self) -> None:
        """Nobody has ended, or told of a fault."""
        for process in self.processes.values():
            assert process.process.poll() is None
            assert process.rest == []
            assert [line for line in process.lines if line["event"] == "adapter.fault"] == []

    @property
    def owner(self) -> RealProcess:
        return next(iter(self.processes.values()))


@asynccontextmanager
async def site() -> AsyncIterator[Demo]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            yield await nursery.start(serve_demo, DemoOptions())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def running(shape: Shape, demo: Demo, redis: RedisServer) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        processes = {
            role: await stack.enter_async_context(forked_process(role, defaults(demo.url, redis.url)))
            for role in ROLES[shape]
        }
        await next(iter(processes.values())).wait_line("process.started")
        port = await processes[ROLES[shape][-1]].wait_port()
        yield Running(WireClient(port), processes)


def damage(redis: RedisServer) -> None:
    """Every `open` hash gets fields that name no run; leases and inboxes are replaced."""
    for number in range(SHARDS):
        for place, value in enumerate(VALUES.values()):
            redis.command("HSET", KEYS.open(Shard(number)), f"run_junk{place}", value)
        put(redis, KEYS.lease(Shard(number)), list(TOKENS.values())[number % len(TOKENS)])
        put(redis, KEYS.inbox(Shard(number)), WHOLE["a stream at its end"])
        put(redis, KEYS.epoch(Shard(number)), WHOLE["a word"])
        put(redis, KEYS.audit(Shard(number)), WHOLE["a list"])


async def command(redis: RedisServer, words: str) -> tuple[int, str]:
    """A command's exit code, and what it said beside its result."""
    settings = {"REDIS_URL": redis.url, "MIX2API_SECRET": SECRET, "MIX2API_SHARDS": str(SHARDS)}
    async with forked_process(words, settings) as process:
        return await process.wait_over(), "\n".join(process.rest)


@pytest.mark.parametrize("shape", Shape)
async def test_damage_ends_no_process_and_no_stream_beside_it(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with site() as demo:
        async with (
            running(shape, demo, redis_server) as system,
            system.client.asking(_ENDLESS, stream=True) as beside,
        ):
            await beside.head()
            await beside.read_until(lambda body: b"-00003" in body)
            damage(redis_server)
            for words, codes in _COMMANDS.items():
                code, said = await command(redis_server, words)
                assert code in codes, (words, said)
                assert "Traceback" not in said
            await system.owner.wait_line("store.damage", lambda line: line["key_kind"] == "open")
            await system.owner.wait_line("store.damage", lambda line: line["key_kind"] == "lease")
            await until(lambda: answered(system.client))
            seen = len(beside.body)
            await beside.read_until(lambda body: len(body) > seen)
            assert b'"error"' not in beside.body
            system.check()
        damage(redis_server)
        async with running(shape, demo, redis_server) as again:
            await again.owner.wait_line("store.damage", lambda line: line["key_kind"] == "open")
            await until(lambda: answered(again.client))
            again.check()


@pytest.mark.parametrize("role", ["serve", "audit"])
async def test_a_damaged_deployment_is_one_clear_line(redis_server: RedisServer, role: str) -> None:
    put(redis_server, KEYS.deployment(), WHOLE["a word"])
    settings = {**defaults("http://127.0.0.1:9", redis_server.url), "MIX2API_LOG_LEVEL": "error"}
    with trio.fail_after(_LIMIT_S):
        async with forked_process(role, settings) as process:
            assert await process.wait_over() == 2
    assert process.lines == []
    (line,) = [line for line in process.rest if line]
    assert "mix2api:deployment" in line
    assert "delete" in line


async def answered(client: WireClient) -> bool:
    answer = await client.ask("hello", stream=True)
    return answer.status == 200 and answer.finish_reason() == "stop"

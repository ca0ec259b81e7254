"""`serve --processes N`: one socket, processes that are replaced, and stops that cut nothing short.

A start of real processes takes seconds, so each test goes through several things that happen to one group of them.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from real_process import RealProcess, real_process
from redis_server import RedisServer
from whole_system import defaults, until
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo

_LIMIT_S: Final = 240
"""Of a loaded machine: five processes are started in a test."""
_SHORT: Final = "[[chunks:5]] [[pace:20]]"
_LONG: Final = "[[chunks:60]] [[pace:20]]"


@asynccontextmanager
async def supervised(
    redis: RedisServer, **settings: str
) -> AsyncIterator[tuple[RealProcess, WireClient, Demo]]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            environ = {**defaults(demo.url, redis.url), "MIX2API_DRAIN_TIMEOUT_S": "600", **settings}
            async with real_process("serve", environ, "--processes", "2") as running:
                port = await running.wait_port("supervisor.listening")
                await running.wait_lines("edge.listening", 2)
                yield running, WireClient(port), demo
        nursery.cancel_scope.cancel()


def pids(running: RealProcess) -> list[int]:
    """Of all processes that were started, in order."""
    return [line["pid"] for line in running.lines if line["event"] == "supervisor.started"]


async def finishes(client: WireClient, prompt: str) -> None:
    answer = await client.ask(prompt, stream=True)
    assert answer.status == 200, answer.body
    assert answer.finish_reason() == "stop", answer.body.decode()


async def test_processes_are_replaced_when_they_die_or_are_told_and_drained_at_the_end(
    redis_server: RedisServer,
) -> None:
    async with supervised(redis_server) as (running, client, demo):
        first, second = pids(running)
        os.kill(first, signal.SIGKILL)
        await running.wait_line("supervisor.ended", lambda line: line["code"] == -signal.SIGKILL)
        await running.wait_lines("edge.listening", 3)
        os.kill(second, 0)  # it is there
        assert len(pids(running)) == 3

        replaced = trio.Event()

        async def ask_on() -> None:
            while not replaced.is_set():
                await finishes(client, _SHORT)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_on)
            nursery.start_soon(finishes, client, _LONG)
            running.signal(signal.SIGUSR2)
            await running.wait_lines("supervisor.ended", 3)
            replaced.set()
        assert len(pids(running)) == 5

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(finishes, client, _LONG)
            await demo.stats.wait_until(lambda stats: stats.open_streams == 4)
            running.signal(signal.SIGTERM)
        assert await running.process.wait() == 0


async def test_a_second_signal_ends_all_at_once(redis_server: RedisServer) -> None:
    async with (
        supervised(redis_server) as (running, client, _),
        client.asking("[[chunks:100000]] [[pace:10]]", stream=True) as asked,
    ):
        await asked.head()
        running.signal(signal.SIGTERM)
        await running.wait_line("process.draining")
        running.signal(signal.SIGTERM)
        assert await running.process.wait() == 0


async def test_no_process_outlives_a_supervisor_that_was_killed(redis_server: RedisServer) -> None:
    async with supervised(redis_server) as (running, _, __):
        children = pids(running)
        await running.kill()
        for pid in children:
            await until(lambda pid=pid: is_gone(pid))  # type: ignore[misc]


async def is_gone(pid: int) -> bool:
    await trio.lowlevel.checkpoint()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_wrong_settings_end_the_supervisor_with_their_line() -> None:
    environ = defaults("http://127.0.0.1:1", "redis://127.0.0.1:1")
    async with real_process("serve", environ, "--processes", "2") as running:
        assert await running.process.wait() == 2
        assert any("cannot be reached" in line for line in running.rest)

"""`serve --processes N` with real processes: one socket, and no stream is cut when processes are replaced or orphaned.

A start of real processes takes seconds, so one test goes through all that needs them. What the supervisor does with signals and
deaths is tested over processes that start in milliseconds (`tests/process/test_supervisor.py`).
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
"""Of a loaded machine: five processes are started."""
_SHORT: Final = "[[chunks:5]] [[pace:20]]"
_LONG: Final = "[[chunks:60]] [[pace:20]]"


@asynccontextmanager
async def supervised(redis: RedisServer) -> AsyncIterator[tuple[RealProcess, WireClient, Demo]]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            environ = {**defaults(demo.url, redis.url), "MIX2API_DRAIN_TIMEOUT_S": "600"}
            async with real_process("serve", environ, "--processes", "2") as running:
                port = await running.wait_port("supervisor.listening")
                await running.wait_lines("edge.listening", 2)
                yield running, WireClient(port), demo
        nursery.cancel_scope.cancel()


async def finishes(client: WireClient, prompt: str) -> None:
    answer = await client.ask(prompt, stream=True)
    assert answer.status == 200, answer.body
    assert answer.finish_reason() == "stop", answer.body.decode()


async def is_gone(pid: int) -> bool:
    await trio.lowlevel.checkpoint()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_no_stream_is_cut_when_processes_are_replaced_or_their_supervisor_is_killed(
    redis_server: RedisServer,
) -> None:
    async with supervised(redis_server) as (running, client, demo):
        replaced = trio.Event()

        async def ask_on() -> None:
            while not replaced.is_set():
                await finishes(client, _SHORT)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_on)
            nursery.start_soon(finishes, client, _LONG)
            running.signal(signal.SIGUSR2)
            await running.wait_lines("supervisor.ended", 2)
            replaced.set()
        pids = [line["pid"] for line in running.lines if line["event"] == "supervisor.started"]
        assert len(pids) == 4

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(finishes, client, _LONG)
            await demo.stats.wait_until(lambda stats: stats.open_streams == 4)
            await running.kill()
        for pid in pids:
            await until(lambda pid=pid: is_gone(pid))  # type: ignore[misc]

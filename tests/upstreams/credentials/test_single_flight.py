"""The whole path over several stores, and over several processes: many calls are refused at once, one login follows."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define
from credential_calls import Caller, caller
from redis_server import RedisServer

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import split_url

PROCESSES, CALLS = 4, 500
PROGRAM = Path(__file__).parents[2] / "credential_calls.py"


@define(eq=False)
class CallingProcess:
    """A `Caller` in an interpreter of its own."""

    process: trio.Process

    async def call(self, calls: int) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        await self.process.stdin.send_all(f"{calls}\n".encode())
        said = b""
        while not said.endswith(b"\n"):
            piece = await self.process.stdout.receive_some()
            assert piece, "the process has ended"
            said += piece
        return int(said)


async def call_everywhere(callers: list[Caller] | list[CallingProcess], calls: int) -> int:
    """How many of so many calls at once, spread evenly, end well."""
    ended_well: list[int] = []

    async def put(one: Caller | CallingProcess) -> None:
        ended_well.append(await one.call(calls // len(callers)))

    async with trio.open_nursery() as nursery:
        for one in callers:
            nursery.start_soon(put, one)
    return sum(ended_well)


async def expire_tokens(demo: Demo) -> None:
    client = HttpClient(HttpOptions())
    origin, _ = split_url(demo.url)
    async with client.send(HttpRequest(origin=origin, path="/demo/expire", headers=(), body=b"")) as exchange:
        assert (await exchange.head()).status == 200
    client.close()


@asynccontextmanager
async def running_site() -> AsyncIterator[Demo]:
    async with trio.open_nursery() as nursery:
        demo: Demo = await nursery.start(serve_demo, DemoOptions(require_token=True))
        with trio.fail_after(60):
            yield demo
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def running_callers(site: str, redis: str) -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(caller(site, redis)) for _ in range(PROCESSES)]


@asynccontextmanager
async def running_processes(site: str, redis: str) -> AsyncIterator[list[CallingProcess]]:
    command = [sys.executable, str(PROGRAM), site, redis]
    start = partial(trio.lowlevel.open_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    processes = [await start() for _ in range(PROCESSES)]
    try:
        yield [CallingProcess(process) for process in processes]
    finally:
        with trio.CancelScope(shield=True):
            for process in processes:
                process.kill()
                await process.wait()


@pytest.mark.parametrize("running", [running_callers, running_processes])
async def test_500_calls_refused_at_once_in_four_processes_make_exactly_one_login(
    running: Callable[[str, str], Any], redis_server: RedisServer
) -> None:
    async with running_site() as demo, running(demo.url, redis_server.url) as callers:
        assert await call_everywhere(callers, PROCESSES) == PROCESSES
        assert demo.stats.logins == 1, "the first calls of all processes share one, too"
        await expire_tokens(demo)
        requests = demo.stats.requests
        assert await call_everywhere(callers, CALLS) == CALLS
        assert demo.stats.logins == 2
        assert demo.stats.requests - requests > CALLS, "there were refusals"


async def test_500_first_calls_in_four_processes_make_exactly_one_login(redis_server: RedisServer) -> None:
    async with running_site() as demo, running_callers(demo.url, redis_server.url) as callers:
        assert await call_everywhere(callers, CALLS) == CALLS
        assert (demo.stats.logins, demo.stats.requests) == (1, CALLS)


async def test_a_flushed_store_costs_a_login_and_no_call(redis_server: RedisServer) -> None:
    async with running_site() as demo, running_callers(demo.url, redis_server.url) as callers:
        await call_everywhere(callers, PROCESSES)
        redis_server.command("FLUSHALL")
        await expire_tokens(demo)
        assert await call_everywhere(callers, PROCESSES) == PROCESSES
        assert demo.stats.logins == 2

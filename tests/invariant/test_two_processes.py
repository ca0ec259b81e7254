"""Two real `serve` processes, a stable and a canary one, over one Redis: turns come to either, in any order."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from attrs import frozen
from invariant.crowd import Crowd
from invariant.trials import SETTINGS, Totals, run_machine
from real_process import RealProcess, real_process
from redis_server import RedisServer
from shared_shards import share_shards
from whole_system import defaults
from wire_client import Answer, WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo

_LIMIT_S = 60


@frozen
class Pair:
    """The two processes and the site behind them."""

    demo: Demo
    processes: Sequence[RealProcess]
    ports: Sequence[int]


@asynccontextmanager
async def pair(redis: RedisServer) -> AsyncIterator[Pair]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            environ = {**defaults(demo.url, redis.url), **SETTINGS, "MIX2API_LOG_LEVEL": "info"}
            async with (
                real_process("serve", {**environ, "MIX2API_CHANNEL": "stable"}) as stable,
                real_process("serve", {**environ, "MIX2API_CHANNEL": "canary"}) as canary,
            ):
                ports = (await stable.wait_port(), await canary.wait_port())
                await share_shards(redis, stable, canary)
                yield Pair(demo, (stable, canary), ports)
        nursery.cancel_scope.cancel()


async def ask(port: int, messages: list[dict[str, object]], request_id: str) -> Answer:
    answer: Answer = await WireClient(port).ask("", messages=messages, headers={"x-request-id": request_id})
    return answer


async def test_turns_that_alternate_between_stable_and_canary_are_one_upstream_session(
    redis_server: RedisServer,
) -> None:
    async with pair(redis_server) as running:
        messages: list[dict[str, object]] = []
        told = []
        for turn in range(8):
            messages.append({"role": "user", "content": f"turn {turn}"})
            answer = await ask(running.ports[turn % 2], messages, f"r{turn}")
            told.append(answer.headers["x-mix2api-session"])
            messages.append({"role": "assistant", "content": answer.text()})
        assert told == ["fresh; reason=no_history"] + ["continued; reason=lineage"] * 7
        (session,) = running.demo.sessions.values()
        assert session.messages == messages
        assert [await owner_of(running, f"r{turn}") for turn in range(8)] == [
            await owner_of(running, "r0")
        ] * 8


async def owner_of(running: Pair, request_id: str) -> str:
    """The channel of the process that ran a request: the one that owns the session's shard."""
    found: list[str] = []
    async with trio.open_nursery() as nursery:

        async def look(process: RealProcess) -> None:
            line = await process.wait_line("request.completed", lambda line: line["request_id"] == request_id)
            found.append(line["channel"])
            nursery.cancel_scope.cancel()

        for process in running.processes:
            nursery.start_soon(look, process)
    return found[0]


async def test_a_crowd_over_two_processes_shares_no_session(redis_server: RedisServer) -> None:
    totals = Totals()
    async with pair(redis_server) as running:

        async def renew() -> Sequence[int]:
            return running.ports  # Deaths of processes have tests of their own.

        def crowd() -> Crowd:
            return Crowd(running.demo, running.ports, renew)

        await run_machine(crowd, totals, 1, crowds=4, rules=60)
    assert totals.steps >= 200
    assert totals.continued >= totals.steps // 4

"""Two real `serve` processes, a stable and a canary one, over one Redis: turns come to either, in any order.

A release gives the canary half of the fresh sessions. While a crowd asks, it is taken on, rolled back and begun again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import cycle

import trio
from attrs import define, field
from forked_process import forked_process
from invariant.crowd import Crowd
from invariant.trials import SETTINGS, Totals, run_machine
from real_process import RealProcess
from redis_server import RedisServer
from releasing import BY, Operator, operating
from whole_system import defaults, until
from wire_client import Answer, WireClient

from mix2api import __version__
from mix2api.demo import Demo, DemoOptions, serve_demo

_LIMIT_S = 180
_CHANNELS = ("stable", "canary")


_KILLED_AT_MOST = 4
"""A start takes a second."""
_MOVED_AT_MOST = 5
"""A rollback waits until the canary owns no shard."""
_MOVES = (
    ("rollback", *BY),
    ("start", __version__, *BY, "--without-gate"),
    *[("step", *BY, "--without-guard")] * 3,
)
"""What is done to the release again and again. Some of it is refused: the store may have been emptied, or a process be gone."""


@define(eq=False)
class Pair:
    """The two processes and the site behind them."""

    demo: Demo
    processes: list[RealProcess]
    ports: list[int]
    operator: Operator
    _start: Callable[[str], Awaitable[RealProcess]]
    killed: int = 0
    moved: int = 0
    """Words that the release obeyed."""
    _moves: Iterator[tuple[str, ...]] = field(factory=lambda: cycle(_MOVES))

    async def change(self) -> Sequence[int]:
        """Moves the release, and kills one of the processes some times."""
        if not self.moved:
            await until(self._moves_on)  # one of them is obeyed once both processes are seen
        elif self.moved < _MOVED_AT_MOST:
            await self._moves_on()
        if self.killed < _KILLED_AT_MOST:
            await self._lose_one()
        return self.ports

    async def _moves_on(self) -> bool:
        """Whether the release obeyed the next word."""
        code, _ = await self.operator.say(*next(self._moves))
        self.moved += code == 0
        return code == 0

    async def _lose_one(self) -> None:
        """Kill -9 of one of them, in turns; another comes in its place, and the other one takes its shards."""
        place = self.killed % 2
        self.killed += 1
        await self.processes[place].kill()
        self.processes[place] = await self._start(_CHANNELS[place])
        self.ports[place] = await self.processes[place].wait_port()


@asynccontextmanager
async def pair(redis: RedisServer) -> AsyncIterator[Pair]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            environ = {**defaults(demo.url, redis.url), **SETTINGS, "MIX2API_LOG_LEVEL": "info"}
            async with AsyncExitStack() as stack:

                async def start(channel: str) -> RealProcess:
                    return await stack.enter_async_context(
                        forked_process("serve", {**environ, "MIX2API_CHANNEL": channel})
                    )

                processes = [await start(channel) for channel in _CHANNELS]
                ports = [await process.wait_port() for process in processes]
                operator = await stack.enter_async_context(operating(redis))
                running = Pair(demo, processes, ports, operator, start)
                await operator.start()
                await operator.step(3)
                await until(operator.is_followed)
                yield running
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

        def crowd() -> Crowd:
            return Crowd(
                running.demo, running.ports, running.change, partial(redis_server.command, "FLUSHALL")
            )

        await run_machine(crowd, totals, 1, crowds=4, rules=60)
    assert totals.steps >= 200
    assert running.killed > 0
    assert running.moved > 0
    assert totals.emptied > 0
    assert totals.continued >= totals.steps // 4

"""Several processes of one deployment in one nursery, over real Redis: they start in a moment, where real ones take seconds."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import trio
from attrs import define, field
from redis_server import RedisServer
from whole_system import RECEIPTS_AT_ONCE, SHARDS, RunningProcess, defaults, own_logging
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.process.parts import Role
from mix2api.steps import at_once
from mix2api.store.rendezvous import Rendezvous, Taker
from mix2api.vocabulary import ProcessId

_LIMIT_S: Final = 60
_WEIGHT: Final = 100
"""As `MIX2API_WEIGHT` ships."""


@define(eq=False)
class Processes:
    """The processes that were started, and the site behind them."""

    demo: Demo
    redis: RedisServer
    environ: dict[str, str]
    nursery: trio.Nursery
    running: list[RunningProcess] = field(factory=list)

    async def start(self, role: Role = Role.SERVE, **settings: str) -> RunningProcess:
        """Starts one more; returns once it takes requests."""
        process = RunningProcess(role)
        process.started = await self.nursery.start(partial(process.run, {**self.environ, **settings}))
        self.running.append(process)
        return process

    def share_of(self, process: RunningProcess) -> set[int]:
        """The shards that should be a process's, by those that run."""
        takers = [Taker(_id(one), _WEIGHT) for one in self.running if one.role is not Role.EDGE]
        owners = at_once(Rendezvous(SHARDS).owners(takers))
        return {shard for shard, owner in enumerate(owners) if owner == _id(process)}

    def held_by(self, process: RunningProcess) -> set[int]:
        """The shards whose leases are a process's."""
        tokens = (self.redis.command("GET", f"mix2api:{{s{shard:02x}}}:lease") for shard in range(SHARDS))
        prefix = f"{_id(process)}:".encode()
        return {n for n, token in enumerate(tokens) if isinstance(token, bytes) and token.startswith(prefix)}

    async def stop(self, process: RunningProcess) -> None:
        """Drains it."""
        process.stop.set()
        await process.ended.wait()
        self.running.remove(process)


def _id(process: RunningProcess) -> ProcessId:
    assert process.started is not None
    return ProcessId(process.started.process)


def client_of(process: RunningProcess, caller: str = "sk-of-the-tests") -> WireClient:
    """A client of a process's edge; each key is another caller."""
    assert process.started is not None
    assert process.started.url is not None
    return WireClient(int(process.started.url.rpartition(":")[2]), caller)


@asynccontextmanager
async def several_processes(
    redis: RedisServer, *, demo: DemoOptions | None = None, **settings: str
) -> AsyncIterator[Processes]:
    """A deployment without processes yet; those that run at the end are drained."""
    with own_logging(), _own_signals():
        async with trio.open_nursery() as nursery:
            with trio.fail_after(_LIMIT_S):
                site: Demo = await nursery.start(serve_demo, demo or DemoOptions())
                environ = {**defaults(site.url, redis.url), **RECEIPTS_AT_ONCE, **settings}
                processes = Processes(site, redis, environ, nursery)
                yield processes
                for process in list(reversed(processes.running)):
                    await processes.stop(process)
            nursery.cancel_scope.cancel()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Handlers as they were: every process sets its own, and they end in any order."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
    before = [(number, signal.getsignal(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)

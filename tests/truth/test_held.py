"""Two processes hold 2,000 streams: no chunk is lost, and memory does not grow. `make held`, `HELD_S`, `HELD_STREAMS`."""

import os
import resource
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import pytest
import trio
from attrs import define, field
from process_memory import proportional_kb
from real_process import RealProcess, real_process
from redis_server import RedisServer
from truth.holding import Holders, counted
from whole_system import defaults

from mix2api.demo import Demo, DemoOptions, serve_demo

HELD_S = float(os.environ.get("HELD_S", "300"))
STREAMS = int(os.environ.get("HELD_STREAMS", "2000"))
PACE_MS = int(os.environ.get("HELD_PACE_MS", "2000"))
_CHUNKS: Final = 30
"""A stream lasts a minute: in five minutes each client holds five, one after the other."""
_LOOK_S: Final = 10.0
_LOOKS: Final = 3
"""Of which the median counts: a look may fall into a collection of garbage, or into a second with many beginnings."""
_GROWTH: Final = 1.05
_OPEN: Final = 0.95
"""Of the streams, at a look in the middle: the others are between two streams. On a machine with other work single looks show less."""
_LIMIT_S: Final = 300.0
"""For the start, and for the last streams."""
_DESCRIPTORS: Final = 5
"""For each stream: two of this process, which is client and site, two of a process of ours, and one to spare."""

pytestmark = pytest.mark.held


@define(eq=False)
class Watched:
    """What the processes cost, looked at again and again."""

    pids: Sequence[int]
    memory_kb: list[int] = field(factory=list)
    open_streams: list[int] = field(factory=list)

    async def watch(self, holders: Holders, seconds: float) -> None:
        """For so long, with a look at the beginning and one at the end."""
        looks = max(2 * _LOOKS, round(seconds / _LOOK_S))
        for _ in range(looks):
            self.memory_kb.append(sum(map(proportional_kb, self.pids)))
            self.open_streams.append(len(holders.open))
            await trio.sleep(seconds / looks)

    @property
    def growth(self) -> float:
        """The memory of the last looks, as a multiple of that of the first."""
        return median(self.memory_kb[-_LOOKS:]) / median(self.memory_kb[:_LOOKS])

    def cpu_s(self) -> float:
        """CPU seconds of all processes so far."""
        ticks = 0
        for pid in self.pids:
            behind = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            ticks += int(behind[11]) + int(behind[12])  # `utime` and `stime`, proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that has on disk what is a second old, as docs/operations.md advises."""
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "everysec"))
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def supervised(settings: Mapping[str, str]) -> AsyncIterator[tuple[RealProcess, int, list[int]]]:
    """`serve --processes 2`, its port, and the ids of its processes, the supervisor's first."""
    async with real_process("serve", settings, "--processes", "2") as running:
        port = await running.wait_port("supervisor.listening")
        await running.wait_lines("edge.listening", 2)
        children = [line["pid"] for line in running.lines if line["event"] == "supervisor.started"]
        yield running, port, [running.process.pid, *children]


async def test_two_processes_hold_their_streams_and_their_memory(
    server: RedisServer, figures: list[str]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = STREAMS * _DESCRIPTORS
    assert hard == resource.RLIM_INFINITY or hard >= needed, (
        f"file descriptors: {STREAMS} streams need a limit of {needed}, the hard limit is {hard}; HELD_STREAMS takes fewer"
    )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    async with trio.open_nursery() as nursery:
        with trio.fail_after(HELD_S + 2 * _CHUNKS * PACE_MS / 1000 + _LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions(max_sessions=4 * STREAMS))
            settings = {**defaults(demo.url, server.url), "MIX2API_SHARDS": "256", "MIX2API_LEASE_S": "5"}
            async with supervised(settings) as (running, port, pids):
                holders, watched = Holders(port, STREAMS, _CHUNKS, PACE_MS), Watched(pids)
                async with trio.open_nursery() as held:
                    held.start_soon(holders.hold)
                    await holders.wait_standing()
                    cpu_s, began_s = watched.cpu_s(), trio.current_time()
                    await watched.watch(holders, HELD_S)
                    cpu_s, lasted_s = watched.cpu_s() - cpu_s, trio.current_time() - began_s
                    holders.finish()
                lines = [line for line in running.lines if line["event"] == "request.completed"]
                events = [line["event"] for line in running.lines]
        nursery.cancel_scope.cancel()
    course = ", ".join(f"{kb / 1000:.1f}" for kb in watched.memory_kb)
    figures += [
        f"{STREAMS} streams for {lasted_s:.0f} s: {holders.whole} whole, {holders.chunks_read} chunks, {len(holders.wrong)} wrong",
        f"  open: {', '.join(map(str, watched.open_streams))}",
        f"  memory {watched.growth - 1:+.1%}, MB: {course}",
        f"  CPU {cpu_s / lasted_s:.2f} cores; the log: {counted(events)}",
    ]
    assert holders.wrong == [], "\n".join([str(len(holders.wrong)), *holders.wrong[:20]])
    assert len(lines) == holders.whole
    assert {line["end_reason"] for line in lines} == {"stop"}
    assert median(watched.open_streams) >= _OPEN * STREAMS
    assert watched.growth <= _GROWTH

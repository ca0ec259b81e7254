"""Steps of one request: turns of the event loop, system calls, and round trips to the store.

Requests go one after another over one connection, so that none shares a step with another. strace counts the system calls of
the product's process. A turn of trio's loop is one `epoll_wait`. The store counts how often it reads from its clients: once
for each round trip, because ours are small. What happens without requests in the same time is taken away.
"""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import redis
from loads import LOW, NON_STREAMING, Load
from peers.product import store_pids
from results import StepCount
from rounds import generate
from store import connect
from targets import Target

LOADS = (replace(NON_STREAMING, connections=1, streams=200), replace(LOW, streams=50))
_IDLE_S = 5.0
_ATTACH_S = 2.0
_SETTLE_S = 1.5
"""Longer than a receipt waits for company."""
# Share of time, seconds, µs a call, calls, perhaps errors, name.
_LINE = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.MULTILINE)
_TURN, _SENDS, _RECEIVES = "epoll_wait", ("sendto", "sendmsg", "write"), ("recvfrom", "recvmsg", "read")
_TRIPS = "trips"


class NoTracer(Exception):
    """strace is not installed."""


def measure_steps(target: Target, data: Path) -> list[StepCount]:
    """Steps of a whole answer and of a paced stream of ten chunks.

    Args:
        target: the product.
        data: its data directory.

    Raises:
        NoTracer: see there.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise NoTracer("strace is not installed (apt-get install strace)")
    (pid,) = target.pids() - store_pids(data)
    command = [strace, "-f", "-c", "-p", str(pid)]
    idle, idle_s = _counted(command, data, lambda: time.sleep(_IDLE_S))
    return [
        _steps(load, target, command, data, {name: count / idle_s for name, count in idle.items()})
        for load in LOADS
    ]


def _steps(
    load: Load, target: Target, command: list[str], data: Path, idle_a_second: dict[str, float]
) -> StepCount:
    def work() -> None:
        generate(load, target, load.streams)
        time.sleep(_SETTLE_S)

    counts, took_s = _counted(command, data, work)

    def of(*names: str) -> float:
        return sum(counts[name] - took_s * idle_a_second.get(name, 0.0) for name in names) / load.streams

    return StepCount(
        load=load.name,
        turns=of(_TURN),
        sends=of(*_SENDS),
        receives=of(*_RECEIVES),
        calls=of(*(name for name in counts if name != _TRIPS)),
        trips=of(_TRIPS),
    )


def _counted(command: list[str], data: Path, work: Callable[[], None]) -> tuple[Counter[str], float]:
    """System calls by name and round trips while that work was done, and how long it took."""
    summary = data.parent / "strace.txt"
    with subprocess.Popen(
        [*command, "-o", str(summary)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as strace:
        time.sleep(_ATTACH_S)
        client = connect(data)
        begun, trips = time.monotonic(), _reads(client)
        work()
        trips = _reads(client) - trips - 1  # the second look itself
        took_s = time.monotonic() - begun
        strace.send_signal(signal.SIGINT)
        strace.wait()
    counts = Counter({name: int(count) for count, name in _LINE.findall(summary.read_text())})
    del counts["total"]
    counts[_TRIPS] = trips
    return counts, took_s + _ATTACH_S


def _reads(client: redis.Redis) -> int:
    """How often the store has read from a client."""
    return int(client.info("stats")["total_reads_processed"])

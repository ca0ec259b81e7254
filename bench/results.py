"""What a run of the bench leaves: plain records, written as `results.json`, from which the report is made."""

import math
import platform
from collections import Counter
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured; no names of hosts."""

    cpu: str
    cores: int
    memory_gb: int
    kernel: str
    python: str
    versions: dict[str, str]
    """Of the peers, the store and the product."""


class Spread(msgspec.Struct, frozen=True):
    """The distribution of one measure in one load on one target."""

    p50: float
    p99: float
    count: int


class Sample(msgspec.Struct, frozen=True):
    """One load on one target in one round."""

    round: int
    load: str
    target: str
    requests: int
    failed: int
    chunks: int
    frames: int
    reads: int
    wall_s: float
    cpu_us: float
    """All processes of the target; 0 for `direct`."""
    first_us: Spread | None
    chunk_us: Spread | None
    failures: list[str]
    byte_p95_us: float | None = None
    """Within this time 95 % of all streams asked for, refused ones too, had the first byte of an answer of status 200.
    None if fewer ever had one, and in results from before this was measured."""
    failed_by: dict[str, int] = {}
    """The failed streams by kind: a status, `no answer`, `broken off`, `not in time`."""


class Held(msgspec.Struct, frozen=True):
    """Memory of one target with streams held open, on a process started for it."""

    target: str
    repetition: int
    idle_kb: int
    held_kb: dict[int, int]
    """By number of streams held."""
    problem: str = ""


class Footprint(msgspec.Struct, frozen=True):
    """What runs leave in Redis."""

    name: str
    says: str
    units: int
    unit: str
    memory_bytes: int
    """Growth of `used_memory`."""
    disk_bytes: int
    """Growth of the data directory."""
    keys: dict[str, int]
    """Growth of `MEMORY USAGE` by kind of key."""


class AuditSpeed(msgspec.Struct, frozen=True):
    """How long `mix2api audit --json` took over a store of so many runs."""

    runs: int
    seconds: list[float]


class StepCount(msgspec.Struct, frozen=True):
    """Steps of one request of a load, on average, beyond those of an idle process."""

    load: str
    turns: float
    """Of the event loop."""
    sends: float
    receives: float
    calls: float
    """All system calls."""
    trips: float
    """Round trips to the store."""


class Results(msgspec.Struct, frozen=True):
    """Everything of one run of the bench."""

    begun: str
    quick: bool
    rounds: int
    machine: Machine
    samples: list[Sample]
    held: list[Held]
    footprints: list[Footprint]
    audits: list[AuditSpeed]
    steps: list[StepCount]
    missing: dict[str, str]
    """What could not be measured, and why."""


def failures_by_kind(samples: list[Sample]) -> list[str]:
    """`441 503` and `3 broken off`: how many streams failed, by status or kind."""
    total: Counter[str] = Counter()
    for sample in samples:
        total.update(sample.failed_by)
    return [f"{count:,} {kind}" for kind, count in sorted(total.items())]


def quantile(values: list[float], share: float) -> float:
    """The nearest-rank quantile of values that need not be sorted."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def share_reached(values: list[float], asked: int, share: float) -> float | None:
    """The nearest-rank quantile over all that were asked: those without a value never got there.

    Returns:
        None if fewer than this share ever did, or nobody was asked.
    """
    rank = math.ceil(asked * share)
    return sorted(values)[rank - 1] if 0 < rank <= len(values) else None


def spread(values: list[float]) -> Spread | None:
    """Median and 99th percentile; None of nothing."""
    if not values:
        return None
    return Spread(p50=quantile(values, 0.5), p99=quantile(values, 0.99), count=len(values))


def this_machine(versions: dict[str, str]) -> Machine:
    """Reads the machine's particulars."""
    info = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return Machine(
        cpu=names[0] if names else platform.machine(),
        cores=len(names),
        memory_gb=round(memory_kb / 1024**2),
        kernel=platform.release(),
        python=platform.python_version(),
        versions=versions,
    )

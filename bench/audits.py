"""How fast `mix2api audit --json` reads: timed as a user would run it, start of the program included.

The store is filled with real runs first; then their audit entries are copied under new run ids until there are as
many as wanted. Every timed audit must report exactly that number of requests.
"""

import json
import subprocess
import time
from itertools import chain
from pathlib import Path
from typing import cast

import redis
from loads import Load
from peers.product import INSTALLED, Build
from results import AuditSpeed
from rounds import generate
from store import connect
from targets import Target

RUNS, QUICK_RUNS = 300_000, 60_000
_REAL_RUNS = 1_000
_REPEATS = 5
_BATCH = 2_000
_Entries = list[tuple[bytes, dict[bytes, bytes]]]
_LIMIT_S = 120
_SETTLE_S = 1.0
# Of a run id; the copies differ in these.
_DIGITS = 8

_FILL = Load(
    name="fill",
    says="runs to be audited",
    connections=32,
    streams=_REAL_RUNS,
    slow_streams=0,
    chunks=2,
)


class Miscounted(Exception):
    """The audit failed, or did not see what is in the store."""


def timed_audit(build: Build, data: Path) -> tuple[int, float]:
    """The number of requests that it reports, and the seconds that it took."""
    begun = time.monotonic()
    done = subprocess.run(
        build.command("audit", "--json", "--min", "0"),
        env=build.environment(data),
        cwd=data.parent,
        capture_output=True,
        timeout=_LIMIT_S,
        check=False,
    )
    took = time.monotonic() - begun
    if done.returncode != 0:
        raise Miscounted(f"exit code {done.returncode}: {done.stderr[-500:].decode(errors='replace')}")
    return int(json.loads(done.stdout)["requests"]), took


def _copy_entries(client: redis.Redis, copies: int) -> int:
    """Adds this many copies of every run in the audit streams, receipts too; gives the number of runs added."""
    added = 0
    pipeline = client.pipeline(transaction=False)
    for key in client.scan_iter(match="*:audit", count=1000):
        for _, fields in cast("_Entries", client.xrange(key)):
            if b"r" not in fields:
                continue
            added += copies * (fields.get(b"k") == b"run")
            for number in range(copies):
                run_id = fields[b"r"][:-_DIGITS] + b"%0*x" % (_DIGITS, number)
                pipeline.execute_command(  # type: ignore[no-untyped-call]
                    "XADD", key, "*", *chain.from_iterable({**fields, b"r": run_id}.items())
                )
            if len(pipeline) >= _BATCH:
                pipeline.execute()
    pipeline.execute()
    return added


def _timed(data: Path, runs: int) -> AuditSpeed:
    seconds = []
    for _ in range(_REPEATS):
        seen, took = timed_audit(INSTALLED, data)
        if seen != runs:
            raise Miscounted(f"{seen} requests in the report, {runs} in the store")
        seconds.append(took)
    return AuditSpeed(runs=runs, seconds=seconds)


def measure_audits(target: Target, data: Path, *, quick: bool) -> list[AuditSpeed]:
    """Times the audit over the real runs alone and over the filled store."""
    real = real_runs(INSTALLED, target, data)
    few = _timed(data, real)
    return [few, _timed(data, copied_runs(data, real, QUICK_RUNS if quick else RUNS))]


def real_runs(build: Build, target: Target, data: Path) -> int:
    """Serves the runs that are copied later, and gives their number as the audit sees it."""
    generate(_FILL, target, _REAL_RUNS)
    time.sleep(_SETTLE_S)
    return timed_audit(build, data)[0]


def copied_runs(data: Path, real: int, wanted: int) -> int:
    """Copies so many real runs until there are as many as wanted, or a few more; gives their number."""
    return real + _copy_entries(connect(data), (wanted - real) // real + 1)

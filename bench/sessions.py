"""Sessions: what resolving costs, what a continued turn sends, and that neither time nor memory grows; writes SESSIONS.md.

    python bench/sessions.py [--quick] [--sessions N] [--out DIR]

Loopback only; every process started here is ended here.
"""

import argparse
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import trio
from results import this_machine
from sessions_growth import TURNS, Sizes, measure_growth
from sessions_report import render
from sessions_resolution import measure_resolving, measure_trips
from sessions_results import SessionResults
from sessions_sent import measure_sent
from sessions_system import running_system
from store import version
from targets import HERE, WORK

_BUDGET_S, _QUICK_BUDGET_S = 290.0, 38.0
"""Of the growth part. The others need some ten seconds, quick ones three."""
_LIMIT_S, _QUICK_LIMIT_S = 360.0, 60.0
"""Of the whole: growth was sized by a pace that others may have taken away since."""
_INTERRUPTED = 130


async def measure(asked: argparse.Namespace, work: Path) -> SessionResults:
    """Everything, the growth part first: later parts leave memory behind in this process."""
    begun, load, date = time.monotonic(), os.getloadavg()[0], time.strftime("%Y-%m-%d", time.gmtime())

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", file=sys.stderr, flush=True)

    budget_s = _QUICK_BUDGET_S if asked.quick else _BUDGET_S
    sizes = Sizes(quick=asked.quick, budget_s=budget_s, sessions=asked.sessions)
    async with running_system(work / "growth", sizes.first) as system:
        growth = await measure_growth(system, sizes, tell)
        trips = await measure_trips(system)
        redis = version(system.client)
    tell("round trips")
    sent = await measure_sent(work)
    tell("what is sent")
    resolving = measure_resolving(quick=asked.quick)
    return SessionResults(
        begun=date,
        quick=asked.quick,
        asked=asked.sessions,
        seconds=time.monotonic() - begun,
        load=load,
        machine=this_machine({"redis": redis, "mix2api": _commit()}),
        resolving=resolving,
        trips=trips,
        sent=sent,
        growth=growth,
    )


async def _limited(asked: argparse.Namespace, work: Path) -> SessionResults:
    limit_s = math.inf if asked.sessions else _QUICK_LIMIT_S if asked.quick else _LIMIT_S
    with trio.fail_after(limit_s):
        return await measure(asked, work)


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=HERE
    )
    return done.stdout.strip() or "?"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute; too short to be judged by")
    parser.add_argument(
        "--sessions",
        type=int,
        help=f"sessions of {TURNS} turns, however long that takes (default: what fits into the time)",
    )
    parser.add_argument("--out", type=Path, default=HERE, help="directory for SESSIONS.md")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _work_directory() -> Iterator[Path]:
    """A directory for the stores; gone afterwards, whatever happens."""
    WORK.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="sessions-", dir=WORK))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main() -> None:
    """Runs it and writes its results."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _work_directory() as work:
            results = trio.run(_limited, asked, work)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except trio.TooSlowError:
        sys.exit(
            "the machine became much slower while this ran: nothing is written; try again, or with --sessions"
        )
    asked.out.mkdir(parents=True, exist_ok=True)
    report = render(results)
    (asked.out / "SESSIONS.md").write_text(report)
    print(report)


if __name__ == "__main__":
    main()

"""The bench: the product and its peers over one mock upstream, interleaved; writes RESULTS.md and results.json.

    python bench/run.py [--quick] [--rounds N] [--only LOAD] [--targets a,b] [--out DIR]
    python bench/run.py --against COMMIT [--quick] [--rounds N] [--only LOAD] [--out DIR]
    python bench/run.py --only paths

With `--against` two builds of the product are compared instead, and AGAINST.md is written; the exit code is 1 unless
every row is no worse. `--only paths` runs `paths.py`.

Loopback only; every process started here is ended here, on ^C and SIGTERM too.
"""

import argparse
import importlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec
from against import compare
from audits import Miscounted, measure_audits
from builds import NoSuchBuild, describe
from comparison import PARTS as COMPARED
from comparison import Asked
from footprint import measure_footprints
from loads import ALL, BURST, BURSTS, SATURATED
from memory import measure_held, raise_file_limit
from peers.litellm import VERSION as LITELLM_VERSION
from peers.litellm import litellm
from peers.nginx import nginx
from peers.portkey import VERSION as PORTKEY_VERSION
from peers.portkey import portkey
from peers.product import COMMAND, apart, product, two
from peers.vllm import VERSION as VLLM_VERSION
from peers.vllm import vllm
from processes import DidNotStart
from report import render
from results import AuditSpeed, Footprint, Held, Results, Sample, StepCount, this_machine
from rounds import interleaved, warm_up
from steps import NoTracer, measure_steps
from store import NoStore, connect, version
from targets import (
    APART,
    DIRECT,
    HERE,
    LITELLM,
    NGINX,
    PORTKEY,
    PRODUCT,
    TWO,
    VLLM,
    WORK,
    Starter,
    Target,
    direct,
    mock_upstream,
)

_STARTERS: dict[str, Starter] = {
    DIRECT: direct,
    PRODUCT: product,
    APART: apart,
    TWO: two,
    NGINX: nginx,
    VLLM: vllm,
    LITELLM: litellm,
    PORTKEY: portkey,
}
_MEMORY, _REDIS, _AUDIT, _STEPS = "memory", "redis", "audit", "steps"
_PARTS = (*(load.name for load in ALL), BURST.name, _MEMORY, _REDIS, _AUDIT, _STEPS)
_PATHS = "paths"
_ROUNDS, _QUICK_ROUNDS = 7, 2
# Six pairs are the fewest whose lowest and highest hold the median with 95 %.
_PAIRED_ROUNDS, _QUICK_PAIRED_ROUNDS = 6, 1
# A burst takes every target a stream's ten seconds and more.
_BURST_ROUNDS, _QUICK_BURST_ROUNDS = 3, 1
_INTERRUPTED, _MISUSED = 130, 2
# LiteLLM takes a minute to start and to open 2,000 streams; its memory hardly differs between starts.
_REPETITIONS = {PRODUCT: 3, NGINX: 3, LITELLM: 1}


class Bench:
    """One run: what was asked for, what has been found so far."""

    def __init__(self, asked: argparse.Namespace, work: Path) -> None:
        self._asked = asked
        self._work = work
        self._begun = time.monotonic()
        self._samples: list[Sample] = []
        self._held: list[Held] = []
        self._footprints: list[Footprint] = []
        self._audits: list[AuditSpeed] = []
        self._steps: list[StepCount] = []
        self._versions: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def run(self) -> Results:
        """Everything that was asked for."""
        date = time.strftime("%Y-%m-%d", time.gmtime())
        with mock_upstream(self._work) as port:
            with ExitStack() as stack:
                targets = list(self._started(stack, port))
                self._loads(targets)
                self._bursts(targets)
            self._memory(port)
            self._store_parts(port)
        return Results(
            begun=date,
            quick=self._asked.quick,
            rounds=self._asked.rounds,
            machine=this_machine(self._versions | _versions()),
            samples=self._samples,
            held=self._held,
            footprints=self._footprints,
            audits=self._audits,
            steps=self._steps,
            missing=self.missing,
        )

    def _wanted(self, part: str) -> bool:
        return self._asked.only in (None, part)

    def _tell(self, line: str) -> None:
        _tell(self._begun, line)

    def _directory(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._work))

    def _started(self, stack: ExitStack, port: int) -> Iterator[Target]:
        """The targets, running; those that do not start are noted."""
        if not any(self._wanted(load.name) for load in (*ALL, BURST)):
            return
        for name in self._asked.targets:
            try:
                yield stack.enter_context(_STARTERS[name](port, self._directory(name)))
            except DidNotStart as error:
                self._note(name, str(error))
            else:
                self._tell(f"{name} runs")

    def _note(self, what: str, why: str) -> None:
        self.missing[what] = why
        self._tell(f"{what}: {why}")

    def _loads(self, targets: Sequence[Target]) -> None:
        loads = [load.quick() if self._asked.quick else load for load in ALL if self._wanted(load.name)]
        if loads and targets:
            warm_up(loads, targets)
            self._samples += interleaved(self._asked.rounds, loads, targets, self._tell)

    def _bursts(self, targets: Sequence[Target]) -> None:
        if not self._wanted(BURST.name) or not targets:
            return
        quick = self._asked.quick
        bursts = [load.quick() if quick else load for load in BURSTS]
        warm_up([SATURATED], targets)
        rounds = _QUICK_BURST_ROUNDS if quick else min(self._asked.rounds, _BURST_ROUNDS)
        self._samples += interleaved(rounds, bursts, targets, lambda line: self._tell(f"bursts, {line}"))

    def _memory(self, port: int) -> None:
        if not self._wanted(_MEMORY):
            return
        for repetition in range(1 if self._asked.quick else max(_REPETITIONS.values())):
            for name in self._asked.targets:
                if repetition >= _REPETITIONS.get(name, 0) or (self._asked.quick and name == LITELLM):
                    continue
                try:
                    self._held.append(
                        measure_held(name, _STARTERS[name], port, self._directory(name), repetition)
                    )
                except DidNotStart as error:
                    self._note(f"memory of {name}", str(error))
                else:
                    self._tell(f"memory of {name} ({repetition + 1})")

    def _store_parts(self, port: int) -> None:
        if PRODUCT not in self._asked.targets:
            return
        parts: tuple[tuple[str, Callable[[Target, Path], None]], ...] = (
            (_REDIS, self._measure_footprints),
            (_AUDIT, self._measure_audits),
            (_STEPS, self._measure_steps),
        )
        for part, measure in parts:
            if not self._wanted(part):
                continue
            try:
                with product(port, self._directory(part)) as target:
                    if target.store:
                        warm_up([ALL[0]], [target])
                        measure(target, target.store)
                        self._tell(part)
            except (DidNotStart, NoStore, NoTracer, Miscounted, KeyError) as error:
                self._note(part, f"{type(error).__name__}: {error}")

    def _measure_footprints(self, target: Target, data: Path) -> None:
        self._versions["redis"] = version(connect(data))
        self._footprints = measure_footprints(target, data)

    def _measure_audits(self, target: Target, data: Path) -> None:
        self._audits = measure_audits(target, data, quick=self._asked.quick)

    def _measure_steps(self, target: Target, data: Path) -> None:
        self._steps = measure_steps(target, data)


def _said(command: Sequence[str | Path]) -> str:
    """What a command says of its version; empty if it cannot be had."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=HERE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def _versions() -> dict[str, str]:
    own = _said([COMMAND, "--version"]).rpartition(" ")[2]
    commit = _said(["git", "describe", "--always", "--dirty"])
    return {
        "mix2api": f"{own} ({commit})" if commit else own,
        "nginx": _said(["nginx", "-v"]).rpartition("/")[2],
        "litellm": LITELLM_VERSION,
        "portkey": PORTKEY_VERSION,
        "vllm-router": VLLM_VERSION,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about three minutes; too short to be judged by")
    parser.add_argument(
        "--rounds",
        type=_positive,
        help=f"of the loads (default {_ROUNDS}, quick {_QUICK_ROUNDS}); of pairs with --against "
        f"(default {_PAIRED_ROUNDS}, quick {_QUICK_PAIRED_ROUNDS}; a load gets two pairs a round)",
    )
    parser.add_argument("--only", choices=(*_PARTS, _PATHS), help="one load or part")
    parser.add_argument("--against", metavar="COMMIT", help="compare the work tree with this commit")
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="with --against: a setting of the work tree alone. With --against HEAD, it is the setting that is measured",
    )
    parser.add_argument(
        "--targets", default=",".join(_STARTERS), help="comma-separated (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=HERE, help="directory for what is written (default: %(default)s)"
    )
    asked = parser.parse_args()
    full, quick = (_PAIRED_ROUNDS, _QUICK_PAIRED_ROUNDS) if asked.against else (_ROUNDS, _QUICK_ROUNDS)
    asked.rounds = asked.rounds or (quick if asked.quick else full)
    asked.targets = asked.targets.split(",")
    unknown = set(asked.targets) - set(_STARTERS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if asked.against and asked.only not in (None, *COMPARED):
        parser.error(f"--against has no part {asked.only}")
    try:
        if asked.against:
            describe(asked.against)
    except NoSuchBuild as error:
        parser.error(str(error))
    return asked


def _setting(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not (name and given):
        raise argparse.ArgumentTypeError("NAME=VALUE")
    return name, value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _work_directory() -> Iterator[Path]:
    """A directory for configurations, logs and stores; it stays to be looked at when the run failed."""
    WORK.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=WORK))
    yield work
    shutil.rmtree(work)


def _bench(asked: argparse.Namespace, work: Path) -> int:
    """The product and its peers."""
    results = Bench(asked, work).run()
    asked.out.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(results), indent=1)
    (asked.out / "results.json").write_bytes(encoded + b"\n")
    _write(asked.out / "RESULTS.md", render(results))
    return 0


def _against(asked: argparse.Namespace, work: Path) -> int:
    """The work tree and a commit: 0 if every row is no worse."""
    begun = time.monotonic()
    wanted = Asked(only=asked.only, rounds=asked.rounds, quick=asked.quick, settings=dict(asked.setting))
    text, good = compare(asked.against, wanted, work, lambda line: _tell(begun, line))
    asked.out.mkdir(parents=True, exist_ok=True)
    _write(asked.out / "AGAINST.md", text)
    return 0 if good else 1


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    print(text)


def _tell(begun: float, line: str) -> None:
    print(f"[{time.monotonic() - begun:5.0f} s] {line}", file=sys.stderr, flush=True)


def _paths() -> int:
    """The table of paths, a bench of its own that needs no server."""
    if not (HERE / f"{_PATHS}.py").exists():
        print(f"there is no {_PATHS}.py beside run.py", file=sys.stderr)
        return _MISUSED
    sys.argv = [_PATHS]  # it may have arguments of its own
    return int(importlib.import_module(_PATHS).main() or 0)


def main() -> int:
    """Runs what was asked for and writes its results."""
    asked = _arguments()
    if asked.only == _PATHS:
        return _paths()
    signal.signal(signal.SIGTERM, _interrupt)
    raise_file_limit()
    try:
        with _work_directory() as work:
            return _against(asked, work) if asked.against else _bench(asked, work)
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())

"""Two builds over one mock, measured in turn: the rows that `pairs.py` judges.

Each part starts its own processes of both builds side by side and asks them in turn. The idle one costs the other
nothing but its timers; how much CPU it took meanwhile is measured, too, and reported.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from audits import QUICK_RUNS, RUNS, Miscounted, copied_runs, real_runs, timed_audit
from footprint import measure_footprints
from goals import unit_cost
from loads import ALL, BURST, SATURATED, Load
from measure import cpu_ns, spent_ns
from memory import COUNTS, measure_held
from pairs import NEW, OLD, Pair, Row, turns
from peers.product import Build, serving, starter
from processes import DidNotStart
from results import Sample, Spread, failures_by_kind
from rounds import measure, warm_up
from store import NoStore
from targets import DIRECT, Target, direct, mock_upstream

MEMORY, REDIS, AUDIT = "memory", "redis", "audit"
PARTS = (*(load.name for load in ALL), BURST.name, MEMORY, REDIS, AUDIT)
# The largest of the counts: what the goal speaks of.
_HELD = COUNTS[-1]
_MEGABYTE = 1e6
# Half of what the goal is judged by, since two stores have to be filled; an audit still is mostly reading.
_RUNS = RUNS // 2

Tell = Callable[[str], None]
Figures = Mapping[str, float | None]
"""One figure of each build, by its name."""


@dataclass(slots=True)
class Comparison:
    """What was found."""

    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """Parts that could not be measured, and why."""
    idle_shares: list[float] = field(default_factory=list)
    """Of one core, what the idle build took while the other was loaded, a figure per load."""
    failures: list[str] = field(default_factory=list)
    """Streams that did not come whole, in words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared, and how long."""

    only: str | None
    rounds: int
    """Pairs of a costly figure; a load is asked twice a round, in the orders A B and B A."""
    quick: bool
    settings: Mapping[str, str]
    """Of the new build alone, beside the everyday ones: what a setting costs is measured so."""

    def wants(self, part: str) -> bool:
        """Whether this part is to be measured."""
        return self.only in (None, part)


class Comparing:
    """One run over two builds."""

    def __init__(self, asked: Asked, builds: Sequence[Build], work: Path, tell: Tell) -> None:
        self._asked = asked
        self._builds = {build.name: build for build in builds}
        self._work = work
        self._tell = tell
        self._found = Comparison()

    def run(self) -> Comparison:
        """All rows that were asked for; a part that cannot be measured is named as missing."""
        loads = [load.quick() if self._asked.quick else load for load in ALL if self._asked.wants(load.name)]
        parts: tuple[tuple[str, bool, Callable[[int], None]], ...] = (
            ("loads", bool(loads), lambda port: self._loads(port, loads)),
            (BURST.name, self._asked.wants(BURST.name), self._bursts),
            (MEMORY, self._asked.wants(MEMORY), self._memory),
            (REDIS, self._asked.wants(REDIS), self._redis),
            (AUDIT, self._asked.wants(AUDIT), self._audit),
        )
        with mock_upstream(self._work) as port:
            for part, wanted, measured in parts:
                if wanted:
                    self._attempt(part, port, measured)
        return self._found

    def _attempt(self, part: str, port: int, measured: Callable[[int], None]) -> None:
        try:
            measured(port)
        except (DidNotStart, NoStore, Miscounted, KeyError) as error:
            self._found.missing[part] = f"{type(error).__name__}: {error}"
            self._tell(f"{part}: {error}")
        else:
            self._tell(part)

    def _directory(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._work))

    @contextmanager
    def _side_by_side(self, port: int) -> Iterator[dict[str, Target]]:
        """Both builds, fresh and warmed up."""
        with ExitStack() as stack:
            targets = {
                name: stack.enter_context(serving(build, port, self._directory(name)))
                for name, build in self._builds.items()
            }
            warm_up([SATURATED], list(targets.values()))
            yield targets

    def _add(self, name: str, unit: str, figures: Sequence[Figures], samples: Sequence[Sample] = ()) -> None:
        failed = {build: sum(s.failed for s in samples if s.target == build) for build in (OLD, NEW)}
        pairs = tuple(Pair(old=found[OLD], new=found[NEW]) for found in figures)
        self._found.rows.append(Row(name, unit, pairs, failed[OLD], failed[NEW]))

    def _loads(self, port: int, loads: Sequence[Load]) -> None:
        passes: list[dict[str, dict[str, Sample]]] = []
        with self._side_by_side(port) as targets, direct(port, self._work) as straight:
            warm_up(loads, [*targets.values(), straight])
            for number, order in enumerate(turns(2 * self._asked.rounds)):
                passes.append({})
                for load in loads:
                    passes[-1][load.name] = found = self._pass(number, load, targets, order)
                    if load.times:
                        found[DIRECT] = measure(number, load, straight)
                self._tell(f"pass {number + 1} of {2 * self._asked.rounds}")
        for load in loads:
            self._add_load(load, [found[load.name] for found in passes])

    def _pass(
        self, number: int, load: Load, targets: Mapping[str, Target], order: Sequence[str]
    ) -> dict[str, Sample]:
        """One load on both builds, one after the other; notes what the idle one spent meanwhile."""
        samples = {}
        for name in order:
            idle = targets[OLD if name == NEW else NEW]
            before, begun = cpu_ns(idle.pids()), time.monotonic_ns()
            samples[name] = measure(number, load, targets[name])
            took = time.monotonic_ns() - begun
            self._found.idle_shares.append(spent_ns(before, cpu_ns(idle.pids())) / took)
        return samples

    def _add_load(self, load: Load, passes: Sequence[Mapping[str, Sample]]) -> None:
        samples = [found[name] for found in passes for name in (OLD, NEW)]
        self._note_failures(load, samples)
        unit = "chunk" if load.stream else "request"
        costs = [{name: unit_cost(found[name], load) for name in (OLD, NEW)} for found in passes]
        self._add(f"{load.name}: CPU per {unit}", "µs", costs, samples)
        if load.times:
            for says, pick in (("first token", _first), ("delay per chunk", _chunk)):
                added = [{name: _added_ms(found, name, pick) for name in (OLD, NEW)} for found in passes]
                self._add(f"{load.name}: added {says}, median over direct's", "ms", added)

    def _note_failures(self, load: Load, samples: Sequence[Sample]) -> None:
        for name in (OLD, NEW):
            of_build = [sample for sample in samples if sample.target == name]
            kinds = ", ".join(failures_by_kind(of_build))
            if kinds:
                asked = sum(sample.requests for sample in of_build)
                self._found.failures.append(f"{load.name}, {name}: of {asked:,} streams {kinds}")

    def _bursts(self, port: int) -> None:
        load = BURST.quick() if self._asked.quick else BURST
        samples: list[dict[str, Sample]] = []
        with self._side_by_side(port) as targets:
            for number, order in enumerate(turns(self._asked.rounds)):
                samples.append({name: measure(number, load, targets[name]) for name in order})
                self._tell(f"burst {number + 1} of {self._asked.rounds}")
        both = [sample for found in samples for sample in found.values()]
        self._note_failures(load, both)
        figures = [{name: _ms(found[name].byte_p95_us) for name in (OLD, NEW)} for found in samples]
        self._add(f"{load.name}: first byte, p95 of all streams asked for", "ms", figures, both)

    def _memory(self, port: int) -> None:
        figures: list[dict[str, float | None]] = []
        for number, order in enumerate(turns(self._asked.rounds)):
            figures.append({name: self._held_mb(name, port, number) for name in order})
            self._tell(f"memory {number + 1} of {self._asked.rounds}")
        self._add(f"{_HELD:,} held streams over idle, PSS", "MB", figures)

    def _held_mb(self, name: str, port: int, number: int) -> float | None:
        start = starter(self._builds[name])
        held = measure_held(name, start, port, self._directory(MEMORY), number, counts=(_HELD,))
        if held.problem:
            self._found.failures.append(f"{MEMORY}, {name}: {held.problem}")
        grown = held.held_kb.get(_HELD)
        return None if grown is None else (grown - held.idle_kb) * 1024 / _MEGABYTE

    def _redis(self, port: int) -> None:
        found: list[dict[str, dict[str, float | None]]] = []
        with self._side_by_side(port) as targets:
            for number, order in enumerate(turns(self._asked.rounds)):
                found.append({name: _bytes_by_footprint(targets[name]) for name in order})
                self._tell(f"redis {number + 1} of {self._asked.rounds}")
        for footprint in found[0][NEW]:
            figures = [{name: pair[name].get(footprint) for name in (OLD, NEW)} for pair in found]
            self._add(f"redis: memory of {footprint}", "bytes", figures)

    def _audit(self, port: int) -> None:
        wanted = QUICK_RUNS if self._asked.quick else _RUNS
        with self._side_by_side(port) as targets:
            data, runs = {}, {}
            for name, target in targets.items():
                data[name] = store_of(target)
                real = real_runs(self._builds[name], target, data[name])
                runs[name] = copied_runs(data[name], real, wanted)
                self._tell(f"{runs[name]:,} runs to be audited, {name}")
            figures = [
                {name: self._audit_us(name, data[name], runs[name]) for name in order}
                for order in turns(self._asked.rounds)
            ]
        self._add("audit: whole command, per run", "µs", figures)

    def _audit_us(self, name: str, data: Path, runs: int) -> float:
        seen, seconds = timed_audit(self._builds[name], data)
        if seen != runs:
            raise Miscounted(f"{seen} requests in the report of {name}, {runs} in the store")
        return seconds * 1e6 / runs


def store_of(target: Target) -> Path:
    """The data directory of a target that must have one."""
    if target.store is None:
        raise NoStore(f"{target.name} has none")
    return target.store


def _first(sample: Sample) -> Spread | None:
    return sample.first_us


def _chunk(sample: Sample) -> Spread | None:
    return sample.chunk_us


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1000


def _added_ms(
    found: Mapping[str, Sample], name: str, pick: Callable[[Sample], Spread | None]
) -> float | None:
    slow, fast = pick(found[name]), pick(found[DIRECT])
    return (slow.p50 - fast.p50) / 1000 if slow and fast else None


def _bytes_by_footprint(target: Target) -> dict[str, float | None]:
    """Growth of `used_memory` per session or run."""
    return {
        f"{found.name}, a {found.unit}": found.memory_bytes / found.units if found.units else None
        for found in measure_footprints(target, store_of(target))
    }

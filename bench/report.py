"""`RESULTS.md` from the records: the goals first, then every figure with its spread."""

from collections.abc import Callable, Iterable
from statistics import median

from footprint import FURTHER, RUNS_PER_DAY
from goals import GOALS, Goal, Series, added, added_mb, cpu_per_unit
from loads import ALL, BURSTS, LOW, MANY, PACED, Load
from memory import COUNTS
from results import Machine, Results, Sample, Spread, failures_by_kind
from targets import APART, DIRECT, LITELLM, NGINX, PORTKEY, PRODUCT, TWO, VLLM

_TARGETS = (PRODUCT, APART, TWO, NGINX, VLLM, LITELLM, PORTKEY)


def number(value: float) -> str:
    """A figure with as many digits as it is worth."""
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    return f"{value:,.{digits}f}"


def _spread(series: Series) -> str:
    """Median, and the lowest and highest in brackets."""
    if not series:
        return "-"
    return f"{number(median(series))} ({number(min(series))} to {number(max(series))})"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _verdict(goal: Goal, results: Results) -> str:
    met = goal.met(results)
    return "not measured" if met is None else "met" if met else "**missed**"


def _goals(results: Results) -> str:
    return table(
        ("goal", "bound", "measured: median (lowest to highest)", "verdict"),
        (
            (
                goal.says,
                f"{'at least' if goal.at_least else 'at most'} {number(goal.bound)} {goal.unit}",
                _spread(goal.series(results)),
                _verdict(goal, results),
            )
            for goal in GOALS
        ),
    )


def machine_line(machine: Machine) -> str:
    """The machine and the versions on it."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, Linux {machine.kernel}, "
        f"Python {machine.python}" + (f"; {versions}" if versions else "")
    )


def _machine(results: Results) -> str:
    quick = ", **quick**: too short to be judged by." if results.quick else "."
    return f"{machine_line(results.machine)}. {results.begun}, {results.rounds} rounds{quick}"


def _samples(results: Results, load: Load, target: str) -> list[Sample]:
    return [sample for sample in results.samples if sample.load == load.name and sample.target == target]


def _cpu(results: Results) -> str:
    rows = []
    for load in ALL:
        for target in _TARGETS:
            samples = _samples(results, load, target)
            if not samples:
                continue
            merged = [sample.chunks / sample.reads for sample in samples if sample.reads]
            failed = sum(sample.failed for sample in samples)
            requests = sum(sample.requests for sample in samples)
            unit = "chunk" if load.stream else "request"
            rate = [(s.chunks if load.stream else s.requests) / s.wall_s for s in samples]
            row = (
                load.name,
                target,
                f"{_spread(cpu_per_unit(results, load, target))} a {unit}",
                number(median(rate)) + f" {unit}s/s",
                number(median(merged)) if merged else "-",
                f"{failed} of {requests:,}",
            )
            rows.append(row)
    return table(("load", "target", "CPU µs", "rate", "chunks per client read", "failed"), rows)


def _times(results: Results) -> str:
    picks: tuple[tuple[str, Callable[[Sample], Spread | None]], ...] = (
        ("first token", lambda sample: sample.first_us),
        ("chunk", lambda sample: sample.chunk_us),
    )
    rows = []
    for load in (LOW, PACED, MANY):
        for what, pick in picks:
            straight = [found for sample in _samples(results, load, DIRECT) if (found := pick(sample))]
            if straight:
                p50, p99 = [s.p50 / 1000 for s in straight], [s.p99 / 1000 for s in straight]
                rows.append((load.name, what, "direct, itself", _spread(p50), _spread(p99)))
            for target in _TARGETS:
                middle = added(results, load, target, pick)
                if middle:
                    tail = added(results, load, target, pick, tail=True)
                    rows.append((load.name, what, f"{target}, added", _spread(middle), _spread(tail)))
    return table(("load", "of", "target", "p50 ms", "p99 ms"), rows)


def _bursts(results: Results) -> str:
    """What came of each burst; LiteLLM gets fewer streams, see `loads.py`."""
    rows = []
    for load in BURSTS:
        for target in (DIRECT, *_TARGETS):
            samples = _samples(results, load, target)
            if samples:
                reached = [s.byte_p95_us / 1000 for s in samples if s.byte_p95_us is not None]
                kinds = ", ".join(failures_by_kind(samples)) or "-"
                asked = f"{max(sample.requests for sample in samples):,}"
                missed = len(samples) - len(reached)
                never = f"never in {missed} of {len(samples)}" if missed else ""
                p95 = "; ".join(filter(None, (_spread(reached) if reached else "", never)))
                rows.append((load.name, target, asked, p95, kinds))
    head = ("load", "target", "streams", "first byte, p95 ms", "refused or not whole, all rounds")
    return table(head, rows)


def _memory(results: Results) -> str:
    rows = []
    for target in _TARGETS:
        of_target = [held for held in results.held if held.target == target]
        if of_target:
            idle = [held.idle_kb * 1024 / 1e6 for held in of_target]
            grown = [_spread(added_mb(results, target, count)) for count in COUNTS]
            problems = "; ".join(sorted({held.problem for held in of_target if held.problem})) or "-"
            rows.append((target, _spread(idle), *grown, problems))
    head = ("target", "idle MB", *(f"{count:,} held: MB over idle" for count in COUNTS), "problems")
    return table(head, rows)


def _footprints(results: Results) -> str:
    rows = []
    for footprint in results.footprints:
        memory, disk = footprint.memory_bytes / footprint.units, footprint.disk_bytes / footprint.units
        kinds = ", ".join(
            f"{kind} {number(size / footprint.units)}"
            for kind, size in footprint.keys.items()
            if abs(size) >= footprint.units
        )
        day = number(memory * RUNS_PER_DAY / 1e6)
        what = f"{footprint.name}: {footprint.says}"
        rows.append((what, f"{number(memory)} a {footprint.unit}", day, number(disk), kinds))
    return table(("what", "memory bytes", "MB a day", "disk bytes", "by kind of key"), rows)


def _audits(results: Results) -> str:
    rows = [
        (f"{audit.runs:,}", _spread(audit.seconds), _spread([audit.runs / s for s in audit.seconds]))
        for audit in results.audits
    ]
    return table(("runs in the store", "seconds, whole command", "runs/s"), rows)


def _steps(results: Results) -> str:
    rows = [
        (f"{each.load}, alone", *map(number, (each.turns, each.sends, each.receives, each.calls, each.trips)))
        for each in results.steps
    ]
    return table(("load", "turns of the loop", "sends", "receives", "system calls", "round trips"), rows)


def _failures(results: Results) -> str:
    """One line per load and target whose streams did not all come whole, with the first of what came instead."""
    lines = []
    for load in (*ALL, *BURSTS):
        for target in (DIRECT, *_TARGETS):
            samples = [sample for sample in _samples(results, load, target) if sample.failed]
            if samples:
                failed, first = sum(sample.failed for sample in samples), samples[0].failures[0]
                shown = " ".join(first.split()).replace("`", "'")[:200]
                lines.append(f"- {load.name}, {target}: {failed} failed, the first with `{shown}`")
    return "\n".join(lines)


def render(results: Results) -> str:
    """The whole report."""
    parts = [
        "# Results of the bench\n\nMade by `make bench`; do not edit. How to read it: [README.md](README.md).",
        _machine(results),
        f"## Goals\n\n{_goals(results)}",
        "## CPU\n\n" + "\n".join(f"- *{load.name}*: {load.says}" for load in ALL) + f"\n\n{_cpu(results)}",
        f"## Time\n\n{_times(results)}",
        "## Bursts\n\n"
        + "\n".join(f"- *{load.name}*: {load.says}" for load in BURSTS)
        + f"\n\n{_bursts(results)}",
        f"## Memory\n\nPSS of all processes of the target, the store included.\n\n{_memory(results)}",
        f"## Redis\n\nA day is {RUNS_PER_DAY:,} runs, one a second; *{FURTHER}* is what a run adds to a session.\n\n"
        + _footprints(results),
        f"## Audit\n\n{_audits(results)}",
        "## Steps of one request\n\nOne connection, one request after another, beyond an idle process's.\n\n"
        + _steps(results),
    ]
    failures = _failures(results)
    if failures:
        parts.insert(3, f"## Failures\n\nOther figures of these loads are not to be trusted.\n\n{failures}")
    if results.missing:
        lines = "\n".join(f"- {what}: {why.strip().splitlines()[0]}" for what, why in results.missing.items())
        parts.append(f"## Not measured\n\n{lines}")
    return "\n\n".join(parts) + "\n"

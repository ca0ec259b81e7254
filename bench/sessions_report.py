"""`SESSIONS.md` from the records: the goals first, then the figures behind them."""

from collections.abc import Callable, Iterable
from statistics import median

from sessions_growth import COHORTS, MARKS, WANTED
from sessions_results import Cohort, Growth, Resolving, Sent, SessionResults, Shot, Trips, Wave
from sessions_system import HISTORY, NAME

_CPU_MS, _TRIPS, _BEYOND_BYTES = 3.0, 1.0, 2000
_NOISE = 1.15
"""A ratio up to this is taken for no growth: cohorts of one kind differ by as much on a machine with other work."""
_AGES = {5: range(2, 10), 25: range(22, 30), 50: range(43, 51)}
"""Eight turns around each: every eighth writes a snapshot, so that each window has one."""
_Rows = Iterable[tuple[str, ...]]


def render(results: SessionResults) -> str:
    """The whole report."""
    growth = results.growth
    parts = [
        "# Sessions\n\nMade by `make bench-sessions`; do not edit. How to read it: [README.md](README.md#sessions).",
        _machine(results),
        "## Goals\n\n" + _goals(results),
        "## Resolution\n\n" + _resolution(results.resolving) + "\n\n" + _trips(results.trips),
        "## What a continued turn sends\n\n" + _sent(results.sent),
        "## Growth\n\n" + _extent(growth),
        "### With the number of sessions\n\n" + _by_number(growth),
        "### With the age of a session\n\n" + _by_age(growth),
        "### Redis by kind of key\n\n" + _by_kind(growth),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Iterable[str], rows: _Rows) -> str:
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _machine(results: SessionResults) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, Linux {machine.kernel}, Python {machine.python}; "
        f"{versions}. {results.begun}, {results.seconds:.0f} s"
        + (f" (`--sessions {results.asked}`)" if results.asked else "")
        + (", **quick**: too short to be judged by" if results.quick else "")
        + f". Other work ran on the machine (load average {results.load:.1f} at the start): absolute figures are this "
        "hour's, **the ratios are what counts**."
    )


def _verdict(*, met: bool) -> str:
    return "met" if met else "**missed**"


def _goals(results: SessionResults) -> str:
    rows: list[tuple[str, ...]] = []
    for each in results.resolving:
        spent = median(each.cpu_ms)
        rows.append(
            (
                f"CPU of resolving 400 kB, *{each.kind}*",
                f"{_CPU_MS:.0f} ms",
                f"{spent:.2f} ms",
                _verdict(met=spent <= _CPU_MS),
            )
        )
    trips = max(each.reads / each.resolutions for each in results.trips)
    rows.append(
        ("Redis round trips of a resolution", "1", f"{trips:.2f} at most", _verdict(met=trips <= _TRIPS))
    )
    for sent in results.sent:
        beyond = sent.beyond_bytes
        rows.append(
            (
                f"sent beyond new messages and `tools`: {sent.says}",
                f"{_BEYOND_BYTES:,} B",
                f"{beyond:,} B",
                _verdict(met=beyond <= _BEYOND_BYTES),
            )
        )
    rows += [
        (says, f"ratio {_NOISE}", f"{found:.2f}", _verdict(met=found <= _NOISE))
        for says, found in _ratios(results.growth)
    ]
    return _table(("goal", "at most", "measured", "verdict"), rows)


def _ratios(growth: Growth) -> list[tuple[str, float]]:
    first, last = growth.cohorts[:2], growth.cohorts[-2:]
    marks = _marks(growth)
    named = _of_kind(growth, NAME)
    histories = _of_kind(growth, HISTORY)
    back = [_cpu(each.wave) for each in growth.returns]
    grown = _redis_by_span(growth)
    ages = list(_AGES)
    return [
        (
            "CPU a turn, found by history: last tenth of the sessions / first",
            _typical(last[0]) / _typical(first[0]),
        ),
        (
            "CPU a turn, found by name: last tenth of the sessions / first",
            _typical(last[1]) / _typical(first[1]),
        ),
        ("CPU a turn of an old session that left memory: last mark / first", back[-1] / back[0]),
        ("CPU a turn, found by name (requests of one size): turns 43-50 / 2-9", _aged(named, 50, _cpu, 5)),
        ("CPU of running a turn, found by history: turns 43-50 / 2-9", _aged(histories, 50, _run, 5)),
        (
            "CPU of running a turn, session read from Redis: turns 43-50 / 2-9",
            _aged([growth.cold], 50, _run, 5),
        ),
        ("process memory: all sessions / a tenth", marks[-1].rss_kb / marks[0].rss_kb),
        ("process memory: turn 50 / turn 5 of a cohort", _memory_by_age(growth)),
        (
            f"an actor's folded state: turn {ages[-1]} / {ages[1]}",
            growth.cold.shots[-1].snapshot_bytes / growth.cold.shots[1].snapshot_bytes,
        ),
        ("Redis bytes a session of all its turns: last half / first tenth", grown[-1] / grown[0]),
    ]


def _of_kind(growth: Growth, kind: str) -> list[Cohort]:
    return [cohort for cohort in growth.cohorts if cohort.kind == kind]


def _cpu(wave: Wave) -> float:
    return (wave.resolve_us + wave.run_us + wave.redis_us) / wave.turns


def _run(wave: Wave) -> float:
    return (wave.run_us + wave.redis_us) / wave.turns


def _own(wave: Wave) -> float:
    return (wave.resolve_us + wave.run_us) / wave.turns


def _redis(wave: Wave) -> float:
    return wave.redis_us / wave.turns


def _resolve(wave: Wave) -> float:
    return wave.resolve_us / wave.turns


def _typical(cohort: Cohort) -> float:
    """CPU of a turn, the median over a cohort's turns: a moment of other people's work does not move it."""
    return median(map(_cpu, cohort.waves[1:]))


def _window(cohorts: Iterable[Cohort], age: int, of: Callable[[Wave], float]) -> float:
    """Median over cohorts and the eight turns around an age."""
    values = [of(wave) for cohort in cohorts for wave in cohort.waves if wave.turn in _AGES[age]]
    return float(median(values))


def _aged(cohorts: list[Cohort], age: int, of: Callable[[Wave], float], over: int) -> float:
    return _window(cohorts, age, of) / _window(cohorts, over, of)


def _marks(growth: Growth) -> list[Shot]:
    return [growth.marks[round(mark * COHORTS) - 1] for mark in MARKS]


def _memory_by_age(growth: Growth) -> float:
    return median(cohort.shots[-1].rss_kb / cohort.shots[0].rss_kb for cohort in growth.cohorts[2:])


def _redis_by_span(growth: Growth) -> list[float]:
    """Redis bytes a session, over the sessions from each mark to the next."""
    found: list[float] = []
    bytes_before, sessions_before = growth.cohorts[0].before, 0
    for mark in _marks(growth):
        found.append((mark.redis_bytes - bytes_before) / (mark.sessions - sessions_before))
        bytes_before, sessions_before = mark.redis_bytes, mark.sessions
    return found


def _resolution(resolving: list[Resolving]) -> str:
    rows = [
        (
            f"*{each.kind}*: {each.says}",
            f"{each.messages:,}",
            f"{each.size_bytes / 1000:.0f} + {each.extra_bytes / 1000:.0f}",
            f"{median(each.cpu_ms):.2f} ({min(each.cpu_ms):.2f} to {max(each.cpu_ms):.2f})",
            f"{1000 * median(each.cpu_ms) / each.messages:.1f}",
            f"{median(each.cpu_ms) / median(each.bare_ms):.1f}",
        )
        for each in resolving
    ]
    return _table(
        (
            "history",
            "messages",
            "kB, messages + tools",
            "CPU ms (lowest to highest)",
            "µs a message",
            "times a bare BLAKE2b",
        ),
        rows,
    )


def _trips(trips: list[Trips]) -> str:
    rows = [
        (
            each.says,
            f"{each.found} of {each.resolutions}",
            f"{each.reads / each.resolutions:.2f}",
            ", ".join(f"{calls / each.resolutions:.2f} {name}" for name, calls in each.commands.items())
            or "-",
        )
        for each in trips
    ]
    return _table(("one after the other", "sessions found", "round trips each", "commands each"), rows)


def _sent(sent: list[Sent]) -> str:
    rows = [
        (
            each.says,
            f"{each.new_bytes:,}",
            f"{each.tools_bytes:,}",
            f"{each.beyond_bytes:,}",
            f"{each.query_bytes:,}",
            f"{each.beyond_bytes - each.query_bytes:,}",
            f"{each.head_bytes:,}",
        )
        for each in sent
    ]
    head = ("new messages", "their bytes", "`tools`", "beyond both", "`query`", "all else", "of it the head")
    return (
        "Bytes of the request as the demo site received it, head and body. `query` repeats the end of the user's words and, "
        "where tools are told in text, reminds of them. A site with tools of its own gets them with each turn, as the client "
        "does: it keeps messages only.\n\n" + _table(head, rows)
    )


def _extent(growth: Growth) -> str:
    sessions = sum(cohort.sessions for cohort in growth.cohorts)
    turns = sum(wave.turns for cohort in growth.cohorts for wave in cohort.waves)
    missed = sum(wave.not_continued for cohort in [*growth.cohorts, growth.cold] for wave in cohort.waves)
    missed += sum(each.wave.not_continued for each in growth.returns)
    wall = sum(wave.wall_s for cohort in growth.cohorts for wave in cohort.waves)
    scaled = "" if sessions >= WANTED else f" (**scaled down** from {WANTED:,} to fit the time)"
    return (
        f"{sessions:,} sessions of {growth.turns} turns{scaled}: {turns:,} turns in {COHORTS} cohorts, {wall:.0f} s, "
        f"{turns / wall:,.0f} turns/s, without HTTP. At most {growth.idle_max} idle actors are kept. "
        f"Turns that were to be continued and were not: **{missed}**."
    )


def _by_number(growth: Growth) -> str:
    spans = _redis_by_span(growth)
    rows = []
    for place, mark in enumerate(_marks(growth)):
        end = round(MARKS[place] * COHORTS)
        by_history, by_name = growth.cohorts[end - 2 : end]
        back = growth.returns[place].wave
        rows.append(
            (
                f"{MARKS[place]:.0%}",
                f"{mark.sessions:,}",
                f"{_typical(by_history):.0f}",
                f"{_typical(by_name):.0f}",
                f"{_cpu(back):.0f}",
                f"{mark.rss_kb / 1000:.1f}",
                f"{mark.actors:,}",
                f"{spans[place] / 1000:.1f}",
            )
        )
    head = (
        "at",
        "sessions",
        "CPU µs a turn, by history",
        "by name",
        "an old session returns",
        "process MB",
        "actors",
        "Redis kB a session since the last mark",
    )
    return _table(head, rows) + "\n\n" + _by_cohort(growth)


def _by_cohort(growth: Growth) -> str:
    """Every cohort in its order: what is a trend and what is noise."""
    rows = []
    for kind in (HISTORY, NAME):
        cohorts = _of_kind(growth, kind)
        for says, of in (("process", _own), ("Redis", _redis)):
            series = (f"{median(map(of, cohort.waves[1:])):.0f}" for cohort in cohorts)
            rows.append((f"by {kind}, {says}", *series))
    head = ("CPU µs a turn, cohort after cohort", *(str(place + 1) for place in range(COHORTS // 2)))
    return _table(head, rows)


def _by_age(growth: Growth) -> str:
    histories, named = _of_kind(growth, HISTORY), _of_kind(growth, NAME)
    rows = []
    for place, age in enumerate(_AGES):
        shots = [cohort.shots[place] for cohort in growth.cohorts]
        kept = [
            (cohort.shots[place].redis_bytes - cohort.before) / cohort.sessions for cohort in growth.cohorts
        ]
        cold = growth.cold.shots[place]
        rows.append(
            (
                str(age),
                f"{_window(histories, age, _resolve):.0f} + {_window(histories, age, _run):.0f}",
                f"{_window(named, age, _resolve):.0f} + {_window(named, age, _run):.0f}",
                f"{_window([growth.cold], age, _resolve):.0f} + {_window([growth.cold], age, _run):.0f}",
                f"{median(shot.rss_kb for shot in shots) / 1000:.1f}",
                f"{cold.snapshot_bytes:.0f}",
                f"{cold.events:.0f}",
                f"{median(kept) / 1000:.1f}",
                f"{median(kept) / age / 1000:.2f}",
            )
        )
    head = (
        "turn",
        "CPU µs a turn, by history: resolving + running",
        "by name",
        "by history, read from Redis",
        "process MB",
        "bytes of folded state",
        "events read after the snapshot",
        "Redis kB a session",
        "kB a turn of it",
    )
    return (
        _table(head, rows)
        + "\n\nCPU is the median over the eight turns around each. *Resolving* by history digests all that the client sends, "
        "so it grows with the request, not with the session: by name, where a request carries its new message alone, it "
        "does not. *Redis kB* grow "
        "evenly with the turns: each leaves its events in the log, which is kept until retention ends and is read only "
        "from the newest snapshot on, its audit entries and its look-up by request id."
    )


def _by_kind(growth: Growth) -> str:
    turns = sum(wave.turns for cohort in growth.cohorts for wave in cohort.waves)
    sessions = sum(cohort.sessions for cohort in growth.cohorts)
    rows = [
        (kind, f"{size / 1e6:.1f}", f"{size / sessions:.0f}", f"{size / turns:.0f}")
        for kind, size in sorted(growth.by_kind.items(), key=lambda each: -each[1])
        if size * 1000 > sum(growth.by_kind.values())
    ]
    return _table(("kind", "MB", "bytes a session", "bytes a turn"), rows)

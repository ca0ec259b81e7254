"""`AGAINST.md` from a comparison: the verdicts first, then every pair."""

import math
from collections.abc import Sequence
from statistics import median

from comparison import Asked, Comparison
from pairs import LIMIT, Row, Verdict, median_interval
from report import number, table

# Above this share of a core the idle build may have disturbed the other.
_IDLE_SHARE = 0.02
_MADE = (
    "Made by `bench/run.py --against`; do not edit. How to read it: [README.md](README.md#against-a-commit)."
)


def passed(found: Comparison) -> bool:
    """Whether every row was measured and none is worse."""
    return (
        bool(found.rows)
        and not found.missing
        and all(row.verdict() is Verdict.NO_WORSE for row in found.rows)
    )


def render_comparison(
    found: Comparison, asked: Asked, builds: dict[str, str], differing: Sequence[str], machine: str
) -> str:
    """The whole report; `builds` says of each what it is, `differing` what they ask for differently."""
    limits = f"{asked.rounds} rounds" + (", **quick**: too short to be judged by" if asked.quick else "")
    named = "\n".join(f"- {name}: {says}" for name, says in builds.items())
    parts = [
        f"# One build against another\n\n{_MADE}",
        f"{named}\n\n{machine}, {limits}.",
        _section("Verdicts", _verdicts(found.rows) if found.rows else ""),
        _section("Idle", _idle(found.idle_shares)),
        _list("Dependencies that differ: both were measured with those installed", differing),
        _list("Streams that did not come whole", found.failures),
        _list("Not measured", [f"{part}: {_in_short(why)}" for part, why in found.missing.items()]),
        _section("Pairs", _pairs(found.rows) if found.rows else ""),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _in_short(text: str) -> str:
    """What failed, and the last line of its log."""
    lines = text.strip().splitlines()
    return " … ".join(lines if len(lines) < 2 else (lines[0], lines[-1]))


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _list(title: str, lines: Sequence[str]) -> str:
    return _section(title, "\n".join(f"- {line}" for line in lines))


def _figure(value: float | None) -> str:
    if value is None:
        return "never"
    return "∞" if math.isinf(value) else number(value)


def _middle(values: Sequence[float | None]) -> str:
    reached = [value for value in values if value is not None]
    return _figure(median(reached) if reached else None)


def _ratio(row: Row) -> str:
    ratios = row.ratios()
    if not ratios:
        return "-"
    interval = median_interval(ratios)
    low, high = (f"{value:.3f}" if math.isfinite(value) else "∞" for value in (interval.low, interval.high))
    return f"{median(ratios):.3f} ({low} to {high}, {interval.coverage:.0%})"


def _verdict(row: Row) -> str:
    verdict = row.verdict()
    if verdict is Verdict.NO_WORSE:
        return str(verdict)
    more = row.failed_new > row.failed_old * LIMIT
    return f"**{verdict}**" + (f": {row.failed_new:,} streams failed, not {row.failed_old:,}" if more else "")


def _verdicts(rows: Sequence[Row]) -> str:
    return table(
        ("row", "old", "new", f"new / old: median (interval); at most {LIMIT}", "pairs", "verdict"),
        (
            (
                f"{row.name}, {row.unit}",
                _middle([pair.old for pair in row.pairs]),
                _middle([pair.new for pair in row.pairs]),
                _ratio(row),
                str(len(row.ratios())),
                _verdict(row),
            )
            for row in rows
        ),
    )


def _idle(shares: Sequence[float]) -> str:
    """Empty if no load was measured."""
    if not shares:
        return ""
    says = f"While one build was loaded the other took {median(shares):.2%} of a core, {max(shares):.2%} at most."
    return says if median(shares) <= _IDLE_SHARE else f"{says} **That is more than timers: it disturbs.**"


def _pairs(rows: Sequence[Row]) -> str:
    shown = table(
        ("row", "pairs"),
        (
            (row.name, ", ".join(f"{_figure(pair.old)} / {_figure(pair.new)}" for pair in row.pairs))
            for row in rows
        ),
    )
    return f"*Old / new* in the order in which they were taken.\n\n{shown}"

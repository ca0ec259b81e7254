"""`mix2api audit`: what became of all runs of a window, read from the audit streams."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TextIO, assert_never

from attrs import asdict, frozen
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mix2api.cli.durations import duration_ms, shown
from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.clock import SystemClock
from mix2api.projections.audit import AuditReport, Dimension, Figures, Tally
from mix2api.settings import Settings
from mix2api.store.audit_stream import (
    AuditedReceipt,
    AuditedRefusal,
    AuditedRefusalCount,
    AuditedRefusals,
    AuditedRun,
    AuditEntry,
)
from mix2api.store.conversation_audit import audit_conversations
from mix2api.store.log import OpenEntry
from mix2api.store.store import Store

_TOO_LOW: Final = 1
_HELP: Final = "count how runs ended, and for how many that is known"
_EPILOG: Final = """\
A run belongs to the window if it ended in it or is still open. requests: accepted runs. refused: requests that were
refused before a run began; they count for nothing else. orphans: open runs of processes that are gone. unknown: ended without a known reason.
unreadable: damaged entries. refused_store_away: requests refused because Redis was away.
coverage: runs that ended with a known reason, of all that nobody is still running.
success: good ends whose finish the client was given (the edges' receipts say so), streamed or not.
success rate: of all ended runs, but for those that failed by their client's doing and those whose client had left.
broken: mismatched and no receipt together. mismatched: the log says success and the client was given a failure, or the
other way round; the run counts as what the client saw. no receipt: good ends of which no edge says what the client got.
reworded: failed runs whose client was told another failure than the log has; they count as what the client was told.
[DONE] coverage: streams whose ending was written as the log has it, of all whose client stayed; an edge that died between
an ending and its receipt makes it read too low.
loop closure: runs that ended in tool_calls, whose results came back and whose continuation ended well, of all whose client
came back with a result. abandoned: runs that ended in tool_calls and of whose calls no result has come back.
counted: runs whose turn was counted before it was sent. trimmed, rolled over, over budget: of these, as `mix2api budgets`
has them. usage by site, counted, mixed: whose figures the answers' usage had.
Where MIX2API_CONVERSATIONS is on, also the conversations that have changed in the window or have an open turn: their turns,
plans, tasks and attempts by status, and how many are wrong: a turn without exactly one end and one message, or a state that
the log does not say (`mix2api conversations audit` looks at all of them, and names the wrong ones).
Exit codes: 0, 1 coverage is below --min or a conversation is wrong, 2 wrong arguments or settings.
"""


@frozen(kw_only=True)
class AuditQuery:
    """What was asked for."""

    window_ms: int
    by: tuple[Dimension, ...] = ()
    as_json: bool = False
    least: float = 0.99
    """The coverage below which the command fails."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "audit", help=_HELP, description=_HELP, epilog=_EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--window",
        type=duration_ms,
        default="24h",
        metavar="TIME",
        help="how far back: 15m, 24h (default), 7d",
    )
    parser.add_argument(
        "--by", type=dimensions, default=(), metavar="WORDS", help=f"group by any of {','.join(Dimension)}"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument(
        "--min", type=_share, default=0.99, metavar="SHARE", help="exit 1 below this coverage (default 0.99)"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = AuditQuery(
        window_ms=arguments.window, by=arguments.by, as_json=arguments.json, least=arguments.min
    )
    return read_store(settings, "audit", lambda store: audit(store, query, stdout(), settings))


async def audit(store: Store, query: AuditQuery, out: TextIO, settings: Settings | None = None) -> int:
    """Counts, prints, and gives the exit code.

    Args:
        store: of the deployment.
        query: what is asked for.
        out: takes the report.
        settings: say whether there are conversations. None: runs alone are counted.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    tally = Tally(by=query.by)
    with _progress() as advance:
        async for batch in store.audit.read_audit(query.window_ms):
            for entry in batch:
                _count(tally, entry)
            advance(len(batch))
    # After the ended ones: a run that ends between the two readings belongs to the next audit, to no group twice.
    await _count_open(store, tally)
    tally.add_damaged(store.damage.total)
    report, conversing = tally.report(), await _conversing(store, query, settings)
    if query.as_json:
        print(json.dumps({**_document(report, query), **conversing}), file=out)
    else:
        _print_report(report, query, out)
        _print_conversing(conversing, out)
    coverage = report.total.coverage
    is_low = coverage is not None and coverage < query.least
    return _TOO_LOW if is_low or conversing.get("conversations", {}).get("wrong") else 0


async def _conversing(store: Store, query: AuditQuery, settings: Settings | None) -> dict[str, Any]:
    """The report of conversations under its name; nothing, and no command to the store, where there are none."""
    if settings is None or not settings.conversing.enabled:
        return {}
    shards, since_ms = settings.storing.shards, SystemClock().now_ms() - query.window_ms
    conversations, index = store.conversations(shards, 0), store.conversation_index(0)
    return {"conversations": (await audit_conversations(conversations, index, shards, since_ms)).report()}


def _count(tally: Tally, entry: AuditEntry) -> None:
    match entry:
        case AuditedRun():
            tally.add_run(entry.run_id, entry.request, entry.end)
        case AuditedReceipt():
            tally.add_receipt(entry.run_id, entry.receipt, entry.told)
        case AuditedRefusals():
            tally.add_refused(entry.count)
        case AuditedRefusal():
            tally.add_refusal(entry.data)
        case AuditedRefusalCount():
            tally.add_refusal_count(entry.data)
        case _:
            assert_never(entry)


async def _count_open(store: Store, tally: Tally) -> None:
    entries = await store.open_entries()
    alive = await store.heartbeat.alive_among([entry.run.process for entry in entries])
    if any(entry.run.process not in alive for entry in entries):
        # A process that ended its runs and then stopped, between those two looks, leaves no orphans.
        entries = [entry for entry in await store.open_entries() if _same(entry, entries)]
    for entry in entries:
        tally.add_open(entry.summary, alive=entry.run.process in alive)


def _same(entry: OpenEntry, earlier: list[OpenEntry]) -> bool:
    return any(
        entry.run.run_id == other.run.run_id and entry.run.process == other.run.process for other in earlier
    )


@contextmanager
def _progress() -> Iterator[Any]:
    """Shows on a terminal's stderr how many entries have been read; gives the function that counts them."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} entries read"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("audit", total=None)
        yield partial(progress.advance, task)


def _document(report: AuditReport, query: AuditQuery) -> dict[str, Any]:
    return {
        "window_ms": query.window_ms,
        **asdict(report.total),
        "unreadable": report.unreadable,
        "refused": report.refused,
        "refused_by_end_reason": dict(report.refused_by_end_reason),
        "refused_store_away": report.refused_store_away,
        "server_side_tool_executions": report.server_side_tool_executions,
        "runtime_tool_executions": report.runtime_tool_executions,
        "groups": [{"by": dict(group.by), **asdict(group.figures)} for group in report.groups],
    }


def _print_report(report: AuditReport, query: AuditQuery, out: TextIO) -> None:
    total = report.total
    print(f"the last {shown(query.window_ms)}", file=out)
    rows = [
        ("requests", str(total.requests)),
        ("ended", str(total.ended)),
        ("open", str(total.open)),
        ("orphans", str(total.orphans)),
        ("unknown", str(total.unknown)),
        ("unreadable", str(report.unreadable)),
        ("refused", str(report.refused)),
        ("refused, store away", str(report.refused_store_away)),
        ("coverage", _percent(total.coverage)),
        ("success", str(total.success)),
        ("success rate", _percent(total.success_rate)),
        ("broken", str(total.broken)),
        ("  mismatched", str(total.mismatched)),
        ("  no receipt", str(total.no_receipt)),
        ("reworded", str(total.reworded)),
        ("[DONE] coverage", _percent(total.done_coverage)),
        ("tool loops", str(total.tool_loops)),
        ("results returned", str(total.tool_loops_returned)),
        ("closed", str(total.tool_loops_closed)),
        ("abandoned", str(total.tool_loops_abandoned)),
        ("loop closure", _percent(total.loop_closure)),
        ("server-side tool executions", str(report.server_side_tool_executions)),
        ("tools run inside runtimes", str(report.runtime_tool_executions)),
        *_budget_rows(total),
    ]
    print_table(("figure", "value"), rows, out)
    if total.by_end_reason:
        print(file=out)
        ended = [
            (reason, str(count), _percent(count / total.ended))
            for reason, count in total.by_end_reason.items()
        ]
        print_table(("end_reason", "runs", "share"), ended, out)
    if report.refused:
        print(file=out)
        refused = [(reason, str(count)) for reason, count in report.refused_by_end_reason.items()]
        print_table(("refused with", "requests"), refused, out)
    if report.groups:
        print(file=out)
        groups = [[*map(_value, group.by.values()), *_cells(group.figures)] for group in report.groups]
        print_table([*query.by, *_CELLS], groups, out)


def _print_conversing(conversing: dict[str, Any], out: TextIO) -> None:
    for report in conversing.values():
        rows = [
            (what, status, str(count))
            for what in ("turns", "plans", "tasks", "executions")
            for status, count in sorted(report[what].items())
        ]
        rows += [("conversations", "", str(report["conversations"])), ("wrong", "", str(report["wrong"]))]
        print(file=out)
        print_table(("conversations", "status", "count"), rows, out)


def _budget_rows(total: Figures) -> list[tuple[str, str]]:
    """Counts with their share of the counted runs; none where no run was counted."""
    counts = {
        "trimmed": total.trimmed,
        "rolled over": total.rolled_over,
        "over budget": total.over_budget,
        "compacted": total.compacted,
    }
    rows = [
        (f"  {name}", f"{count} ({_percent(count / total.counted)})")
        for name, count in counts.items()
        if total.counted
    ]
    sources = [(f"usage by {source}", str(runs)) for source, runs in total.by_usage_source.items()]
    return [("counted", str(total.counted)), *rows, *sources]


_CELLS: Final = (
    *("requests", "ended", "open", "orphans", "unknown", "success", "broken"),
    *("coverage", "[DONE]", "loops", "closed"),
)


def _cells(figures: Figures) -> list[str]:
    ends = (figures.requests, figures.ended, figures.open, figures.orphans, figures.unknown)
    counts = (*ends, figures.success, figures.broken)
    shares = (figures.coverage, figures.done_coverage)
    return [
        *map(str, counts),
        *map(_percent, shares),
        str(figures.tool_loops),
        _percent(figures.loop_closure),
    ]


def _value(value: object) -> str:
    """As a log line has it: `true`, `none`."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _percent(share: float | None) -> str:
    """Rounded down, so that 99.99 is never shown as all."""
    return "none" if share is None else f"{int(share * 10_000) / 100:.2f} %"


def dimensions(text: str) -> tuple[Dimension, ...]:
    """The words of `--by`; an argparse `type`.

    Raises:
        argparse.ArgumentTypeError: a word that is no dimension.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in set(Dimension)]
    if unknown or not words:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'} is no dimension; there are {', '.join(Dimension)}"
        )
    return tuple(map(Dimension, dict.fromkeys(words)))


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return share

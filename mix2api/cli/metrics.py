"""`mix2api metrics`: the figures of `/metrics`, computed from the audit stream of all processes, dead ones included."""

import argparse
from typing import Final, TextIO, assert_never

from attrs import frozen

from mix2api.cli.durations import duration_ms
from mix2api.cli.reading import read_store
from mix2api.cli.tables import stdout
from mix2api.events.audit_entry import read_end_summary, read_request_summary
from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.metrics.exposition import exposition
from mix2api.projections.traffic import Traffic
from mix2api.settings import Settings
from mix2api.store.audit_stream import (
    AuditedReceipt,
    AuditedRefusal,
    AuditedRefusalCount,
    AuditedRefusals,
    AuditedRun,
    AuditEntry,
)
from mix2api.store.store import Store

_HELP: Final = "print the metrics of all processes as the event log has them"
_EPILOG: Final = """\
The log is the truth. A process that was killed takes with it what nobody had scraped, and this command shows that too.
Gauges, logins and session reasons are known to living processes alone: see GET /metrics.
Exit codes: 0, 2 wrong arguments or settings.
"""


@frozen(kw_only=True)
class MetricsQuery:
    """What was asked for."""

    window_ms: int


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "metrics",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--window",
        type=duration_ms,
        default="24h",
        metavar="TIME",
        help="how far back: 15m, 24h (default), 7d",
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = MetricsQuery(window_ms=arguments.window)
    return read_store(settings, "metrics", lambda store: metrics(store, query, stdout()))


async def metrics(store: Store, query: MetricsQuery, out: TextIO) -> int:
    """Counts, prints, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    traffic = await counted(store, query.window_ms)
    print(exposition(traffic).decode(), file=out, end="")
    return 0


async def counted(store: Store, window_ms: int) -> Traffic:
    """The fold over the audit streams of all shards.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    traffic = Traffic()
    async for batch in store.audit.read_audit(window_ms):
        for entry in batch:
            _add(traffic, entry)
    return traffic


def _add(traffic: Traffic, entry: AuditEntry) -> None:
    match entry:
        case AuditedRun():
            traffic.add_entry(read_request_summary(entry.request), read_end_summary(entry.end))
        case AuditedRefusal():
            traffic.add_refusal(read_refusal(entry.data))
        case AuditedRefusalCount():
            traffic.add_refusals(read_refusal_count(entry.data))
        case AuditedReceipt() | AuditedRefusals():
            pass  # what is said of an ending, and what has entries of its own by now
        case _:
            assert_never(entry)

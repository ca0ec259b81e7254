"""`mix2api status`: the live processes of a deployment, their shards and what they have to do, as heartbeats and leases say."""

import argparse
import json
from typing import Any, Final, TextIO

from attrs import asdict, frozen

from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.settings import Settings
from mix2api.store.census import Counted, CountedProcess
from mix2api.store.store import Store

_FAILED: Final = 1
_HELP: Final = "the live processes, their shards, and what they have to do"
_EPILOG: Final = """\
takes: whether a process takes shards now. shards: those that it owns.
streams, runs, in runtime, queued, spooled: answers at its edge, turns in its worker, those of them that have a session
in a runtime, turns that wait for a slot, and entries that wait to be written to Redis, at the time of its last heartbeat.
age: since that heartbeat. skew: how far its clock is ahead of the clock of Redis.
Exit codes: 0; 1 a shard has no owner, a heartbeat is late by a lease or cannot be read; 2 wrong arguments or settings.
"""
_COLUMNS: Final = (
    *("process", "version", "role", "channel", "weight", "takes", "shards"),
    *("streams", "runs", "in runtime", "queued", "spooled", "age", "skew"),
)


@frozen(kw_only=True)
class StatusQuery:
    """What was asked for."""

    as_json: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "status",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = StatusQuery(as_json=arguments.json)
    return read_store(settings, "status", lambda store: status(store, query, stdout()))


async def status(store: Store, query: StatusQuery, out: TextIO) -> int:
    """Reads, prints, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    counted = await store.census.take()
    if query.as_json:
        print(json.dumps(_facts(counted)), file=out)
    else:
        print_table(_COLUMNS, [_row(process) for process in counted.processes], out)
        for line in _lines(counted):
            print(line, file=out)
    late = any(process.is_late for process in counted.processes)
    return _FAILED if counted.unowned or counted.silent or counted.unreadable or late else 0


def _facts(counted: Counted) -> dict[str, Any]:
    return {
        "processes": [{**asdict(process), "late": process.is_late} for process in counted.processes],
        "shards": counted.shards,
        "shards_without_owner": list(counted.unowned),
        "shards_on_silent_masters": counted.silent,
        "unreadable": counted.unreadable,
    }


def _row(process: CountedProcess) -> tuple[str, ...]:
    load = (process.streams, process.runs, process.runtime_runs, process.queued, process.spooled)
    return (
        process.process,
        process.version,
        process.role,
        process.channel,
        str(process.weight),
        "yes" if process.takes else "no",
        str(process.shards),
        *("-" if figure is None else str(figure) for figure in load),
        "-" if process.age_ms is None else f"{process.age_ms} ms" + (" late" if process.is_late else ""),
        "-" if process.skew_ms is None else f"{process.skew_ms:+d} ms",
    )


def _lines(counted: Counted) -> list[str]:
    owned = counted.shards - counted.silent - len(counted.unowned)
    lines = [f"{owned} of {counted.shards} shards have an owner"]
    if counted.unowned:
        lines.append("without an owner: " + " ".join(f"s{shard:02x}" for shard in counted.unowned))
    if counted.silent:
        lines.append(f"{counted.silent} shards lie on Redis masters that do not answer")
    if counted.unreadable:
        lines.append(f"{counted.unreadable} heartbeats cannot be read")
    return lines

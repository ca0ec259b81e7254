"""`mix2api trace`: the sampled traces that still rest in Redis, or one of them."""

import argparse
import json
from typing import Any, Final, TextIO

import msgspec
from attrs import frozen

from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.projections.traces import Trace
from mix2api.settings import Settings
from mix2api.store.store import Store
from mix2api.vocabulary import RequestId, RunId

_NOT_FOUND: Final = 3
_HELP: Final = "list the sampled traces, or show one"
_EPILOG: Final = """\
Runs leave traces where TRACE_SAMPLING_ENABLED is set: a share of them, and those of MIX2API_TRACE_KEEP.
`show` also prints what was said, redacted, if the trace was made with MIX2API_TRACE_MODE=content.
Exit codes: 0, 2 wrong arguments or settings, 3 no such trace.
"""
_COLUMNS: Final = ("run", "request", "client", "end_reason", "detail", "status", "total_ms")


@frozen(kw_only=True)
class TraceQuery:
    """What was asked for."""

    word: str | None = None
    """A run id, or a request id; None: the list."""
    limit: int = 50
    as_json: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "trace", help=_HELP, description=_HELP, epilog=_EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the newest traces")
    listing.add_argument("--limit", type=_positive, default=50, metavar="N", help="at most so many (50)")
    showing = actions.add_parser("show", help="one trace")
    showing.add_argument("word", metavar="ID", help="a run or request id")
    for each in (listing, showing):
        each.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    if arguments.action == "list":
        query = TraceQuery(limit=arguments.limit, as_json=arguments.json)
    else:
        query = TraceQuery(word=arguments.word, as_json=arguments.json)
    return read_store(settings, "trace", lambda store: trace(store, query, stdout()))


async def trace(store: Store, query: TraceQuery, out: TextIO) -> int:
    """Prints, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    if query.word is None:
        _print_list(await store.traces.newest(query.limit), query, out)
        return 0
    found = await _found(store, query.word)
    for each in found:
        if query.as_json:
            said = {} if each.content is None else {"content": msgspec.to_builtins(each.content)}
            print(json.dumps({**_document(each), **said}), file=out)
        else:
            _print_one(each, out)
    return 0 if found else _NOT_FOUND


async def _found(store: Store, word: str) -> list[Trace]:
    """The trace of a run id, or those of a request id's runs."""
    digest = store.seal.digest(RequestId(word), "request_id")
    run_ids = [RunId(word), *(run_id for run_id, _ in await store.log.runs_of_request(digest))]
    found = [await store.traces.of_run(run_id) for run_id in run_ids]
    return [each for each in found if each is not None]


def _print_list(traces: list[Trace], query: TraceQuery, out: TextIO) -> None:
    if query.as_json:
        for each in traces:
            print(json.dumps(_document(each)), file=out)
        return
    print_table(_COLUMNS, [_cells(each) for each in traces], out)


def _print_one(each: Trace, out: TextIO) -> None:
    for name, value in _document(each).items():
        print(f"{name}: {'none' if value is None else value}", file=out)
    if each.content is None:
        return
    if each.content.left_out:
        print(f"\n({each.content.left_out} earlier messages are not kept)", file=out)
    for said in (*each.content.asked, *each.content.answered):
        print(f"\n[{said.role}]\n{_printable(said.text)}", file=out)


def _printable(text: str) -> str:
    """Foreign text without what a terminal would obey."""
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _cells(each: Trace) -> tuple[str, ...]:
    return (
        each.run_id,
        each.request_id,
        each.client,
        each.end_reason.value,
        each.detail or "-",
        str(each.http_status),
        str(each.total_ms),
    )


def _document(each: Trace) -> dict[str, Any]:
    """The facts; what was said stands beside them, and in no list."""
    document: dict[str, Any] = msgspec.to_builtins(each)
    del document["content"]
    return document


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number

"""`mix2api replay`: one session's log as a time line, its attributions computed anew. Reads no other session."""

import argparse
from collections.abc import Callable
from typing import Any, Final, TextIO

import msgspec
import trio
from attrs import frozen

from mix2api.cli.reading import read_store
from mix2api.cli.tables import aligned, print_table, stdout
from mix2api.cli.turn_replay import replay_turn
from mix2api.clock import Clock, SystemClock
from mix2api.conversations.ids import TurnRef, read_turn
from mix2api.errors import ConfigurationError
from mix2api.projections.timeline import Flag, Row, Verdict
from mix2api.sessions.attribution import Cause
from mix2api.settings import Settings
from mix2api.settings.bounds import DAY_MS
from mix2api.store.finding import Found, find
from mix2api.store.session_rows import SessionRows
from mix2api.store.store import Store
from mix2api.vocabulary import RunId

_DIFFERS: Final = 1
_NOT_FOUND: Final = 3
_POLL_S: Final = 0.25
"""Between two looks of `--follow`: soon enough for eyes, and one small read for the store."""
_BROKEN: Final = frozenset({Flag.DIFFERENCE, Flag.ILLEGAL, Flag.MISSING, Flag.UNREADABLE})
"""Flags of a log that is not as it should be. A gap, a trimmed log and what they hide are told of and no fault."""
_HELP: Final = "show what happened in a session, from its event log"
_EPILOG: Final = """\
+ms: milliseconds since the first entry shown, on the store's clock; at_ms: since the run began, on its process's (of a
request: the time of day). flags: what is wrong with a row; facts: the event's fields, see mix2api/events/kinds.py.
Every run's end_reason is computed again from its events and compared with the recorded one. Of a run or request id only
that run's rows are shown. A request that was refused before it began has no events: see mix2api explain.
Of a conversation's turn, plan or task the events of the turn are shown, and its state is folded anew from them. See mix2api
conversations audit for all turns at once.
Exit codes: 0, 1 an attribution differs or the log is damaged, 2 wrong arguments or settings, 3 nothing found.
"""
_COLUMNS: Final = ("+ms", "event", "run", "seq", "stage", "flags", "facts")
_WIDTHS: Final = (8, 26, 8, 4, 10, 10, 0)
"""Of lines that are printed one at a time (`--follow`): the widest that each column usually has."""
_RUN_TAIL: Final = 8
"""Of a run id; the front is time and alike within a session."""


@frozen(kw_only=True)
class ReplayQuery:
    """What was asked for."""

    word: str
    """A session, run, request, turn, plan or task id."""
    follow: bool = False
    as_json: bool = False
    poll_s: float = _POLL_S


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "replay", help=_HELP, description=_HELP, epilog=_EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "word", metavar="ID", help="a session, run, turn, plan or task id, or the x-request-id of a request"
    )
    parser.add_argument("--follow", action="store_true", help="wait for more until ^C")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object; with --follow one object per line and event"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = ReplayQuery(word=arguments.word, follow=arguments.follow, as_json=arguments.json)
    turn = read_turn(query.word)
    if turn is not None:
        return _run_turn(turn, query, settings)
    return read_store(settings, "replay", lambda store: replay(store, query, stdout(), SystemClock()))


def _run_turn(turn: TurnRef, query: ReplayQuery, settings: Settings) -> int:
    if query.follow:
        raise ConfigurationError("--follow takes no turn; GET /api/plans/{planId}/events follows a plan")
    life_ms, shards = settings.conversing.retention_days * DAY_MS, settings.storing.shards

    async def read(store: Store) -> int:
        conversations = store.conversations(shards, life_ms)
        return await replay_turn(conversations, turn, stdout(), as_json=query.as_json)

    return read_store(settings, "replay", read)


async def replay(store: Store, query: ReplayQuery, out: TextIO, clock: Clock) -> int:
    """Finds, prints, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    found = await find(store, query.word, clock)
    if found is not None:
        reader = SessionRows(store=store, found=found)
        rows = [row async for row in reader.rows()]
        if reader.seen:
            return await _show(reader, rows, query, out)
    print(
        f"nothing is known of {query.word!r}: it was refused before it began (see `mix2api explain`), "
        "or is older than MIX2API_RETENTION_S",
        file=out,
    )
    return _NOT_FOUND


async def _show(reader: SessionRows, rows: list[Row], query: ReplayQuery, out: TextIO) -> int:
    if query.follow:
        await _follow(reader, rows, query, out)
    elif query.as_json:
        print(_json(_document(reader.found, rows)), file=out)
    else:
        _print_rows(reader.found, rows, out)
    return _DIFFERS if any(_BROKEN.intersection(row.flags) for row in rows) else 0


async def _follow(reader: SessionRows, rows: list[Row], query: ReplayQuery, out: TextIO) -> None:
    """Prints rows as they come, for ever: ^C ends it."""
    print_row: Callable[[Row], str] = _row_line
    if query.as_json:
        print_row = _row_json
    else:
        print(f"session {reader.found.session_id}", file=out)
        print(aligned(_COLUMNS, _WIDTHS), file=out)
    for row in rows:
        print(print_row(row), file=out, flush=True)
    while True:
        await trio.sleep(query.poll_s)
        async for row in reader.rows():
            print(print_row(row), file=out, flush=True)


def _print_rows(found: Found, rows: list[Row], out: TextIO) -> None:
    print(f"session {found.session_id}", file=out)
    if found.others:
        print(
            f"{len(found.others) + 1} runs have this request id; the newest is shown, earlier ones:", file=out
        )
        for run_id in found.others:
            print(f"  mix2api replay {run_id}", file=out)
    print_table(_COLUMNS, [_cells(row) for row in rows], out)
    for row in rows:
        if row.verdict is not None:
            print(_verdict_line(row, row.verdict), file=out)


def _cells(row: Row) -> tuple[str, ...]:
    facts = " ".join(f"{name}={_fact(value)}" for name, value in row.facts.items())
    return (
        f"+{row.at_ms}",
        row.event,
        _tail(row.run_id),
        "" if row.seq is None else str(row.seq),
        "unknown" if row.stage is None else row.stage.value,
        " ".join(row.flags),
        facts,
    )


def _row_line(row: Row) -> str:
    line = aligned(_cells(row), _WIDTHS)
    return line if row.verdict is None else f"{line}\n{_verdict_line(row, row.verdict)}"


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _tail(run_id: RunId | None) -> str:
    return "" if run_id is None else run_id[-_RUN_TAIL:]


def _verdict_line(row: Row, verdict: Verdict) -> str:
    if Flag.DIFFERENCE in row.flags:
        said = "DIFFERS from the recorded " + _cause(verdict.recorded)
    elif Flag.UNVERIFIABLE in row.flags:
        said = f"events are lost; recorded is {_cause(verdict.recorded)}"
    else:
        said = "as recorded"
    return f"{row.run_id}: recomputed {_cause(verdict.recomputed)}: {said}"


def _cause(cause: Cause) -> str:
    return cause.end_reason.value if cause.detail is None else f"{cause.end_reason.value}/{cause.detail}"


def _document(found: Found, rows: list[Row]) -> dict[str, Any]:
    return {
        "session": found.session_id,
        "run": found.run_id,
        "earlier_runs": found.others,
        "differences": sum(Flag.DIFFERENCE in row.flags for row in rows),
        "rows": rows,
    }


def _row_json(row: Row) -> str:
    return _json(row)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

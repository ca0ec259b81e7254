"""`mix2api budgets`: how runs stood to their budgets, by model; and why messages of one run did not go up."""

import argparse
import json
from typing import Any, Final, TextIO

from attrs import asdict, frozen

from mix2api.cli.durations import duration_ms
from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.clock import Clock, SystemClock
from mix2api.events.codec import UnreadableEvent
from mix2api.events.kinds import End, Request
from mix2api.projections.budgets import BudgetFigures, BudgetTally
from mix2api.settings import Settings
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.finding import find
from mix2api.store.store import Store

_NOT_FOUND: Final = 3
_HELP: Final = "how runs stood to their models' budgets, and how far counts and reported usage differ"
_EPILOG: Final = """\
trimmed: runs whose history was trimmed. rolled over: runs that went to a fresh session, because theirs was too full.
refused: runs that did not fit, even trimmed. compacted: runs whose client had replaced the history by a summary.
tokens: input of the runs that were sent.
site, counted, mixed: whose figures the answers' usage had. differs: how far the site's counts of input are from ours.
factor: the correction factor that these runs teach; each process learns its own from the runs that it sees.
Exit codes: 0, 2 wrong arguments or settings, 3 no such run.
"""
_SOURCES: Final = ("site", "counted", "mixed")
_COLUMNS: Final = (
    "runs",
    "trimmed",
    "rolled over",
    "refused",
    "compacted",
    "tokens",
    *_SOURCES,
    "differs",
    "factor",
)


@frozen(kw_only=True)
class BudgetsQuery:
    """What was asked for."""

    window_ms: int
    by_model: bool = False
    run: str | None = None
    """One run instead of a window: a run id, or a request id."""
    as_json: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "budgets",
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
    parser.add_argument("--by", choices=("model",), help="a row for each model")
    parser.add_argument("--run", metavar="ID", help="one run: why its messages did not go up")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = BudgetsQuery(
        window_ms=arguments.window,
        by_model=arguments.by is not None,
        run=arguments.run,
        as_json=arguments.json,
    )
    return read_store(settings, "budgets", lambda store: budgets(store, query, stdout(), SystemClock()))


async def budgets(store: Store, query: BudgetsQuery, out: TextIO, clock: Clock) -> int:
    """Reads, prints, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    if query.run is not None:
        return await _one_run(store, query.run, out, clock, as_json=query.as_json)
    tally = BudgetTally()
    async for batch in store.audit.read_audit(query.window_ms):
        for entry in batch:
            if isinstance(entry, AuditedRun):
                tally.add_run(entry.request, entry.end)
    total, models = tally.total(), tally.by_model() if query.by_model else {}
    if query.as_json:
        document: dict[str, Any] = {"total": _facts(total)}
        if query.by_model:
            document["models"] = {model: _facts(figures) for model, figures in models.items()}
        print(json.dumps(document), file=out)
        return 0
    rows = [(model, *_row(figures)) for model, figures in models.items()]
    print_table(("model", *_COLUMNS), [*rows, ("all", *_row(total))], out)
    return 0


def _facts(figures: BudgetFigures) -> dict[str, Any]:
    return {**asdict(figures), "difference": figures.difference}


def _row(figures: BudgetFigures) -> tuple[str, ...]:
    became = (figures.trimmed, figures.rolled_over, figures.refused, figures.compacted)
    sources = (figures.by_source.get(source, 0) for source in _SOURCES)
    differs = "-" if figures.difference is None else f"{figures.difference:+.1%}"
    factor = "-" if figures.factor is None else f"{figures.factor:.3f}"
    return (*map(str, (figures.runs, *became, figures.tokens)), *map(str, sources), differs, factor)


async def _one_run(store: Store, word: str, out: TextIO, clock: Clock, *, as_json: bool) -> int:
    found = await find(store, word, clock)
    facts = None if found is None else await _facts_of_run(store, found.session_id, found.run_id)
    if facts is None:
        print("no such run", file=out)
        return _NOT_FOUND
    if as_json:
        print(json.dumps(facts), file=out)
        return 0
    rows = [
        (name, json.dumps(value) if isinstance(value, dict) else str(value)) for name, value in facts.items()
    ]
    print_table(("figure", "value"), rows, out)
    return 0


async def _facts_of_run(store: Store, session_id: Any, run_id: Any) -> dict[str, Any] | None:
    """The budget of one run, of a session's newest one if none is named. None: it is not in the log, or cannot be read."""
    try:
        history = await store.log.history(session_id)
    except UnreadableEvent:
        return None
    events = [recorded.event for recorded in history.recorded]
    requests = [one for one in events if isinstance(one, Request) and run_id in {None, one.run_id}]
    if not requests:
        return None
    request = requests[-1]
    end = next((one for one in events if isinstance(one, End) and one.run_id == request.run_id), None)
    usage = None if end is None else end.usage
    return {
        "run_id": request.run_id,
        "model": request.model,
        "resolution": f"{request.resolution}; reason={request.resolution_reason}",
        "used": request.input_tokens,
        "available": request.input_budget,
        "reserved": request.output_budget,
        "counted": request.counted_tokens,
        "messages": request.messages_all,
        "messages_withheld": request.messages_withheld,
        "withheld_by": request.withheld_by or {},
        "summary": request.summary,
        "summary_ms": request.summary_ms,
        "end_reason": None if end is None else end.end_reason.value,
        "usage_source": None if end is None else end.usage_source,
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "completion_tokens": None if usage is None else usage.completion_tokens,
    }

"""`mix2api release report`: the evidence of a rollback, as a table, as JSON or as one HTML page."""

import argparse
from pathlib import Path
from typing import Final, TextIO

import msgspec
from attrs import frozen

from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.errors import ConfigurationError
from mix2api.release.evidence import Evidence
from mix2api.release.report import html_page, rows_of_tests
from mix2api.settings import Settings
from mix2api.store.store import Store

_NOT_FOUND: Final = 3
_EPILOG: Final = """\
ID is what `mix2api release history` shows; without one: the last rollback by a guard.
The HTML page has all in one file: nothing is loaded from elsewhere.
Exit codes: 0, 2 wrong arguments or settings, 3 nothing is kept (evidence lives 90 days).
"""


@frozen(kw_only=True)
class ReportQuery:
    """What was asked for."""

    name: str | None = None
    as_json: bool = False
    html: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments."""
    parser.epilog, parser.formatter_class = _EPILOG, argparse.RawTextHelpFormatter
    parser.add_argument("name", nargs="?", metavar="ID", help="of the evidence, `ev-…`")
    parser.add_argument(
        "--json", action="store_true", help="the evidence as it is kept, and what the gateway was told"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write an HTML page")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the action."""
    query = ReportQuery(name=arguments.name, as_json=arguments.json, html=arguments.html)
    return read_store(settings, "release", lambda store: report(store, query, stdout()))


async def report(store: Store, query: ReportQuery, out: TextIO) -> int:
    """Reads the evidence, prints or writes it, and gives the exit code.

    Raises:
        ConfigurationError: the file cannot be written.
        StoreUnavailable: the store does not answer.
    """
    name = query.name or await _last(store)
    evidence = None if name is None else await store.evidence.load(name)
    if evidence is None:
        what = "no rollback by a guard is recorded" if name is None else f"no evidence {name} is kept"
        print(what, file=out)
        return _NOT_FOUND
    told = await store.gateway.of(evidence.release)
    if query.html is not None:
        _write(query.html, html_page(evidence, told))
        print(f"written: {query.html}", file=out)
    elif query.as_json:
        facts = {
            **msgspec.to_builtins(evidence),
            "settings_apart": evidence.settings_apart,
            "gateway": msgspec.to_builtins(told),
        }
        print(msgspec.json.encode(facts).decode(), file=out)
    else:
        _print(evidence, out)
        for name, (stable, canary) in evidence.settings_apart.items():
            print(f"setting {name}: stable {' | '.join(stable)}, canary {' | '.join(canary)}", file=out)
        for one in told:
            print(one.line, file=out)
    return 0


async def _last(store: Store) -> str | None:
    """The newest evidence that the history names."""
    events = await store.release.history()
    return next((event.evidence for event in reversed(events) if event.evidence.startswith("ev-")), None)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(f"{path} cannot be written: {fault.strerror}") from None


def _print(evidence: Evidence, out: TextIO) -> None:
    judged = evidence.judgement
    print(f"{evidence.id}: release {evidence.release} of version {evidence.candidate}", file=out)
    print(f"{judged.decision}: {judged.why}", file=out)
    print(f"evidence 10^{judged.evidence:g}, needed 10^{judged.needed:g}", file=out)
    print(file=out)
    head, rows = rows_of_tests(judged)
    print_table(head, rows, out)
    print(file=out)
    for run in judged.bad_runs:
        print(f"{run.cell} {run.end_reason} {run.detail or '-'}  {run.explain}", file=out)

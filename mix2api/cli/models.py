"""`mix2api models`: the effective profile of each model, and where each figure comes from."""

import argparse
import json
from collections.abc import Sequence
from typing import Any, Final

from mix2api.budget.profile import FIGURES, Profile
from mix2api.budget.profiles import ProfileTable
from mix2api.cli.durations import duration_ms
from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.counting.profile_files import ProfilesRefused, load_profiles
from mix2api.errors import ConfigurationError
from mix2api.model_prefixes import ByPrefix
from mix2api.process.groups import profile_sources
from mix2api.process.named_upstreams import NamedUpstream, named_upstreams, with_models
from mix2api.projections.budgets import BudgetTally
from mix2api.settings import Settings
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.store import Store

_HELP: Final = "the effective profile of each model, and where each figure comes from"
_EPILOG: Final = """\
Shown are MODEL_LIST and every profile; with names, these instead. A figure in brackets is a default; one with a * was
larger than the profile allows and was made smaller.
--window reads the store, too. factor: the site's count of input divided by ours, as the runs of the window teach it; a
dash where they teach none. Each process learns its own from the runs that it sees.
Exit codes: 0, 2 a profile is wrong: one line for each mistake, with its file and line.
"""
_COLUMNS: Final = ("model", "window", "input", "output", "default", "encoding", "images", "profile")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command's arguments."""
    parser = commands.add_parser(
        "models",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("model", nargs="*", metavar="MODEL", help="names as a request would have them")
    parser.add_argument(
        "--window",
        type=duration_ms,
        metavar="TIME",
        help="show the correction factor, too: over 15m, 24h, 7d",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Prints.

    Raises:
        ConfigurationError: one line for each mistake in a profile, or the store cannot be opened.
        StoreUnavailable: the store does not answer.
    """
    try:
        table = load_profiles(profile_sources(settings))
    except ProfilesRefused as refusal:
        raise ConfigurationError(str(refusal)) from None
    upstreams = named_upstreams(settings)
    shown = with_models(settings, upstreams).listening.models
    names = tuple(arguments.model) or _names(shown, table)
    served = (
        None if settings.site.upstreams_file is None else ByPrefix({one.prefix: one for one in upstreams})
    )
    profiles = {name: table.profile_of(name) for name in names}
    factors = None if arguments.window is None else _factors(settings, arguments.window)
    if arguments.json:
        listed = [
            _facts(name, profile, factors) | _served(name, served) for name, profile in profiles.items()
        ]
        print(json.dumps({"models": listed, "warnings": list(table.warnings)}))
        return 0
    columns = _COLUMNS if factors is None else (*_COLUMNS, "factor")
    rows = [_row(name, profile, factors) for name, profile in profiles.items()]
    if served is not None:
        columns = (*columns, "upstream")
        rows = [(*row, _served(row[0], served)["upstream"] or "none") for row in rows]
    print_table(columns, rows, stdout())
    for warning in table.warnings:
        print(f"warning: {warning}")
    return 0


def _names(shown: Sequence[str], table: ProfileTable) -> tuple[str, ...]:
    """The models that are shown to clients, then every name and pattern that they do not cover."""
    patterns = (one.name for one in table.patterns)
    return tuple(dict.fromkeys((*shown, *table.named, *patterns)))


def _served(model: str, upstreams: ByPrefix[NamedUpstream] | None) -> dict[str, str | None]:
    """The upstream of a model, where there are several; None: it has none."""
    if upstreams is None:
        return {}
    upstream = upstreams.of(model)
    return {"upstream": None if upstream is None else upstream.name}


def _factors(settings: Settings, window_ms: int) -> dict[str, float]:
    """The correction factor of each model of which the window's runs teach one."""
    tally = BudgetTally()

    async def read(store: Store) -> int:
        async for batch in store.audit.read_audit(window_ms):
            for entry in batch:
                if isinstance(entry, AuditedRun):
                    tally.add_run(entry.request, entry.end)
        return 0

    read_store(settings, "models", read)
    return tally.factors()


def _row(name: str, profile: Profile, factors: dict[str, float] | None) -> tuple[str, ...]:
    figures = [_figure(profile, figure) for figure in FIGURES]
    given = (f'{source.origin} "{source.profile}"' for source in profile.sources.values() if source.profile)
    row = (name, *figures, next(given, "none"))
    if factors is None:
        return row
    return (*row, f"{factors[name]:.3f}" if name in factors else "-")


def _figure(profile: Profile, figure: str) -> str:
    value = getattr(profile, figure)
    source = profile.sources[figure]
    text = "-" if value is None else f"{value}{'*' if source.clamped else ''}"
    return text if source.profile or value is None else f"({text})"


def _facts(name: str, profile: Profile, factors: dict[str, float] | None) -> dict[str, Any]:
    figures: dict[str, Any] = {figure: getattr(profile, figure) for figure in FIGURES}
    return {
        "model": name,
        **figures,
        "image_rule": str(profile.image_rule),
        "sources": {figure: str(source) for figure, source in profile.sources.items()},
        "known": profile.known,
        **({} if factors is None else {"factor": factors.get(name)}),
    }

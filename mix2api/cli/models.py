"""`mix2api models`: the effective profile of each model, and where each figure comes from."""

import argparse
import json
from collections.abc import Sequence
from typing import Any, Final

from mix2api.budget.profile import FIGURES, Profile
from mix2api.budget.profiles import ProfileTable
from mix2api.cli.tables import print_table, stdout
from mix2api.counting.profile_files import ProfilesRefused, load_profiles
from mix2api.errors import ConfigurationError
from mix2api.process.groups import profile_sources
from mix2api.settings import Settings

_HELP: Final = "the effective profile of each model, and where each figure comes from"
_EPILOG: Final = """\
Shown are MODEL_LIST and every profile; with names, these instead. A figure in brackets is a default; one with a * was
larger than the profile allows and was made smaller.
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
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Prints.

    Raises:
        ConfigurationError: one line for each mistake in a profile.
    """
    try:
        table = load_profiles(profile_sources(settings))
    except ProfilesRefused as refusal:
        raise ConfigurationError(str(refusal)) from None
    names = tuple(arguments.model) or _names(settings.listening.models, table)
    profiles = {name: table.profile_of(name) for name in names}
    if arguments.json:
        listed = [_facts(name, profile) for name, profile in profiles.items()]
        print(json.dumps({"models": listed, "warnings": list(table.warnings)}))
        return 0
    print_table(_COLUMNS, [_row(name, profile) for name, profile in profiles.items()], stdout())
    for warning in table.warnings:
        print(f"warning: {warning}")
    return 0


def _names(shown: Sequence[str], table: ProfileTable) -> tuple[str, ...]:
    """The models that are shown to clients, then every name and pattern that they do not cover."""
    patterns = (one.name for one in table.patterns)
    return tuple(dict.fromkeys((*shown, *table.named, *patterns)))


def _row(name: str, profile: Profile) -> tuple[str, ...]:
    figures = [_figure(profile, figure) for figure in FIGURES]
    given = (f'{source.origin} "{source.profile}"' for source in profile.sources.values() if source.profile)
    return (name, *figures, next(given, "none"))


def _figure(profile: Profile, figure: str) -> str:
    value = getattr(profile, figure)
    source = profile.sources[figure]
    text = "-" if value is None else f"{value}{'*' if source.clamped else ''}"
    return text if source.profile or value is None else f"({text})"


def _facts(name: str, profile: Profile) -> dict[str, Any]:
    figures: dict[str, Any] = {figure: getattr(profile, figure) for figure in FIGURES}
    return {
        "model": name,
        **figures,
        "image_rule": str(profile.image_rule),
        "sources": {figure: str(source) for figure, source in profile.sources.items()},
        "known": profile.known,
    }

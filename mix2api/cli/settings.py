"""`mix2api settings`: what is in effect and where it comes from; `--docs` prints the documentation of every name."""

import argparse
import json
from typing import Any

from mix2api.settings import Settings, effective, render_docs


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments."""
    parser = commands.add_parser(
        "settings",
        help="the effective settings, secrets redacted",
        description="Prints every known setting with its value (secrets redacted) and where it comes from.",
    )
    parser.add_argument("--docs", action="store_true", help="print the documentation as Markdown instead")
    parser.add_argument("--json", action="store_true", help="print JSON: a list of name, value, source")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Prints."""
    if arguments.docs:
        print(render_docs(), end="")
        return 0
    rows = effective(settings)
    if arguments.json:
        print(
            json.dumps([{"name": row.name, "value": row.value, "source": row.source.value} for row in rows])
        )
        return 0
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(f"{row.name:<{width}}  {row.source.value:<7}  {row.value}")
    for warning in settings.warnings:
        print(f"warning: {warning}")
    return 0

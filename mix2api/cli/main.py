"""The `mix2api` command: finds the sub-command, loads settings, turns what goes wrong into one line and an exit code.

Exit codes: 0 done, 1 the check that was asked for failed, 2 wrong arguments, settings or environment,
3 what was asked for was not found, 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mix2api import __version__
from mix2api.cli import (
    accounts,
    audit,
    budgets,
    demo,
    demo_upstream,
    edge,
    explain,
    gate,
    metrics,
    models,
    openapi,
    pack,
    replay,
    serve,
    sessions,
    settings,
    slo,
    status,
    trace,
    worker,
)
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.settings import Settings, load_settings

_COMMANDS: Final = {
    "serve": serve,
    "edge": edge,
    "worker": worker,
    "demo": demo,
    "demo-upstream": demo_upstream,
    "replay": replay,
    "explain": explain,
    "audit": audit,
    "metrics": metrics,
    "gate": gate,
    "slo": slo,
    "status": status,
    "trace": trace,
    "budgets": budgets,
    "models": models,
    "openapi": openapi,
    "pack": pack,
    "sessions": sessions,
    "accounts": accounts,
    "settings": settings,
}
_NEED_UPSTREAM: Final = frozenset({"serve", "worker"})
_USAGE: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: the words after `mix2api`; None takes them from the command line.

    Returns:
        The exit code.
    """
    chosen = _parser().parse_args(arguments)
    try:
        required = ("UPSTREAM_API_BASE",) if chosen.command in _NEED_UPSTREAM else ()
        return int(_COMMANDS[chosen.command].run(chosen, read_settings(required)))
    except (ConfigurationError, StoreUnavailable) as fault:
        for line in str(fault).splitlines():
            print(f"mix2api: {line}", file=sys.stderr)
        return _USAGE
    except BrokenPipeError:
        # The reader of our output has seen enough (`| head`); nothing is left to be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mix2api",
        description="OpenAI Chat Completions in front of a session-based model site; every run in an event log.",
        epilog="Settings come from the environment and .env: see `mix2api settings --docs`.",
    )
    parser.add_argument("--version", action="version", version=f"mix2api {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS.values():
        command.add_parser(commands)
    return parser


def read_settings(required: Sequence[str]) -> Settings:
    """The settings of this process: environment, then `.env` in the working directory.

    Raises:
        ConfigurationError: one line for each wrong or missing one.
    """
    path = Path(".env")
    dotenv = path.read_text(encoding="utf-8") if path.is_file() else None
    return load_settings(os.environ, dotenv, required=required)

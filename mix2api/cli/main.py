"""The `mix2api` command: finds the sub-command, loads settings, turns what goes wrong into one line and an exit code.

Exit codes: 0 done, 1 the check that was asked for failed, 2 wrong arguments, settings or environment,
3 what was asked for was not found, 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from mix2api import __version__
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.process.collector import uncollected
from mix2api.settings import Settings, load_settings

# Module of `mix2api.cli` = command, in the order of the help. A process loads the one that it runs: all of them
# together cost a second of CPU at every start.
_COMMANDS: Final = (
    "serve",
    "edge",
    "worker",
    "demo",
    "demo-upstream",
    "replay",
    "explain",
    "audit",
    "metrics",
    "gate",
    "slo",
    "status",
    "doctor",
    "trace",
    "budgets",
    "models",
    "openapi",
    "pack",
    "sessions",
    "release",
    "accounts",
    "conversations",
    "settings",
    "console",
)
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
    words = sys.argv[1:] if arguments is None else arguments
    chosen = _parser(words).parse_args(words)
    try:
        required = ("UPSTREAM_API_BASE",) if chosen.command in _NEED_UPSTREAM else ()
        return int(_module(chosen.command).run(chosen, read_settings(required)))
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


def _module(command: str) -> ModuleType:
    with uncollected():
        return import_module(f"mix2api.cli.{command.replace('-', '_')}")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mix2api",
        description="OpenAI Chat Completions in front of a session-based model site; every run in an event log.",
        epilog="Settings come from the environment and .env: see `mix2api settings --docs`.",
    )
    parser.add_argument("--version", action="version", version=f"mix2api {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # Help and the error for an unknown command list them all.
    for command in words[:1] if words[:1] and words[0] in _COMMANDS else _COMMANDS:
        _module(command).add_parser(commands)
    return parser


def read_settings(required: Sequence[str]) -> Settings:
    """The settings of this process: environment, then `.env` in the working directory.

    Raises:
        ConfigurationError: one line for each wrong or missing one.
    """
    path = Path(".env")
    dotenv = path.read_text(encoding="utf-8") if path.is_file() else None
    return load_settings(os.environ, dotenv, required=required)

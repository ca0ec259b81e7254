"""`mix2api worker`: the half that runs sessions, without HTTP."""

import argparse
from typing import Any

import trio

from mix2api.process.parts import Role
from mix2api.process.running import run_process
from mix2api.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments: it has none, settings say everything."""
    commands.add_parser(
        "worker",
        help="the half that runs sessions, without HTTP",
        description="Runs the sessions of the shards that it holds, for `mix2api edge` processes that share the same Redis.",
    )


def run(_: argparse.Namespace, settings: Settings) -> int:
    """Runs the process until SIGTERM or SIGINT, then drains it."""
    trio.run(run_process, settings, Role.WORKER)
    return 0

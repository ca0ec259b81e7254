"""`mix2api serve`: edge and worker in one process."""

import argparse
from typing import Any

import trio

from mix2api.process.parts import Role
from mix2api.process.running import run_process
from mix2api.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments: it has none, settings say everything."""
    commands.add_parser(
        "serve",
        help="edge and worker in one process",
        description="Answers OpenAI requests and runs their sessions, both in this process. Ends on SIGTERM or SIGINT after draining; a second signal ends it at once.",
    )


def run(_: argparse.Namespace, settings: Settings) -> int:
    """Runs the process until SIGTERM or SIGINT, then drains it."""
    trio.run(run_process, settings, Role.SERVE)
    return 0

"""`mix2api edge`: the HTTP half alone; turns go to workers through Redis."""

import argparse
from typing import Any

import trio

from mix2api.process.parts import Role
from mix2api.process.running import run_process
from mix2api.settings import Settings


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments: it has none, settings say everything."""
    commands.add_parser(
        "edge",
        help="the HTTP half alone; turns go to workers through Redis",
        description="Answers OpenAI requests; the sessions are run by `mix2api worker` processes that share the same Redis.",
    )


def run(_: argparse.Namespace, settings: Settings) -> int:
    """Runs the process until SIGTERM or SIGINT, then drains it."""
    trio.run(run_process, settings, Role.EDGE)
    return 0

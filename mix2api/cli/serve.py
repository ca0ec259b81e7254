"""`mix2api serve`: edge and worker in one process, or in several behind one socket."""

import argparse
import sys
from functools import partial
from typing import Any, Final

import trio

from mix2api.logs import configure_logging
from mix2api.process.control import Supervised
from mix2api.process.listening import address_of
from mix2api.process.parts import Role
from mix2api.process.running import run_process
from mix2api.process.supervisor import supervise
from mix2api.settings import Settings

_MOST: Final = 256
"""Processes: more than any machine of today has cores for."""


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments: how many processes; all else is settings."""
    parser = commands.add_parser(
        "serve",
        help="edge and worker in one process, or in several",
        description="Answers OpenAI requests and runs their sessions. Ends on SIGTERM or SIGINT after draining; a second signal ends it at once. With --processes, SIGUSR2 replaces one process after another.",
    )
    parser.add_argument(
        "--processes",
        type=_count,
        default=1,
        metavar="N",
        help="so many processes behind one listening socket, each replaced when it dies (default: 1, without a supervisor)",
    )
    parser.add_argument(
        "--listen-fd",
        type=int,
        metavar="FD",
        help="listen on this open socket instead of MIX2API_HOST and PORT, such as one of systemd's (3)",
    )
    parser.add_argument("--control-fd", type=int, metavar="FD", help=argparse.SUPPRESS)


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Runs the process, or the supervisor of several, until SIGTERM or SIGINT, then drains."""
    if chosen.processes > 1:
        return _supervise(chosen.processes, settings)
    given = None if chosen.listen_fd is None else Supervised(chosen.listen_fd, chosen.control_fd)
    trio.run(partial(run_process, settings, Role.SERVE, supervised_by=given))
    return 0


def _supervise(count: int, settings: Settings) -> int:
    channel = settings.release.channel.value
    context = {"role": "supervisor", "channel": channel}
    logger = configure_logging(settings.logging.format, settings.logging.level, sys.stderr, context)
    command = (sys.executable, "-m", "mix2api", "serve")
    return trio.run(supervise, address_of(settings), command, count, logger)


def _count(word: str) -> int:
    count = int(word) if word.isascii() and word.isdigit() else 0
    if not 1 <= count <= _MOST:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number from 1 to {_MOST}")
    return count

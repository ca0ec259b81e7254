"""Arguments of `mix2api release`. What the gate needs to run is loaded by the gate alone: a rollback must not wait for it."""

import argparse
from collections.abc import Callable
from pathlib import Path

from mix2api.release.reasons import WHO_CHARS, WHY_CHARS, line_of


def add_who(parser: argparse.ArgumentParser) -> None:
    """Adds `--who`, which is required."""
    parser.add_argument("--who", type=_line(WHO_CHARS), required=True, help="your name, for the history")


def add_words(parser: argparse.ArgumentParser) -> None:
    """Adds `--who` and `--why`, which are required."""
    add_who(parser)
    parser.add_argument("--why", type=_line(WHY_CHARS), required=True, help="the reason, for the history")


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `mix2api release check`."""
    add_words(parser)
    parser.add_argument("--accept", type=Path, metavar="FILE", help="differences that somebody has signed")
    parser.add_argument(
        "--recording",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="of `mix2api release record`: read these sessions, too",
    )
    parser.add_argument("--stable-url", metavar="URL", help="of a stable endpoint: the packs ask it as well")
    parser.add_argument("--stable-key", default="", metavar="KEY")
    parser.add_argument("--out", type=Path, default=Path("gate"), metavar="DIR", help="(default %(default)s)")


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `mix2api release record`."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="one session a line")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--answers",
        action="store_true",
        help="not sessions: what a server of this build makes of the demo corpus, and what the site said",
    )
    which.add_argument(
        "--packs",
        action="store_true",
        help="not from Redis: run the regression packs against a server of this build, and keep some of each way to end",
    )


def _line(most: int) -> Callable[[str], str]:
    """Reads an argument that is one line of so many characters."""

    def read(text: str) -> str:
        line = line_of(text, most)
        if line is None:
            raise argparse.ArgumentTypeError(f"must be one line of 1 to {most} characters")
        return line

    return read

"""The words that stand behind every change of a release: who, and why."""

import argparse
from collections.abc import Callable
from typing import Final

_WHO_CHARS: Final = 64
_WHY_CHARS: Final = 500
"""The history is read on a screen, a line an event."""


def add_words(parser: argparse.ArgumentParser) -> None:
    """Adds `--who` and `--why`, which are required."""
    parser.add_argument("--who", type=_line(_WHO_CHARS), required=True, help="your name, for the history")
    parser.add_argument("--why", type=_line(_WHY_CHARS), required=True, help="the reason, for the history")


def _line(most: int) -> Callable[[str], str]:
    """Reads an argument that is one line of so many characters."""

    def read(text: str) -> str:
        line = text.strip()
        if not 0 < len(line) <= most or not line.isprintable():
            raise argparse.ArgumentTypeError(f"must be one line of 1 to {most} characters")
        return line

    return read

"""Rows on the screen: a drawn table on a terminal, aligned columns where a program or a file reads."""

import sys
from collections.abc import Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP: Final = "  "


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    """Prints rows under their columns' names; every row has as many cells."""
    if out.isatty():
        table = Table(*columns)
        for row in rows:
            table.add_row(*map(Text, row))  # Text: what stands in a cell is never taken for markup
        Console(file=out).print(table)
        return
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print(aligned(line, widths), file=out)


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of cells, each at least as wide as its width (in characters)."""
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def stdout() -> TextIO:
    """Where commands print, looked up at the call: tests and pagers put their own in its place."""
    return sys.stdout

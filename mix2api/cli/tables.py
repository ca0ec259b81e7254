"""Rows on the screen: a drawn table on a terminal, aligned columns where a program or a file reads."""

import sys
from collections.abc import Sequence
from typing import Final, TextIO

_GAP: Final = "  "


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    """Prints rows under their columns' names; every row has as many cells."""
    if out.isatty():
        _draw(columns, rows, out)
        return
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print(aligned(line, widths), file=out)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    # Loaded here: it takes a twentieth of the time in which a command starts, and a program that reads needs none of it.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: what stands in a cell is never taken for markup
    Console(file=out).print(table)


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of cells, each at least as wide as its width (in characters)."""
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def stdout() -> TextIO:
    """Where commands print, looked up at the call: tests and pagers put their own in its place."""
    return sys.stdout

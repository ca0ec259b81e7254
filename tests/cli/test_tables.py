"""Rows on the screen."""

import io

from mix2api.cli.tables import print_table


class Terminal(io.StringIO):
    """A text that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_file_gets_aligned_columns_without_trailing_blanks() -> None:
    out = io.StringIO()
    print_table(("word", "n"), [("a", "1"), ("longer", "")], out)
    assert out.getvalue() == "word    n\na       1\nlonger\n"


def test_a_terminal_gets_a_drawn_table_and_cells_are_no_markup() -> None:
    out = Terminal()
    print_table(("word",), [("[bold]x[/bold]",)], out)
    assert "[bold]x[/bold]" in out.getvalue()
    assert "\u2503" in out.getvalue()

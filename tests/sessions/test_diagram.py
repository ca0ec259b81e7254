"""The page that is rendered from the table."""

import runpy
from pathlib import Path

import pytest

from mix2api.sessions import diagram
from mix2api.sessions.transitions import TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "session.md"


def test_the_page_in_the_repository_is_the_one_that_the_table_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == diagram.document(), (
        "python -m mix2api.sessions.diagram > docs/session.md"
    )


def test_every_row_of_the_table_is_a_row_of_the_page() -> None:
    page = diagram.document()
    assert page.count("\n| ") == len(TRANSITIONS) + 1
    for (stage, trigger), target in TRANSITIONS.items():
        assert f"| {stage} | {trigger} | {target} |\n" in page


def test_arrows_are_drawn_where_the_stage_changes() -> None:
    page = diagram.document()
    for (stage, _), target in TRANSITIONS.items():
        assert (f"    {stage} --> {target}: " in page) == (stage is not target)


def test_run_as_a_program_it_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(diagram.__file__, run_name="__main__")
    assert capsys.readouterr().out == diagram.document()

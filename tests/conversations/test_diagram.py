"""The page that is rendered from the three tables."""

import runpy
from pathlib import Path

import pytest

from mix2api.conversations import diagram
from mix2api.conversations.states import PLANS, TASKS, TURNS

PAGE = Path(__file__).parents[2] / "docs" / "conversation-stages.md"


def test_the_page_in_the_repository_is_the_one_that_the_tables_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == diagram.document(), (
        "python -m mix2api.conversations.diagram > docs/conversation-stages.md"
    )


def test_every_row_of_the_tables_is_a_row_of_the_page() -> None:
    page = diagram.document()
    for table in (TURNS, PLANS, TASKS):
        for (stage, trigger), after in table.items():
            assert f"| {stage} | {trigger} | {after} |\n" in page
    assert page.count("\n| ") == len(TURNS) + len(PLANS) + len(TASKS) + 3


def test_run_as_a_program_it_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(diagram.__file__, run_name="__main__")
    assert capsys.readouterr().out == diagram.document()

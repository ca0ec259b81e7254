"""The diagram of a release's stages is the table's."""

import runpy
from pathlib import Path

import pytest

from mix2api.release import diagram as module
from mix2api.release.diagram import diagram

PAGE = Path(__file__).parents[2] / "docs" / "release.md"


def test_the_page_has_the_diagram_of_the_table() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8")


def test_the_module_prints_the_diagram(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(module.__file__, run_name="__main__")
    assert capsys.readouterr().out == diagram() + "\n"

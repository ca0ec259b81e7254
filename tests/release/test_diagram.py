"""The diagram of a release's stages is the table's."""

from pathlib import Path

from mix2api.release.diagram import diagram

PAGE = Path(__file__).parents[2] / "docs" / "release.md"


def test_the_page_has_the_diagram_of_the_table() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8")

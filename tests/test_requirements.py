"""Numbers of requirements and decisions lead somewhere: from code, tests and pages to their rows, and from the rows to the code."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "requirements.md"
INSTALLED: Final = {".work", ".tool", ".agents", ".commands", "node_modules"}
"""Folders that trials fill with the programs of others."""
TEXTS: Final = [
    path
    for folder in ("mix2api", "tests", "docs", "bench", "deploy")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".md"} and not INSTALLED & set(path.parts) and path != PAGE
]
_NUMBER: Final = re.compile(r"(?<![\w/#.-])(FR|NFR|S|B|G)(\d{1,2})(?![\w.])")


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in TEXTS}


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ") and " | " in line]


def known() -> set[str]:
    """The numbers that have a row."""
    return {"".join(found) for row in rows() for found in _NUMBER.findall(row[0])}


def test_every_requirement_that_is_named_has_a_row(texts: dict[Path, str]) -> None:
    named = {"".join(found) for text in texts.values() for found in _NUMBER.findall(text)}
    assert {"FR11", "NFR8"} <= named, "the positive control"
    assert named - known() == set()


def test_every_place_that_a_row_names_is_there() -> None:
    places = {place for row in rows() for place in re.findall(r"`([\w/]+(?:\.\w+|/))`", " ".join(row[1:]))}
    assert "edge/app.py" in places, "the positive control"
    roots = (ROOT / "mix2api", ROOT, ROOT / "tests", ROOT / "docs")
    assert [place for place in sorted(places) if not any((root / place).exists() for root in roots)] == []


def test_every_decision_that_is_named_was_taken(texts: dict[Path, str]) -> None:
    taken = {int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("0*.md")}
    named = {
        int(number)
        for text in [*texts.values(), PAGE.read_text(encoding="utf-8")]
        for number in re.findall(r"\bADR[ \n]0*(\d+)", text)
    }
    assert {1, 8} <= named, "the positive control"
    assert named - taken == set()

"""The pages of the documentation, as one text that hangs together."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
DECISIONS: Final = ROOT / "docs" / "adr"
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_table_of_decisions_has_every_decision_in_order_under_its_own_title() -> None:
    table = (DECISIONS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+?) \|", table, re.MULTILINE)
    files = sorted(DECISIONS.glob("0*.md"))
    titles = [file.read_text(encoding="utf-8").partition("\n")[0].partition(". ")[2] for file in files]
    assert rows == [(file.name[:4], file.name, title) for file, title in zip(files, titles, strict=True)]


def test_the_table_of_decisions_says_what_is_superseded_as_the_decisions_do() -> None:
    table = (DECISIONS / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| \[(\d{4})\].* \| ([^|]+) \|$", table, re.MULTILINE))
    assert {number: _is_superseded(number) for number in stated} == {
        number: "superseded" in status for number, status in stated.items()
    }


def _is_superseded(number: str) -> bool:
    (file,) = DECISIONS.glob(f"{number}-*.md")
    status = file.read_text(encoding="utf-8").partition("## Status")[2].partition("## Context")[0]
    return re.search(r"[Ss]uperseded (?:in part )?by", status) is not None

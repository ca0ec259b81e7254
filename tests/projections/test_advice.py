"""The table of advice, and the page that prints it."""

from pathlib import Path

from mix2api.endings import ENDINGS
from mix2api.projections.advice import ADVICE, FINER
from mix2api.vocabulary import EndReason

PAGE = Path(__file__).parents[2] / "docs" / "attribution.md"


def rows_under(heading: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_has_every_ending_with_its_fault_and_advice() -> None:
    expected = [
        [f"`{reason.value}`", ENDINGS[reason].fault.value, advice.look_at, advice.do]
        for reason, advice in ADVICE.items()
    ]
    assert rows_under("Endings")[1:] == expected


def test_the_page_has_every_finer_row() -> None:
    expected = [
        [f"`{reason.value}`", f"`{detail.value}`", advice.look_at, advice.do]
        for (reason, detail), advice in FINER.items()
    ]
    assert rows_under("Finer rows")[1:] == expected


def test_every_ending_has_a_word_of_new_apis() -> None:
    reasons = [row[0].strip("`") for row in rows_under("In new-api")[1 : 1 + len(EndReason)]]
    assert reasons == [reason.value for reason in EndReason]

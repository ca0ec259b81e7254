"""`mix2api openapi` prints the document that is kept."""

from pathlib import Path

import pytest

from mix2api.cli.main import main

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_command_prints_the_kept_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    assert capsys.readouterr().out == KEPT.read_text(encoding="utf-8")

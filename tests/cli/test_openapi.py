"""`mix2api openapi` prints the document that is kept."""

import msgspec
import pytest
from openapi.kept import kept_document

from mix2api.cli.main import main


def test_the_command_prints_the_kept_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out) == kept_document()

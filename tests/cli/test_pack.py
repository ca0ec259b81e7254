"""`mix2api pack` as an operator runs it: arguments, exit codes, files."""

import json
import socket
from pathlib import Path

import pytest

from mix2api.cli.main import main
from mix2api.packs.case import Pack
from mix2api.packs.table import CASES, cases_of


@pytest.fixture
def nobody() -> str:
    """The URL of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_failing_pack_exits_with_1_and_writes_both_reports(
    nobody: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, junit = tmp_path / "report.html", tmp_path / "junit.xml"
    words = [
        "pack",
        "B",
        "--base-url",
        nobody,
        "--api-key",
        "secret-key",
        "--report",
        str(page),
        "--junit",
        str(junit),
    ]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "the endpoint cannot be reached" in said
    assert "needs the demo site behind the endpoint" in said
    for text in (said, page.read_text(encoding="utf-8"), junit.read_text(encoding="utf-8")):
        assert "B-unknown" in text
        assert "A-whole" not in text
        assert "secret-key" not in text


def test_all_packs_as_json_have_every_case(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pack", "all", "--base-url", nobody, "--api-key", "k", "--upstream", "demo", "--json"]
    assert main(words) == 1
    told = json.loads(capsys.readouterr().out)
    assert [each["case"] for each in told] == [case.id for case in CASES]
    assert {each["case"] for each in told if each["outcome"] == "skipped"} == {
        "B-mcp-shape",
        "C-release",
        "C-request-id",
    }


def test_mix2api_s_own_promises_are_judged_if_they_are_expected(
    nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pack", "C", "--base-url", nobody, "--api-key", "k", "--expect", "mix2api", "--json"])
    told = {each["case"]: each["outcome"] for each in json.loads(capsys.readouterr().out)}
    assert told["C-request-id"] == "failed"
    assert set(told) == {case.id for case in cases_of([Pack.C])}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--base-url", "ftp://host"),
        ("--site-url", "http://user@host"),
        ("--base-url", "nothing"),
        ("--api-key", "k\n"),
    ],
)
def test_a_target_that_cannot_be_asked_is_refused_by_name(
    option: str, value: str, nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["pack", "A", "--base-url", nobody, "--api-key", "k", option, value]
    assert main(words) == 2
    assert option in capsys.readouterr().err

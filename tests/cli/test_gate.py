"""`mix2api gate` as a release's script runs it: verdict, exit code, evidence."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, whole_system

from mix2api import __version__
from mix2api.cli.main import main
from mix2api.openapi.released import released_document
from mix2api.packs.table import CASES


def _summary(out: Path) -> dict[str, Any]:
    (folder,) = out.iterdir()
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary


def test_this_build_passes_and_leaves_its_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", "canary", __version__, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "gate=PASS"
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("Z-canary")
    summary = _summary(tmp_path)
    assert (summary["gate"], summary["reason"], summary["failed"]) == ("PASS", None, [])
    assert sum(each["passed"] for each in summary["packs"].values()) == len(CASES)
    assert {path.name for path in folder.iterdir()} == {
        *("pack-A.log", "pack-B.log", "pack-C.log", "packs.html", "packs.xml"),
        *("request-ids.txt", "summary.json", "openapi.json", "server.log"),
    }
    log = (folder / "server.log").read_text(encoding="utf-8")
    ids = (folder / "request-ids.txt").read_text(encoding="utf-8").split()
    assert any(f'"{name}"' in log for name in ids), "the server's log has the requests"


async def _gate(words: Sequence[str]) -> int:
    # The gate has a loop of its own.
    return await trio.to_thread.run_sync(main, ["gate", *words])


async def test_a_running_endpoint_is_judged_by_what_it_is_and_what_it_breaks(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = released_document()
    old["paths"]["/v1/gone"] = old["paths"]["/health"]
    before = tmp_path / "old.json"
    before.write_text(json.dumps(old), encoding="utf-8")
    verdicts = (
        ([], 0, "gate=PASS"),
        (["--released", str(before)], 1, "gate=BLOCK reason=breaking_change"),
        (["stable", "9.9"], 1, "gate=BLOCK reason=other_version"),
        (["canary"], 1, "gate=BLOCK reason=other_channel"),
    )
    async with whole_system(Shape.SERVE, redis_server.url, INBOUND_BEARER_TOKEN="sk") as system:
        for number, (words, code, line) in enumerate(verdicts):
            url = f"http://127.0.0.1:{system.client.port}"
            out = tmp_path / str(number)
            assert await _gate([*words, "--base-url", url, "--api-key", "sk", "--out", str(out)]) == code
            assert capsys.readouterr().out.splitlines()[-1] == line
            assert _summary(out)["gate"] == line.partition("=")[2].split()[0]
        assert await _gate(["--base-url", url, "--api-key", "wrong", "--out", str(tmp_path / "key")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "gate=BLOCK reason=regression_failed"
    assert "/v1/gone: the route is gone" in _summary(tmp_path / "1")["breaking_changes"]


def test_an_endpoint_that_is_not_there_is_blocked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert main(["gate", "--base-url", url, "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "gate=BLOCK reason=not_reachable"


def test_a_released_document_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.json")
    assert main(["gate", "--released", missing, "--out", str(tmp_path)]) == 2
    assert "--released" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["gate", "--out", str(tmp_path / "file")]) == 2
    assert "--out" in capsys.readouterr().err

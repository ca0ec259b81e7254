"""`mix2api accounts simulate`: what has happened, beside what two policies had made of it."""

from pathlib import Path

import pytest
import store_parts as parts
import trio
from audited_turns import AuditedTurns
from redis_server import RedisServer

from mix2api.accounts.model_limits import Whose
from mix2api.accounts.state import Evidence
from mix2api.cli.main import main
from mix2api.clock import SystemClock

LISTED = """
[[accounts]]
id = "{}"
type = "mix"
base_url = "https://x.example"
credential = "env:X"
"""
POLICY = """
scope = "session"
[[accounts]]
id = "a"
[[accounts]]
id = "new"
weight = 3
"""


@pytest.fixture
def simulate(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The command's words, with a file of two accounts and a policy in place."""
    listed, policy = tmp_path / "accounts.toml", tmp_path / "policy.toml"
    listed.write_text("".join(LISTED.format(name) for name in ("a", "b")))
    policy.write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIX2API_ACCOUNTS_FILE", str(listed))
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("MIX2API_SECRET", "a secret for tests only, 32 bytes")
    return ["accounts", "simulate", "--policy", str(policy)]


def lines(page: str) -> dict[str, list[str]]:
    """The page's rows by what they begin with; cells stand two spaces apart at least."""
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in page.splitlines() if line]
    return {cells[0]: cells[1:] for cells in rows}


async def happened(redis_server: RedisServer) -> None:
    """Four sessions of one caller run twice, and an account is limited after that."""
    async with parts.running_store(redis_server.url) as store:
        turns = AuditedTurns(store, redis_server, SystemClock().now_ms() - 60_000)
        for number in range(8):
            turns.turns(1, 0, 0, 0, caller="c", isolation=f"s{number % 4}", account="ab"[number % 2])
        turns.turns(1, 0, 0, 0, account="a")
        await store.accounts("mix", 3600, SystemClock()).judge("b", Evidence.LIMITED)


def test_the_record_stands_beside_the_policy_that_is_and_the_one_that_is_tried(
    simulate: list[str],
    redis_server: RedisServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trio.run(happened, redis_server)
    assert main(simulate) == 0
    found = lines(capsys.readouterr().out)
    assert found["runs"] == ["8", "8", "8"]
    assert found["hit rate"] == ["100.0%", "100.0%", "100.0%"]
    assert found["429s of accounts"] == ["1", "0", "0"]
    assert found["a"] == ["4", "8", "2", "25.0%", "25.0%", "1"]
    assert found["b"] == ["4", "0", "0", "0.0%", "-", "0"]
    assert found["new"] == ["0", "0", "6", "75.0%", "75.0%", "3"]
    assert "left out: 1 runs of older processes, without a caller" in found
    monkeypatch.setenv("MIX2API_ACCOUNTS_BINDING_SCOPE", "lineage")
    assert main(simulate) == 0
    found = lines(capsys.readouterr().out)
    assert found["runs"] == ["8", "8"]
    assert "as it is: bound by lineage, which the audit does not have" in found


UPSTREAMS = """
[[upstreams]]
name = "site"
prefix = "site/"
strip_prefix = true
kind = "mix"
base_url = "https://x.example"
accounts_file = "accounts.toml"
models = ["site/gpt-5"]
"""
PATTERNED = """
[[accounts]]
id = "a"
models = ["gpt-*"]
[[accounts]]
id = "b"
models = ["*"]
priority = 1
"""
FOREIGN = "#0123456789abcdef0123456789abcdef/9"


async def happened_at_a_prefix(redis_server: RedisServer) -> None:
    """Runs of one model that is known and one that is not; the first one's limit stands under its name without the prefix."""
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("site", 3600, SystemClock())
        await accounts.limit("a", "gpt-5", Whose.MODEL)
        turns = AuditedTurns(store, redis_server, SystemClock().now_ms() + 1000)
        for model in ("site/gpt-5", "site/gpt-5", FOREIGN):
            turns.turns(1, 0, 0, 0, caller="c", isolation="s", account="b", model=model)


def test_patterns_and_limits_are_held_against_the_names_that_the_pool_knows(
    simulate: list[str],
    redis_server: RedisServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "upstreams.toml").write_text(UPSTREAMS)
    monkeypatch.delenv("MIX2API_ACCOUNTS_FILE")
    monkeypatch.setenv("MIX2API_UPSTREAMS_FILE", str(tmp_path / "upstreams.toml"))
    trio.run(happened_at_a_prefix, redis_server)
    Path(simulate[-1]).write_text(PATTERNED)
    assert main(simulate) == 0
    found = lines(capsys.readouterr().out)
    assert found["runs"] == ["2", "2", "2"]
    assert found["429s of accounts"] == ["1", "1", "1"], "the first run meets the limit of `gpt-5`"
    assert found["refused"] == ["0", "0", "0"]
    assert found["a"][:3] == ["0", "0", "0"]
    told = "left out: 1 runs of models that MODEL_LIST does not have: the audit has digests of their names"
    assert any(line.startswith(told) for line in found)
    Path(simulate[-1]).write_text('[[accounts]]\nid = "a"\n')
    assert main(simulate) == 0
    found = lines(capsys.readouterr().out)
    assert found["runs"] == ["3", "3", "3"], "accounts that serve every model serve those, too"
    assert not any(line.startswith("left out") for line in found)
    trio.run(a_foreign_model_is_limited, redis_server)
    assert main(simulate) == 0
    assert lines(capsys.readouterr().out)["runs"] == ["2", "2", "2"], "its limit is that of another digest"


async def a_foreign_model_is_limited(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.accounts("site", 3600, SystemClock()).limit("b", FOREIGN, Whose.MODEL)


def test_an_empty_record_is_no_fault(simulate: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(simulate) == 0
    assert lines(capsys.readouterr().out)["hit rate"] == ["-", "-", "-"]


def test_a_wrong_policy_stops_the_command_and_is_named(
    simulate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*simulate[:-1], "missing.toml"]) == 2
    assert "--policy: missing.toml cannot be read" in capsys.readouterr().err

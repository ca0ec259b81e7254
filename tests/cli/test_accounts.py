"""`mix2api accounts`: what operators see and do, by real states in Redis."""

import re
from io import StringIO
from pathlib import Path
from typing import Final

import pytest
import store_parts as parts
from attrs import evolve
from redis_server import RedisServer
from upstreams.loopback import Connection, serving

from mix2api.accounts.account import Account, AccountType
from mix2api.accounts.model_limits import Whose
from mix2api.accounts.port import Asking, Chosen, Offered, Roster
from mix2api.accounts.state import Evidence
from mix2api.cli.accounts import AccountsQuery, accounts, probed
from mix2api.cli.main import main
from mix2api.clock import SystemClock
from mix2api.upstreams.accounts.secrets import Secrets
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.vocabulary import Digest

LISTED: Final = [
    Account(id=name, name=name, type=AccountType.OPENAI, base_url="https://x", credential="env:X")
    for name in ("a", "b")
] + [
    Account(
        id="off", name="off", type=AccountType.MIX, base_url="https://x", credential="env:X", enabled=False
    )
]


async def asked(
    server: RedisServer, action: str, name: str = "", weight: int | None = None
) -> tuple[int, str]:
    out = StringIO()
    async with parts.running_store(server.url) as store:
        shared = store.accounts("openai", 3600, SystemClock())
        query = AccountsQuery(action=action, name=name, weight=weight)
        code = await accounts(shared, LISTED, query, out, SystemClock())
    return code, out.getvalue()


async def test_the_list_shows_every_account_with_its_state(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.accounts("openai", 3600, SystemClock()).judge("b", Evidence.LIMITED)
    code, page = await asked(redis_server, "list")
    _, first, second, third = page.splitlines()
    assert code == 0
    assert first.split() == ["a", "openai", "valid", "-", "1", "0", "*"]
    assert second.split()[:4] == ["b", "openai", "limited", "limited"]
    assert third.split()[:4] == ["off", "mix", "disabled", "file"]


async def test_limited_models_are_counted_listed_and_told_as_changes(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        shared = store.accounts("openai", 3600, SystemClock())
        for model in ("gpt-5", "gpt-5-mini"):
            await shared.limit("a", model, Whose.MODEL)
        await shared.limit("b", "gpt-5", Whose.UNTOLD)
    _, page = await asked(redis_server, "list")
    assert [re.split(" {2,}", line)[2] for line in page.splitlines()[1:]] == [
        "valid, 2 models limited",
        "valid, 1 model limited",
        "disabled",
    ]
    _, page = await asked(redis_server, "show", "b")
    assert page.splitlines()[3].startswith("limited model")
    assert page.splitlines()[4].split()[:3] == ["gpt-5", "limited", "assumed"]
    assert (await asked(redis_server, "show", "off"))[1].count("\n") == 2, "no table of nothing"
    _, page = await asked(redis_server, "changes")
    assert page.splitlines()[1].split()[3:] == ["a", "gpt-5", "valid", "limited", "limited"]
    _, page = await asked(redis_server, "reset", "a")
    assert "limited" not in page


@pytest.mark.parametrize(
    ("action", "weight", "shown"),
    [
        ("disable", None, "disabled"),
        ("drain", None, "valid, drained"),
        ("weight", 7, " 7 "),
        ("show", None, "valid"),
    ],
)
async def test_an_operator_s_word_is_shown_at_once_and_taken_back(
    redis_server: RedisServer, action: str, weight: int | None, shown: str
) -> None:
    code, page = await asked(redis_server, action, "a", weight)
    assert code == 0
    assert shown in page
    _, page = await asked(redis_server, "weight", "a")
    _, page = await asked(redis_server, "enable", "a")
    assert page.splitlines()[1].split()[2] == "valid"
    assert "drained" not in page
    _, page = await asked(redis_server, "reset", "a")
    assert page.splitlines()[1].split() == ["a", "openai", "valid", "-", "1", "0", "*"]


async def test_bindings_are_listed_and_removed(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        shared = store.accounts("openai", 3600, SystemClock())
        for key in ("k2", "k1"):
            asking = Asking(api_key=Digest(key), model="m")
            assert isinstance(await shared.choose(asking, Roster((Offered("a", 1, 0),))), Chosen)
        await shared.confirm(asking, "a")
    _, page = await asked(redis_server, "bindings")
    _, first, second = page.splitlines()
    assert first.split()[:5] == ["k1", "a", "openai", "m", "confirmed"]
    assert second.split()[:5] == ["k2", "a", "openai", "m", "claimed"]
    assert (await asked(redis_server, "unbind", "k1"))[0] == 0
    assert (await asked(redis_server, "unbind", "k1"))[0] == 3


async def test_an_unknown_account_is_not_found(redis_server: RedisServer) -> None:
    assert await asked(redis_server, "disable", "planted") == (3, "")


def test_the_command_needs_accounts_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIX2API_ACCOUNTS_FILE", raising=False)
    assert main(["accounts", "list"]) == 2
    assert "MIX2API_ACCOUNTS_FILE is not set" in capsys.readouterr().err


def test_the_command_reads_the_file_and_the_store(
    redis_server: RedisServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(
        '[[accounts]]\nid = "m1"\ntype = "mix"\nbase_url = "https://x.example"\ncredential = "env:X"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIX2API_ACCOUNTS_FILE", str(file))
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("MIX2API_SECRET", "a secret for tests only, 32 bytes")
    assert main(["accounts", "weight", "m1", "5"]) == 0
    assert "m1" in capsys.readouterr().out


async def test_changes_are_listed_with_their_reasons(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        shared = store.accounts("openai", 3600, SystemClock())
        await shared.judge("b", Evidence.REFUSED)
        await shared.drain("b")
        await shared.weigh("b", 7)
    code, page = await asked(redis_server, "changes")
    assert code == 0
    rows = [line.split() for line in page.splitlines()[1:]]
    assert [row[3:] for row in rows] == [
        ["b", "valid", "invalid", "refused"],
        ["b", "invalid", "invalid,", "drained", "refused"],
        ["b", "invalid,", "drained", "invalid,", "drained,", "weight", "7", "refused"],
    ]


async def test_a_probe_changes_the_state_by_the_answer(redis_server: RedisServer) -> None:
    out = StringIO()
    async with parts.running_store(redis_server.url) as store:
        shared = store.accounts("openai", 3600, SystemClock())
        gone = evolve(LISTED[0], base_url="http://127.0.0.1:1")
        secrets = Secrets([gone], {"X": "sk"}, "f.toml")
        client = HttpClient(HttpOptions())
        assert await probed(shared, [gone], secrets, client, out) == 0
        assert await probed(shared, [], secrets, client, StringIO()) == 3
    assert out.getvalue().splitlines()[1].split() == ["a", "openai", "connect_failed", "valid", "-"]


async def test_a_refused_credential_is_seen_by_a_probe(redis_server: RedisServer) -> None:
    out = StringIO()

    async def refuse(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n")

    async with parts.running_store(redis_server.url) as store, serving([refuse]) as server:
        shared = store.accounts("openai", 3600, SystemClock())
        one = evolve(LISTED[0], base_url=server.url)
        client = HttpClient(HttpOptions())
        await probed(shared, [one], Secrets([one], {"X": "sk"}, "f.toml"), client, out)
        client.close()
    assert out.getvalue().splitlines()[1].split() == ["a", "openai", "401", "invalid", "refused"]

"""A probe learns the state of an account from one question without a turn."""

from collections.abc import Awaitable, Callable

import pytest
from upstreams.loopback import Connection, serving

from mix2api.accounts.account import Account, AccountType
from mix2api.accounts.state import Evidence
from mix2api.upstreams.accounts.probing import Probed, probe
from mix2api.upstreams.http.client import HttpClient, HttpOptions

NOW_MS = 1_700_000_000_000


def account(url: str, kind: AccountType = AccountType.OPENAI) -> Account:
    return Account(id="a", name="a", type=kind, base_url=url, credential="env:X")


def answering(head: str, heard: list[bytes]) -> Callable[[Connection], Awaitable[None]]:
    async def serve(connection: Connection) -> None:
        heard.append(await connection.request())
        await connection.send(f"HTTP/1.1 {head}\r\ncontent-length: 2\r\n\r\n{{}}".encode())

    return serve


async def probed(head: str, path: str = "") -> tuple[Probed, bytes]:
    heard: list[bytes] = []
    async with serving([answering(head, heard)]) as server:
        client = HttpClient(HttpOptions())
        found = await probe(account(server.url + path), "sk-a", client, NOW_MS)
        client.close()
    return found, heard[0]


@pytest.mark.parametrize(
    ("head", "seen"),
    [
        ("200 OK", Evidence.SUCCESS),
        ("401 No", Evidence.REFUSED),
        ("403 No", Evidence.REFUSED),
        ("429 No\r\nretry-after: 7", Evidence.LIMITED),
        ("404 No", Evidence.BAD_REQUEST),
        ("503 No", Evidence.FAULT),
    ],
)
async def test_the_status_of_the_list_of_models_is_the_evidence(head: str, seen: Evidence) -> None:
    found, asked = await probed(head)
    assert (found.seen, found.word) == (seen, head[:3])
    assert asked.startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"authorization: Bearer sk-a" in asked


async def test_a_hint_of_the_reset_comes_along_and_the_base_url_keeps_its_path() -> None:
    found, asked = await probed("429 No\r\nretry-after: 7", "/api")
    assert found.reset is not None
    assert found.reset.at_ms == NOW_MS + 7000
    assert asked.startswith(b"GET /api/models ")


async def test_an_upstream_that_cannot_be_reached_is_a_failure() -> None:
    client = HttpClient(HttpOptions())
    found = await probe(account("http://127.0.0.1:1"), "sk-a", client, NOW_MS)
    assert found == Probed(Evidence.FAULT, "connect_failed")


async def test_a_session_based_site_is_not_asked() -> None:
    client = HttpClient(HttpOptions())
    found = await probe(account("http://127.0.0.1:1", AccountType.MIX), "sk-a", client, NOW_MS)
    assert found.seen is None

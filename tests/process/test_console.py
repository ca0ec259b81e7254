"""The console as a process: its socket, its end, and what it needs."""

import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import h11
import pytest
import trio
from kept_logging import kept_logging
from redis_server import RedisServer

from mix2api.cli.console import print_token
from mix2api.cli.main import main
from mix2api.console.options import ConversationOptions
from mix2api.console.tokens import Role, admin_of, parse_tokens
from mix2api.errors import ConfigurationError
from mix2api.process.console import console_options, run_console
from mix2api.settings import load_settings
from mix2api.settings.choices import Busy

ENTRY = f'[[tokens]]\nid = "ann"\nrole = "view"\nsha256 = "{hashlib.sha256(b"a token").hexdigest()}"\n'


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    with kept_logging():
        yield


def environment(server: RedisServer, tokens: Path, **more: str) -> dict[str, str]:
    tokens.write_text(ENTRY, encoding="utf-8")
    return {
        "REDIS_URL": server.url,
        "MIX2API_SECRET": "0123456789abcdef0123456789abcdef",
        "MIX2API_SHARDS": "4",
        "MIX2API_CONSOLE_TOKENS_FILE": str(tokens),
        "MIX2API_CONSOLE_PORT": "0",
        **more,
    }


async def fetched(url: str, path: str, method: str = "GET", body: bytes = b"") -> tuple[h11.Response, bytes]:
    """One answer, over a connection of its own."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    stream = await trio.open_tcp_stream(host.strip("[]"), int(port))
    connection = h11.Connection(h11.CLIENT)
    headers = [
        ("host", host),
        ("content-length", str(len(body))),
        ("content-type", "application/x-www-form-urlencoded"),
    ]
    async with stream:
        for event in (
            h11.Request(method=method, target=path, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            await stream.send_all(connection.send(event) or b"")
        response, data = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                data += bytes(event.data)
            else:
                break
    assert response is not None
    return response, data


async def test_it_listens_lets_an_admin_in_and_ends_when_told(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = load_settings(environment(redis_server, tmp_path / "t.toml"), None)
    stop = trio.Event()
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            url = await nursery.start(
                lambda task_status: run_console(settings, stop=stop, task_status=task_status)
            )
            closed, _ = await fetched(url, "/")
            opened, _ = await fetched(url, "/sign-in", "POST", b"token=a+token")
            stop.set()
    assert url.startswith("http://127.0.0.1:")
    assert (closed.status_code, opened.status_code) == (401, 303)
    assert b"content-security-policy" in dict(closed.headers)


async def test_an_address_that_is_taken_is_told(redis_server: RedisServer, tmp_path: Path) -> None:
    taken = trio.socket.socket()
    await taken.bind(("127.0.0.1", 0))
    taken.listen(1)
    port = str(taken.getsockname()[1])
    settings = load_settings(
        environment(
            redis_server, tmp_path / "t.toml", MIX2API_CONSOLE_PORT=port, MIX2API_CONSOLE_HOST="127.0.0.1"
        ),
        None,
    )
    with trio.fail_after(30), pytest.raises(ConfigurationError, match="MIX2API_CONSOLE_PORT"):
        await run_console(settings)
    taken.close()


def test_without_admin_tokens_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MIX2API_CONSOLE_TOKENS_FILE: is not set"):
        console_options(load_settings({}, None))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        console_options(load_settings({"MIX2API_CONSOLE_TOKENS_FILE": str(tmp_path / "none")}, None))


def test_users_need_conversations(redis_server: RedisServer, tmp_path: Path) -> None:
    tokens = tmp_path / "t.toml"
    given = environment(
        redis_server, tokens, MIX2API_CONVERSATIONS_RETENTION_DAYS="2", MIX2API_CONVERSATIONS_BUSY="reject"
    )
    tokens.write_text(ENTRY.replace("view", "user"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="the role user sees conversations alone"):
        console_options(load_settings(given, None))
    options = console_options(load_settings({**given, "MIX2API_CONVERSATIONS": "true"}, None))
    assert options.conversations == ConversationOptions(
        shards=4, life_ms=172_800_000, busy=Busy.REJECT, agents=("assistant",)
    )


def test_a_user_s_key_is_one_that_an_edge_lets_in(redis_server: RedisServer, tmp_path: Path) -> None:
    tokens, keys = tmp_path / "t.toml", tmp_path / "keys.toml"
    given = environment(redis_server, tokens, MIX2API_CONVERSATIONS="true")
    tokens.write_text(ENTRY.replace("view", "user"), encoding="utf-8")
    entry = '[[keys]]\nid = "k"\nname = "k"\nsha256 = "{}"\n'
    by_keys = {**given, "INBOUND_AUTH_MODE": "keys", "INBOUND_KEYS_FILE": str(keys)}
    keys.write_text(entry.format("0" * 64), encoding="utf-8")
    for refused in (by_keys, {**given, "INBOUND_BEARER_TOKEN": "another token"}):
        with pytest.raises(ConfigurationError, match="the entry 'ann' has the hash of no API key"):
            console_options(load_settings(refused, None))
    keys.write_text(entry.format(hashlib.sha256(b"a token").hexdigest()), encoding="utf-8")
    for allowed in (
        by_keys,
        {**given, "INBOUND_BEARER_TOKEN": "a token"},
        {**given, "INBOUND_AUTH_MODE": "none"},
    ):
        assert console_options(load_settings(allowed, None)).conversations is not None


def test_a_new_token_is_shown_once_and_its_entry_has_the_hash_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["console", "--new-token", "ann", "--role", "operate"]) == 0
    said = capsys.readouterr().out
    token = re.search(r"shown this once: (\S+)", said)
    assert token is not None
    tokens = parse_tokens(said, "t.toml")
    found = admin_of(token[1], tokens)
    assert found is not None
    assert (found.admin, found.role) == ("ann", Role.OPERATE)
    other = io.StringIO()
    print_token("ann", Role.VIEW, other)
    assert token[1] not in other.getvalue()

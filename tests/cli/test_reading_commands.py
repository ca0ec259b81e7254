"""The commands that read the log, from their words and settings to their exit codes."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from redis_server import RedisServer
from session_scripts import good_run
from stored_runs import SHARDS, new_session, store_script, stored

from mix2api.cli import audit, replay, sessions
from mix2api.cli.main import main
from mix2api.cli.reading import TRIED_AGAIN, read_store, sole
from mix2api.errors import StoreUnavailable, StoreUnreachable
from mix2api.settings import load_settings
from mix2api.store.store import Store
from mix2api.vocabulary import SessionId

COMMANDS = {"audit": audit, "replay": replay, "sessions": sessions}
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def session(redis_server: RedisServer) -> SessionId:
    """A session with one good run in the store."""

    async def fill() -> SessionId:
        async with stored(redis_server.url) as store:
            session_id = new_session(store)
            await store_script(store, session_id, good_run())
            return session_id

    return trio.run(fill)


def environment(server: RedisServer) -> dict[str, str]:
    return {"REDIS_URL": server.url, "MIX2API_SECRET": SECRET, "MIX2API_SHARDS": str(SHARDS)}


def run(server: RedisServer, name: str, *words: str) -> int:
    command = COMMANDS[name]
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return command.run(parser.parse_args([name, *words]), load_settings(environment(server), None))


def test_replay_reads_the_store_that_the_settings_name(
    redis_server: RedisServer, session: SessionId, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(redis_server, "replay", session, "--json") == 0
    assert json.loads(capsys.readouterr().out)["session"] == session
    assert run(redis_server, "replay", "nobody") == 3


def test_audit_reads_the_store_that_the_settings_name(
    redis_server: RedisServer, session: SessionId, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session
    assert run(redis_server, "audit", "--json", "--window", "1h", "--by", "client") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["requests"], report["groups"][0]["by"]) == (1, {"client": "opencode"})


def test_sessions_reads_the_store_that_the_settings_name(
    redis_server: RedisServer, session: SessionId, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(redis_server, "sessions", "--json") == 0
    assert json.loads(capsys.readouterr().out)["sessions"][0]["session"] == session
    assert run(redis_server, "sessions", "show", session) == 0
    assert run(redis_server, "sessions", "retire", session) == 0
    assert session in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert "Exit codes:" in capsys.readouterr().out


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes that are started end at an interrupt, also where a shell that runs the tests in its background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_following_ends_quietly_at_an_interrupt(redis_server: RedisServer, session: SessionId) -> None:
    command = [sys.executable, "-m", "mix2api", "replay", session, "--follow"]
    with subprocess.Popen(
        command,
        env=os.environ | environment(redis_server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"recomputed" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert (process.stderr.read(), process.wait()) == (b"", 130)


def test_a_store_that_goes_away_while_it_is_read_is_one_clear_error(redis_server: RedisServer) -> None:
    async def read(_: Store) -> int:
        raise StoreUnavailable

    settings = load_settings(environment(redis_server), None)
    with pytest.raises(StoreUnavailable):
        read_store(settings, "audit", read)


def test_a_rollback_waits_for_a_store_that_does_not_answer_yet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = RedisServer(tmp_path)
    command = [sys.executable, "-m", "mix2api", "release", "rollback", "--who", "ann", "--why", "a test"]
    with subprocess.Popen(command, env=os.environ | environment(server), stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"{TRIED_AGAIN}\n".encode()
        server.start()
        assert process.wait() == 1
    server.stop()
    assert capfd.readouterr().out == "no release is recorded: nothing was rolled back\n"


def test_other_commands_say_at_once_that_the_store_does_not_answer(tmp_path: Path) -> None:
    settings = load_settings(environment(RedisServer(tmp_path)), None)
    with pytest.raises(StoreUnreachable, match="cannot be reached"):
        read_store(settings, "audit", lambda _: pytest.fail("it was opened"))


def test_of_a_group_with_one_fault_the_fault_is_told_and_else_the_group() -> None:
    one, two = ValueError(), KeyError()
    assert sole(ExceptionGroup("outer", [ExceptionGroup("inner", [one])])) is one
    pair = ExceptionGroup("pair", [one, two])
    assert sole(pair) is pair
    assert sole(one) is one

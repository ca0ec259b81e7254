"""The embedded server: private, shared, stopped by the last user, found again after any kill -9."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import store_parts as parts
import trio
from redis_server import KNOWN, binaries

from mix2api.errors import ConfigurationError
from mix2api.events.log import Outcome
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.redis.embedded import EmbeddedServer
from mix2api.store.redis.location import Timeouts
from mix2api.store.redis.origin import Origin, origin_of
from mix2api.store.redis.server_binary import ServerBinary, find_binaries, find_binary
from mix2api.store.redis.server_link import ServerLink

USER = """
import sys, trio
from pathlib import Path
from mix2api.store.redis.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer.found(Path(sys.argv[1]))
    await server.enter()
    print("ready", flush=True)
    await trio.to_thread.run_sync(sys.stdin.read)
    await server.leave()

trio.run(main)
"""


@pytest.fixture(params=KNOWN)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddedServer:
    path = binaries().get(request.param)
    if path is None:
        pytest.skip(f"this machine has no server called {request.param}")
    (binary,) = (each for each in find_binaries() if each.path == str(path))
    return EmbeddedServer(tmp_path, binary)


async def ask(server: EmbeddedServer, *commands: tuple[str | int, ...]) -> list[Any]:
    link = ServerLink(server.location, Timeouts(), "test-embedded")
    try:
        return await link.execute(*commands)
    finally:
        await link.aclose()


async def pid_of(server: EmbeddedServer) -> int:
    (info,) = await ask(server, ("INFO", "server"))
    assert isinstance(info, bytes)
    return int(next(line for line in info.splitlines() if line.startswith(b"process_id:")).split(b":")[1])


async def kill_once_written(server: EmbeddedServer) -> int:
    """Kill -9, once the append-only file has what was confirmed (`everysec` may put a write off for two seconds)."""
    info = ""
    while "aof_buffer_length:0\r" not in info:
        info = str(*await ask(server, ("INFO", "persistence")), "ascii")
    pid = await pid_of(server)
    os.kill(pid, signal.SIGKILL)
    return pid


def is_gone(pid: int) -> bool:
    """Whether the process has ended (it may wait as a zombie for whoever is init here)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_it_is_private_and_persistent_and_listens_on_no_port(server: EmbeddedServer) -> None:
    await server.enter()
    settings = {}
    for name in ("port", "appendonly", "appendfsync", "save", "maxmemory-policy", "stream-node-max-bytes"):
        ((_, value),) = await ask(server, ("CONFIG", "GET", name))
        settings[name] = value
    assert settings == {
        "port": b"0",
        "appendonly": b"yes",
        "appendfsync": b"everysec",
        "save": b"",
        "maxmemory-policy": b"noeviction",
        "stream-node-max-bytes": b"1024",
    }
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700
    await server.leave()


async def test_the_last_user_stops_it_and_the_data_are_there_again(server: EmbeddedServer) -> None:
    other = EmbeddedServer(server.data_dir, server.binary)
    await server.enter()
    await other.enter()
    pid = await pid_of(server)
    await ask(server, ("SET", "kept", "yes"))
    await server.leave()
    await server.leave()
    assert await pid_of(other) == pid, "somebody still uses it"
    await other.leave()
    assert is_gone(pid)
    await server.enter()
    assert await pid_of(server) != pid
    assert await ask(server, ("GET", "kept")) == [b"yes"]
    await server.leave()


async def test_it_is_started_again_after_it_was_killed(server: EmbeddedServer) -> None:
    await server.enter()
    await ask(server, ("SET", "kept", "yes"))
    pid = await kill_once_written(server)
    await server.ensure_running()
    assert await pid_of(server) != pid
    assert await ask(server, ("GET", "kept")) == [b"yes"]
    await server.ensure_running()
    await server.leave()


async def test_a_second_server_is_never_started_beside_a_stopped_one(server: EmbeddedServer) -> None:
    await server.enter()
    pid = await pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.ensure_running)
        assert not await server._started_anew()
        os.kill(pid, signal.SIGCONT)
    assert await pid_of(server) == pid
    await server.leave()


async def test_users_that_start_at_once_share_one_server(server: EmbeddedServer) -> None:
    users = [EmbeddedServer(server.data_dir, server.binary) for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for user in users:
            nursery.start_soon(user.enter)
    assert len({await pid_of(user) for user in users}) == 1
    async with trio.open_nursery() as nursery:
        for user in users:
            nursery.start_soon(user.leave)


async def test_it_is_found_again_after_its_users_were_killed(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time that matters here
        [sys.executable, "-c", USER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        assert await trio.to_thread.run_sync(user.stdout.readline) == b"ready\n"
        server = EmbeddedServer.found(tmp_path)
        pid = await pid_of(server)
        user.kill()
    await server.enter()
    assert await pid_of(server) == pid
    await server.leave()
    assert is_gone(pid), "the killed user does not count"


async def test_a_path_too_long_for_a_unix_address_gets_a_short_one_that_is_noted(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / ("d" * 90), find_binary())
    await server.enter()
    assert len(os.fsencode(server.socket_path)) < 100
    assert (server.directory / "socket-path").read_text().strip() == str(server.socket_path)
    assert stat.S_IMODE(server.socket_path.parent.stat().st_mode) == 0o700
    other = EmbeddedServer(server.data_dir, server.binary)
    await other.enter()
    assert await pid_of(other) == await pid_of(server)
    await other.leave()
    short = server.socket_path.parent
    await server.leave()
    assert not short.exists()


async def test_a_server_that_cannot_read_the_files_is_refused_before_it_starts(
    server: EmbeddedServer,
) -> None:
    await server.enter()
    await server.leave()
    older = EmbeddedServer(server.data_dir, ServerBinary("/bin/false", (6, 0)))
    with pytest.raises(
        ConfigurationError, match=f"was written by {server.binary.title}, and /bin/false is Redis 6.0"
    ):
        await older.enter()


async def test_the_files_of_every_server_are_read_by_those_that_are_let_at_them(
    server: EmbeddedServer,
) -> None:
    await server.enter()
    await ask(server, ("SET", "kept", "yes"), ("XADD", "stream", "1-1", "a", "b"))
    await server.leave()
    origin = origin_of(server.directory)
    assert origin == Origin(server.binary.version, server.binary.kind)
    for number, reader in enumerate(each for each in find_binaries() if origin.is_read_by(each)):
        copy = server.data_dir / str(number)
        shutil.copytree(server.directory, copy / "store")
        other = EmbeddedServer(copy, reader)
        await other.enter()
        assert await ask(other, ("GET", "kept"), ("XLEN", "stream")) == [b"yes", 1], reader
        await other.leave()


async def test_a_server_that_cannot_start_is_one_clear_line(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, ServerBinary("/bin/false", (7, 0)))
    with pytest.raises(ConfigurationError, match=r"did not start: see .*redis\.log"):
        await server.enter()


async def test_a_data_directory_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = EmbeddedServer(tmp_path / "file", find_binary())
    with pytest.raises(ConfigurationError, match="MIX2API_DATA_DIR"):
        await server.enter()


async def test_an_open_store_outlives_its_server(tmp_path: Path) -> None:
    async with open_store(StoreOptions(data_dir=tmp_path, shards=16)) as store:
        await store.leases.acquire()
        session, run = parts.MINT.session_id(parts.SHARD), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        await kill_once_written(EmbeddedServer.found(tmp_path))
        with trio.fail_after(20):
            ticket = store.log.submit(parts.closing_append(session, run, 2))
            assert await ticket.wait() is Outcome.APPENDED
        assert len((await store.log.history(session)).recorded) == 2


async def test_what_is_raised_inside_an_open_store_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="from inside"):
        async with open_store(StoreOptions(data_dir=tmp_path, shards=16)):
            raise ConfigurationError("from inside")

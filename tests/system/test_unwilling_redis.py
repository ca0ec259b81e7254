"""A Redis that answers and refuses to write: told by its word in health and log, and clients are refused as when it is away."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hiredis
import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.store.willingness import Unwilling


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of its own: what is done to it here is not for others."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def configured(server: RedisServer, **values: tuple[str, str]) -> "Callable[[], None]":
    """Sets values and gives what sets them back."""
    for name, (bad, _) in values.items():
        server.command("CONFIG", "SET", name.replace("_", "-"), bad)

    def restore() -> None:
        for name, (_, good) in values.items():
            server.command("CONFIG", "SET", name.replace("_", "-"), good)

    return restore


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    restore = configured(server, maxmemory=("1", "0"))
    yield
    restore()


@contextmanager
def a_replica(server: RedisServer) -> Iterator[None]:
    server.command("REPLICAOF", "127.0.0.1", "1")  # nobody listens there
    yield
    server.command("REPLICAOF", "NO", "ONE")


@contextmanager
def a_lost_replica(server: RedisServer) -> Iterator[None]:
    restore = configured(server, replica_serve_stale_data=("no", "yes"))
    with a_replica(server):
        yield
    restore()


@contextmanager
def without_replicas(server: RedisServer) -> Iterator[None]:
    restore = configured(server, min_replicas_to_write=("1", "0"))
    yield
    restore()


@contextmanager
def forbidden(server: RedisServer) -> Iterator[None]:
    server.command("ACL", "SETUSER", "default", "-xadd", "-hset")
    yield
    server.command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def unable_to_save(server: RedisServer) -> Iterator[None]:
    in_the_way = server.directory / "dump.rdb"  # a server newer than 6.2 lets nobody rename its snapshot
    in_the_way.mkdir()
    restore = configured(server, save=("900 1", ""))
    server.command("BGSAVE")
    while b"rdb_last_bgsave_status:err" not in bytes(server.command("INFO", "persistence")):  # type: ignore[arg-type]
        pass
    yield
    restore()
    in_the_way.rmdir()


@contextmanager
def scripting(server: RedisServer) -> Iterator[None]:
    """Somebody's script that does not end."""
    server.command("CONFIG", "SET", "lua-time-limit", "10")
    with socket.socket(socket.AF_UNIX) as somebody:
        somebody.connect(server.socket_path)
        somebody.sendall(hiredis.pack_command(("EVAL", "while true do end", 0)))
        yield
        while isinstance(server.command("SCRIPT", "KILL"), Exception):
            pass


STATES = {
    Unwilling.OOM: full,
    Unwilling.READONLY: a_replica,
    Unwilling.MASTERDOWN: a_lost_replica,
    Unwilling.NOREPLICAS: without_replicas,
    Unwilling.NOPERM: forbidden,
    Unwilling.MISCONF: unable_to_save,
    Unwilling.BUSY: scripting,
}


def test_every_word_but_that_of_a_start_has_a_state_here() -> None:
    assert set(STATES) == set(Unwilling) - {Unwilling.LOADING}  # see `tests/store/test_willingness.py`


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("word", STATES)
async def test_a_refusing_store_is_named_in_health_and_log_and_its_clients_are_refused(
    word: Unwilling, shape: Shape, server: RedisServer
) -> None:
    async with whole_system(shape, server.url) as system:
        await system.client.ask("hello")

        async def named() -> bool:
            health = await system.client.get("/health")
            parts = health.json().get("failing", [])
            return {"part": "event_log", "why": f"Redis refuses to write: {word.value}"} in parts

        async def well() -> bool:
            return (await system.client.get("/health")).status == 200

        async def served() -> bool:
            return (await system.client.ask("hello", stream=True)).status == 200

        with STATES[word](server):
            await until(named)  # though nobody asks anything
            for stream in (True, False):
                answer = await system.client.ask("hello", stream=stream)
                assert (answer.status, answer.error()["code"]) == (503, "store_unavailable")
        await until(served)
        await until(well)
        await check_lines(system, word)


async def check_lines(system: WholeSystem, word: Unwilling) -> None:
    """Each process has said once that it is so, and once that it is over; a busy server may have been told of as away."""

    async def over() -> bool:
        said = system.log_lines("store.refuses") + system.log_lines("store.away")
        return len(said) == len(system.log_lines("store.accepts") + system.log_lines("store.back"))

    await until(over)
    refuses = [line["why"] for line in system.log_lines("store.refuses")]
    away = [line["why"] for line in system.log_lines("store.away")]
    assert set(refuses) <= {word}
    assert refuses or word in away
    assert len(refuses) <= len(system.processes)

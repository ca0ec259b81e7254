"""A Redis that no longer keeps what it confirmed is told of, though it works and answers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import store_parts as parts
import structlog
import trio
from redis_server import RedisServer
from stored_runs import stored

from mix2api.events.log import Outcome
from mix2api.process.store_keeping import StoreKeeping


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server whose disk a test may set back."""
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.stop()


def events_of(lines: list[Any]) -> list[tuple[str, Any]]:
    """The lines' events, each with its one field."""
    return [(line["event"], line.get("policy", line.get("appends"))) for line in lines]


async def test_a_policy_that_evicts_is_told_once_and_once_that_it_is_over(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        keeping = StoreKeeping(store, structlog.get_logger())
        with structlog.testing.capture_logs() as lines:
            await keeping.look()
            assert keeping.warnings == ()
            redis_server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            await keeping.look()
            await keeping.look()
            (warning,) = keeping.warnings
            assert "maxmemory-policy allkeys-lru" in warning
            redis_server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
            await keeping.look()
            assert keeping.warnings == ()
        assert events_of(lines) == [("store.evicts", "allkeys-lru"), ("store.keeps", "noeviction")]


async def test_what_a_killed_server_forgot_of_a_run_fences_it_and_is_counted_and_told(
    own_server: RedisServer,
) -> None:
    """The server comes back with its disk as it was before the last confirmed append: `everysec` may leave it so."""
    disk, earlier = own_server.directory, own_server.directory.parent / "earlier"
    async with parts.running_store(own_server.url) as store:
        keeping = StoreKeeping(store, structlog.get_logger())
        await store.leases.acquire([parts.SHARD])
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        shutil.copytree(disk, earlier, ignore=shutil.ignore_patterns("*.sock"))
        assert await store.log.submit(parts.chunks_append(session, run, 2)).wait() is Outcome.APPENDED
        own_server.kill()
        for entry in ("appendonlydir", "appendonly.aof"):
            if (earlier / entry).is_dir():
                shutil.rmtree(disk / entry)
                shutil.copytree(earlier / entry, disk / entry)
            elif (earlier / entry).exists():
                shutil.copy(earlier / entry, disk / entry)
        own_server.start()
        with trio.fail_after(20), structlog.testing.capture_logs() as lines:
            outcome = await store.log.submit(parts.chunks_append(session, run, 3)).wait()
            await store.links[0].wait_up()
            await keeping.look()
            await keeping.look()
        assert outcome is Outcome.FENCED
        assert store.log.writer.statistics().out_of_order == 1
        assert events_of(lines) == [("store.forgot", 1)]

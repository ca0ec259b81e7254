"""An opened store: what was submitted is written on the way out, and nothing of the process stays behind."""

from pathlib import Path

import pytest
import store_parts as parts
import trio
from redis_server import RedisServer

from mix2api.errors import ConfigurationError
from mix2api.events.log import Outcome, Ticket
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions


def options(url: str) -> StoreOptions:
    return StoreOptions(url=url, secret=parts.SECRET)


async def test_what_was_submitted_before_a_cancel_is_written(redis_server: RedisServer) -> None:
    tickets: list[Ticket] = []
    with trio.CancelScope() as scope:
        async with open_store(options(redis_server.url)) as store:
            await store.leases.acquire([parts.SHARD])
            scope.cancel()
            tickets.append(store.log.submit(parts.opening_append(parts.new_session(), parts.new_run())))
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert tickets[0].outcome is Outcome.APPENDED


async def test_leases_and_heartbeat_are_given_up_on_the_way_out(redis_server: RedisServer) -> None:
    async with open_store(options(redis_server.url)) as store:
        await store.leases.acquire()
        await store.heartbeat.beat()
        store.log.refused(1)
    assert redis_server.command("KEYS", "*:lease") == []
    assert redis_server.command("KEYS", "*:process:*") == []
    assert redis_server.command("XLEN", "mix2api:{s00}:audit") == 1


async def test_two_processes_have_different_ids_and_share_what_is_sealed(redis_server: RedisServer) -> None:
    async with open_store(options(redis_server.url)) as one, open_store(options(redis_server.url)) as other:
        assert one.process != other.process
        assert other.seal.unseal(one.seal.seal("text", "purpose"), "purpose") == "text"


async def test_the_embedded_store_makes_its_own_secret_and_can_be_opened_again(tmp_path: Path) -> None:
    embedded = StoreOptions(data_dir=tmp_path, shards=16)
    async with open_store(embedded) as store:
        await store.leases.acquire()
        session = parts.MINT.session_id(parts.SHARD)
        await store.log.submit(parts.opening_append(session, parts.new_run())).wait()
        sealed = store.seal.seal("text", "purpose")
    async with open_store(embedded) as store:
        assert store.seal.unseal(sealed, "purpose") == "text"
        assert len((await store.log.history(session)).recorded) == 1


async def test_a_server_that_fails_the_checks_leaves_no_embedded_server_behind(tmp_path: Path) -> None:
    async with open_store(StoreOptions(data_dir=tmp_path, shards=16)):
        pass
    with pytest.raises(ConfigurationError, match="MIX2API_SHARDS"):
        async with open_store(StoreOptions(data_dir=tmp_path, shards=32)):
            pass
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        await trio.open_unix_socket(str(tmp_path / "store" / "redis.sock"))

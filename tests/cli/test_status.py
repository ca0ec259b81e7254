"""`mix2api status`, over a real store."""

import argparse
import io
import json
from typing import Any

import pytest
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.cli.status import StatusQuery, add_parser, status
from mix2api.store.store import Store


async def shown(store: Store, *, as_json: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = await status(store, StatusQuery(as_json=as_json), out)
    return code, out.getvalue()


async def test_a_healthy_deployment_is_shown_and_the_exit_code_is_0(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        code, table = await shown(store)
        assert code == 0
        assert table.startswith("process")
        assert store.process in table
        assert f"{SHARDS} of {SHARDS} shards have an owner" in table
        code, text = await shown(store, as_json=True)
        facts: dict[str, Any] = json.loads(text)
        assert code == 0
        assert [process["process"] for process in facts["processes"]] == [store.process]
        assert (facts["shards"], facts["shards_without_owner"], facts["unreadable"]) == (SHARDS, [], 0)


async def test_shards_without_an_owner_and_unreadable_heartbeats_are_exit_code_1(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        await store.leases.release()
        code, table = await shown(store)
        assert code == 1
        assert "without an owner: s00 s01" in table
        await store.leases.acquire()
        await store.links[0].execute(("HDEL", store.keys.process(store.process), "role"))
        code, table = await shown(store)
        assert code == 1
        assert "1 heartbeats cannot be read" in table


async def test_a_late_heartbeat_is_exit_code_1(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        key = store.keys.process(store.process)
        await store.links[0].execute(("HSET", key, "lease_ms", 100_000), ("PEXPIRE", key, 50_000))
        code, table = await shown(store)
        assert code == 1
        assert " ms late" in table


async def test_what_a_heartbeat_does_not_say_is_a_dash(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.links[0].execute(("HDEL", store.keys.process(store.process), "runs", "lease_ms"))
        code, table = await shown(store)
        assert code == 0
        assert table.splitlines()[1].count(" -") == 4


@pytest.mark.parametrize(("words", "as_json"), [(["status"], False), (["status", "--json"], True)])
def test_the_command_reads_its_arguments(words: list[str], *, as_json: bool) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    assert parser.parse_args(words).json is as_json

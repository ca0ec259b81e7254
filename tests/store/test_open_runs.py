"""What stands in `open`: runs are read, all else is passed over, and removed by whoever owns the shard."""

import store_parts as parts
import trio
from damages import FIELDS, WHOLE, put
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis_server import RedisServer

from mix2api.events.log import OpenRun, Outcome
from mix2api.store.store import Store
from mix2api.vocabulary import RunId, Shard


async def opened(store: Store) -> RunId:
    run = parts.new_run()
    assert await store.log.submit(parts.opening_append(parts.new_session(), run)).wait() is Outcome.APPENDED
    return run


async def test_the_owner_removes_what_names_no_run_and_others_pass_over_it(redis_server: RedisServer) -> None:
    async with (
        parts.running_store(redis_server.url) as owner,
        parts.running_store(redis_server.url) as reader,
    ):
        await owner.leases.acquire([parts.SHARD])
        run = await opened(owner)
        for place, damage in enumerate(FIELDS.values()):
            put(redis_server, owner.keys.open(parts.SHARD), damage)
            fields = redis_server.command("HLEN", owner.keys.open(parts.SHARD))
            assert [found.run_id for found in await reader.log.open_runs(parts.SHARD)] == [run]
            assert redis_server.command("HLEN", owner.keys.open(parts.SHARD)) == fields
            assert [found.run_id for found in await owner.log.open_runs(parts.SHARD)] == [run]
            assert redis_server.command("HKEYS", owner.keys.open(parts.SHARD)) == [run.encode()]
            assert owner.damage.total > place
        assert reader.damage.total == 1, "of what stays, once"


async def test_one_shard_s_damage_hides_no_other_shard_s_runs(redis_server: RedisServer) -> None:
    damaged = Shard(1)
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD, damaged])
        run = await opened(store)
        for damage in WHOLE.values():
            put(redis_server, store.keys.open(damaged), damage)
            found = await store.log.open_entries([damaged, parts.SHARD])
            assert [entry.run.run_id for entry in found] == [run]
            assert redis_server.command("EXISTS", store.keys.open(damaged)) == 0


async def test_what_changed_since_it_was_seen_is_not_removed(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        key = store.keys.open(parts.SHARD)
        redis_server.command("HSET", key, "run_1", "junk")
        runs = store.log._open_runs
        redis_server.command("HSET", key, "run_1", "other junk")
        await runs._clear(parts.SHARD, [b"run_1", b"junk"])
        assert redis_server.command("HGET", key, "run_1") == b"other junk"


async def test_a_run_whose_entry_is_damaged_is_not_to_be_had(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        run = await opened(store)
        (known,) = await store.log.open_runs(parts.SHARD)
        assert isinstance(known, OpenRun)
        for damage in ("junk", "", "1 junk"):
            redis_server.command("HSET", store.keys.open(parts.SHARD), run, damage)
            assert not await store.log.seize(known)
        put(redis_server, store.keys.open(parts.SHARD), WHOLE["a word"])
        assert not await store.log.seize(known)
        put(redis_server, store.keys.lease(parts.SHARD), WHOLE["a list"])
        assert not await store.log.seize(known)


_HEADS = st.sampled_from([b"", b"1 ", b"1 p_1:n ", b"1 p_1:n 1 p_2 ", b"-1 p_1:n 1 p_2 ses_0007"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_HEADS, st.binary(max_size=40), st.binary(max_size=12))
@example(b"1 p_1:n ", b"1 p_2 \n", b"run\n")
def test_any_bytes_in_a_run_s_place_cost_no_other_run(
    redis_server: RedisServer, head: bytes, data: bytes, name: bytes
) -> None:
    async def read_beside() -> None:
        async with parts.running_store(redis_server.url) as store:
            await store.leases.acquire([parts.SHARD])
            session, run = parts.new_session(), parts.new_run()
            await store.log.submit(parts.opening_append(session, run)).wait()
            redis_server.command("HSET", store.keys.open(parts.SHARD), name, head + data)
            assert [found.run_id for found in await store.log.open_runs(parts.SHARD)] == [run]
            assert await store.log.submit(parts.closing_append(session, run, 2)).wait() is Outcome.APPENDED
            assert await store.log.open_runs(parts.SHARD) == []

    redis_server.command("FLUSHALL")
    trio.run(read_beside)

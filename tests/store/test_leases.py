"""Leases and heartbeats: one owner a shard, epochs that grow, and signs of life that run out."""

from pathlib import Path

import pytest
import store_parts as parts
import trio
from redis_server import RedisServer

from mix2api.errors import StoreUnavailable
from mix2api.store.leases import LeaseChange
from mix2api.vocabulary import Channel, ProcessId, Shard

SHARDS = frozenset(Shard(number) for number in range(256))


async def test_the_first_process_takes_all_and_a_second_gets_what_is_free(redis_server: RedisServer) -> None:
    async with (
        parts.running_store(redis_server.url) as first,
        parts.running_store(redis_server.url) as second,
    ):
        assert await first.leases.acquire() == LeaseChange(gained=SHARDS)
        assert await second.leases.acquire() == LeaseChange()
        await first.leases.release()
        assert first.leases.held == frozenset()
        assert await second.leases.acquire([Shard(1), Shard(2)]) == LeaseChange(gained=frozenset({1, 2}))
        assert await first.leases.acquire() == LeaseChange(gained=SHARDS - {1, 2})


async def test_a_token_names_process_and_epoch_and_epochs_grow(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        epochs = []
        for _ in range(3):
            await store.leases.acquire([parts.SHARD])
            token = store.leases.token(parts.SHARD)
            assert token is not None
            process, _, epoch = token.split(":")
            assert process == store.process
            epochs.append(int(epoch))
            await store.leases.release()
        assert epochs == [epochs[0], epochs[0] + 1, epochs[0] + 2]
        assert redis_server.command("PTTL", store.keys.epoch(parts.SHARD)) == -1, "it never expires"


async def test_a_renewal_extends_and_keeps_the_epoch(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, lease_s=100) as store:
        await store.leases.acquire([parts.SHARD])
        token, key = store.leases.token(parts.SHARD), store.keys.lease(parts.SHARD)
        redis_server.command("PEXPIRE", key, 5000)
        assert await store.leases.acquire(store.leases.held) == LeaseChange()
        assert store.leases.token(parts.SHARD) == token
        assert 90_000 < redis_server.command("PTTL", key) <= 100_000


async def test_a_lease_that_another_took_is_reported_lost(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as other:
        await store.leases.acquire([Shard(1), Shard(2)])
        redis_server.command("DEL", store.keys.lease(Shard(1)))  # as if it had run out
        await other.leases.acquire([Shard(1)])
        assert await store.leases.acquire(store.leases.held) == LeaseChange(lost=frozenset({Shard(1)}))
        assert store.leases.token(Shard(1)) is None
        await store.leases.release()
        assert await other.post.lease_owner(Shard(1)) == other.process, "nobody gives up what is not theirs"


async def test_a_lease_that_ran_out_is_taken_again_under_a_new_epoch(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        first = store.leases.token(parts.SHARD)
        redis_server.command("DEL", store.keys.lease(parts.SHARD))
        assert await store.leases.acquire(store.leases.held) == LeaseChange()
        assert store.leases.token(parts.SHARD) != first


async def test_a_shard_that_was_in_other_hands_in_between_is_both_lost_and_gained(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as other:
        await store.leases.acquire([Shard(1), Shard(2)])
        redis_server.command("DEL", store.keys.lease(Shard(1)))  # as if it had run out
        await other.leases.acquire([Shard(1)])
        await other.leases.release()
        one = frozenset({Shard(1)})
        assert await store.leases.acquire(store.leases.held) == LeaseChange(gained=one, lost=one)


async def test_in_an_emptied_store_every_shard_is_both_lost_and_gained(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([parts.SHARD])
        first = store.leases.token(parts.SHARD)
        await store.leases.release()
        await store.leases.acquire([parts.SHARD])
        redis_server.command("FLUSHALL")
        one = frozenset({parts.SHARD})
        assert await store.leases.acquire(store.leases.held) == LeaseChange(gained=one, lost=one)
        assert store.leases.token(parts.SHARD) != first, "an old token is worth nothing"


@pytest.mark.parametrize("foreign", [("SET", "junk"), ("RPUSH", "junk"), ("HSET", "field", "junk")])
@pytest.mark.parametrize("kind", ["lease", "epoch"])
async def test_what_no_process_wrote_keeps_no_shard(
    redis_server: RedisServer, kind: str, foreign: tuple[str, ...]
) -> None:
    async with parts.running_store(redis_server.url) as store:
        key = store.keys.lease(parts.SHARD) if kind == "lease" else store.keys.epoch(parts.SHARD)
        command, *words = foreign
        redis_server.command(command, key, *words)
        assert await store.leases.acquire([parts.SHARD]) == LeaseChange(gained=frozenset({parts.SHARD}))
        token = store.leases.token(parts.SHARD)
        assert token is not None
        assert int(token.rpartition(":")[2]) > 0
        assert redis_server.command("PTTL", store.keys.lease(parts.SHARD)) > 0


async def test_everybody_sees_which_shards_have_an_owner(redis_server: RedisServer) -> None:
    async with (
        parts.running_store(redis_server.url, shards=3) as store,
        parts.running_store(redis_server.url, shards=3) as other,
    ):
        await store.leases.acquire([Shard(1)])
        assert await other.leases.owners() == {0: None, 1: store.leases.token(Shard(1)), 2: None}


async def test_leases_are_taken_again_after_an_outage(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    async with (
        parts.running_store(server.url, lease_s=0.03, shards=2) as store,
        trio.open_nursery() as nursery,
    ):
        gained = trio.Event()
        store.heartbeat.take_shards(takes=True)
        nursery.start_soon(store.spread.keep, lambda _: gained.set(), lambda _: None)
        nursery.start_soon(store.heartbeat.keep)
        with trio.fail_after(5):
            await store.links[2].wait_down()
            server.start()
            await gained.wait()
            while not await store.heartbeat.alive(store.process):
                await store.heartbeat.beat()
        assert store.leases.held == {0, 1}
        nursery.cancel_scope.cancel()
    server.stop()


async def test_keeping_leases_tells_of_changes_and_renews(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, lease_s=0.03, shards=4) as store:
        changes, changed = [], trio.Event()

        def note(change: LeaseChange) -> None:
            changes.append(change)
            changed.set()

        store.heartbeat.take_shards(takes=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.spread.keep, note, lambda _: None)
            with trio.fail_after(5):
                await changed.wait()
                changed = trio.Event()
                redis_server.command("SET", store.keys.lease(Shard(3)), "p_other:n:1", "PX", 10_000)
                await changed.wait()
            nursery.cancel_scope.cancel()
        assert changes == [LeaseChange(gained=frozenset(range(4))), LeaseChange(lost=frozenset({3}))]


async def test_leases_say_when_redis_is_away() -> None:
    async with parts.running_store("unix:///nowhere/redis.sock") as store:
        for call in (store.leases.acquire, store.heartbeat.beat):
            with pytest.raises(StoreUnavailable):
                await call()


async def test_a_heartbeat_shows_facts_and_expires(redis_server: RedisServer) -> None:
    options = {"version": "1.2.3", "channel": Channel.CANARY, "weight": 5, "role": "worker", "lease_s": 100}
    async with parts.running_store(redis_server.url, **options) as store:
        assert not await store.heartbeat.alive(store.process)
        await store.heartbeat.beat()
        assert await store.heartbeat.alive(store.process)
        assert redis_server.command("HGET", store.keys.process(store.process), "version") == b"1.2.3"
        assert redis_server.command("HGET", store.keys.process(store.process), "channel") == b"canary"
        assert (store.heartbeat.facts.version, store.heartbeat.facts.channel) == ("1.2.3", "canary")
        assert 190_000 < redis_server.command("PTTL", store.keys.process(store.process)) <= 200_000
        dead = ProcessId("p_dead")
        assert await store.heartbeat.alive_among([store.process, dead]) == {store.process}
        await store.heartbeat.stop()
        assert not await store.heartbeat.alive(store.process)


async def test_keeping_the_heartbeat_beats_again(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, lease_s=0.03) as store, trio.open_nursery() as nursery:
        nursery.start_soon(store.heartbeat.keep)
        with trio.fail_after(5):
            for _ in range(2):
                while not await store.heartbeat.alive(store.process):
                    pass
                redis_server.command("DEL", store.keys.process(store.process))
        nursery.cancel_scope.cancel()

"""Leases given up from outside the loop: only one's own, with the heartbeat left beating, and never a fault."""

import store_parts as parts
import trio
from cluster_servers import RedisCluster
from redis_server import RedisServer

from mix2api.store.keys import Keys
from mix2api.store.leases import LeaseChange
from mix2api.store.redis.location import RedisLocation
from mix2api.store.store import Store
from mix2api.store.surrender import surrender
from mix2api.vocabulary import Shard


def given_up(store: Store) -> bool:
    return surrender(store.location, store.keys, store.leases.tokens(), store.process, 60_000)


async def test_its_own_leases_go_and_its_heartbeat_lasts(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.heartbeat.beat()
        await store.leases.acquire([Shard(1), Shard(2)])
        redis_server.command("SET", store.keys.lease(Shard(2)), "another:process:1")
        assert given_up(store)
        assert redis_server.command("GET", store.keys.lease(Shard(1))) is None
        assert redis_server.command("GET", store.keys.lease(Shard(2))) == b"another:process:1"
        assert 50_000 < redis_server.command("PTTL", store.keys.process(store.process)) <= 60_000


async def test_a_heartbeat_that_has_run_out_stays_away(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        assert given_up(store)
        assert redis_server.command("EXISTS", store.keys.process(store.process)) == 0


async def test_a_key_of_another_type_hinders_no_other(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([Shard(1), Shard(2)])
        redis_server.command("DEL", store.keys.lease(Shard(1)))
        redis_server.command("RPUSH", store.keys.lease(Shard(1)), "junk")
        assert given_up(store)
        assert redis_server.command("EXISTS", store.keys.lease(Shard(2))) == 0


def test_a_server_that_is_away_is_no_fault() -> None:
    away = RedisLocation.parse("unix:///nowhere/redis.sock")
    assert not surrender(away, Keys(), {}, parts.EDGE, 1000)


async def test_what_was_given_up_is_lost_and_taken_anew(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([Shard(1), Shard(2)])
        tokens = store.leases.tokens()
        given_up(store)
        assert store.leases.given_up(tokens) == LeaseChange(lost=frozenset({1, 2}))
        assert store.leases.held == frozenset()
        assert await store.leases.acquire([Shard(1)]) == LeaseChange(gained=frozenset({1}))
        assert store.leases.given_up(tokens) == LeaseChange(), "the new lease has another token"
        assert store.leases.held == {1}


async def test_a_reply_from_before_brings_no_lease_back(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([Shard(1)])
        changes: list[LeaseChange] = []

        async def renew() -> None:
            changes.append(await store.leases.acquire(store.leases.held))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(renew)
            for _ in range(2):  # it has asked, and nobody has read Redis's reply
                await trio.lowlevel.checkpoint()
            store.leases.given_up(store.leases.tokens())
        assert changes == [LeaseChange()]
        assert store.leases.held == frozenset()


async def test_leases_that_could_not_be_given_up_are_ours_again(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire([Shard(1)])
        store.leases.given_up(store.leases.tokens())  # and Redis never heard of it
        assert await store.leases.acquire([Shard(1)]) == LeaseChange(gained=frozenset({1}))


async def test_leases_on_all_masters_of_a_cluster_go(redis_cluster: RedisCluster) -> None:
    async with parts.running_store(redis_cluster.url()) as store:
        assert store.cluster is not None
        await store.heartbeat.beat()
        await store.leases.acquire([Shard(number) for number in range(9)])
        tokens, table = store.leases.tokens(), store.cluster.table
        assert surrender(store.location, store.keys, tokens, store.process, 60_000, table)
        assert set((await store.leases.owners()).values()) == {None}
        heartbeats = redis_cluster.master_of(store.keys.processes())
        assert 50_000 < heartbeats.command("PTTL", store.keys.process(store.process)) <= 60_000

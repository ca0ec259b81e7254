"""A link to a real Redis Cluster of three masters."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from cluster_servers import ClusterNode, RedisCluster, cluster, started, until
from redis.exceptions import ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.store.redis.cluster import Cluster, found_table
from mix2api.store.redis.cluster_link import ClusterLink
from mix2api.store.redis.link import Command, NotSent, Told
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.routing import SLOTS, slot_of
from mix2api.store.redis.server_link import ServerLink

_LIMIT_S = 30
KEYS = [f"key-{number}" for number in range(12)]
"""Some on each master."""


@asynccontextmanager
async def linked(servers: RedisCluster, **timeouts: float) -> AsyncIterator[tuple[Cluster, ClusterLink]]:
    """A link, and the cluster as it knows it."""
    location, limits = RedisLocation.parse(servers.url(nodes=1)), Timeouts(**timeouts)
    known = Cluster(location)
    found_table(location, limits, known.table)
    link = ClusterLink(known, partial(ServerLink, timeouts=limits, name="test-cluster"), "test-cluster")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(known.run)
        with trio.fail_after(_LIMIT_S):
            yield known, link
            await link.aclose()
        nursery.cancel_scope.cancel()


def of_master(servers: RedisCluster, node: ClusterNode, keys: Sequence[str] = KEYS) -> list[str]:
    return [key for key in keys if servers.master_of(key) is node]


async def test_replies_stand_in_the_order_of_their_commands(redis_cluster: RedisCluster) -> None:
    async with linked(redis_cluster) as (known, link):
        assert len(known.table.masters) == len(link.servers()) == 3
        written: list[Command] = [("SET", key, place) for place, key in enumerate(KEYS)]
        replies = await link.execute(*written, ("TIME",), *(("INCR", key) for key in KEYS))
        assert replies[: len(KEYS)] == [b"OK"] * len(KEYS)
        assert len(replies[len(KEYS)]) == 2
        assert replies[len(KEYS) + 1 :] == [place + 1 for place in range(len(KEYS))]
        assert all(of_master(redis_cluster, node) for node in redis_cluster.nodes)
        assert await link.execute() == []


async def test_a_refused_command_is_an_error_at_its_place(redis_cluster: RedisCluster) -> None:
    async with linked(redis_cluster) as (_, link):
        replies = await link.execute(("SET", "k", "word"), ("INCR", "k"), ("GET", "other"))
        assert isinstance(replies[1], ResponseError)
        assert (replies[0], replies[2]) == (b"OK", None)


async def test_a_script_is_loaded_on_every_master_that_runs_it(redis_cluster: RedisCluster) -> None:
    async with linked(redis_cluster) as (_, link):
        replies = await link.execute(("SCRIPT", "LOAD", "return KEYS[1]"), *(("GET", key) for key in KEYS))
        sha = replies[0].decode()
        replies = await link.execute(*(("EVALSHA", sha, 1, key) for key in KEYS))
        assert replies == [key.encode() for key in KEYS]


async def test_a_transaction_is_run_by_the_master_of_its_keys(redis_cluster: RedisCluster) -> None:
    async with linked(redis_cluster) as (_, link):
        replies = await link.execute(
            ("MULTI",), ("SET", "{t}a", 1), ("INCR", "{t}b"), ("EXEC",), ("GET", KEYS[0])
        )
        assert replies == [b"OK", b"QUEUED", b"QUEUED", [b"OK", 1], None]


async def test_a_silent_master_costs_its_own_commands_only_and_is_used_again(
    redis_cluster: RedisCluster,
) -> None:
    frozen = redis_cluster.nodes[1]
    async with linked(redis_cluster) as (known, link):
        await link.execute(*(("SET", key, "1") for key in KEYS))
        frozen.server.pause()
        replies = await link.partly(*(("GET", key) for key in KEYS))
        lost = {key for key, reply in zip(KEYS, replies, strict=True) if isinstance(reply, StoreUnavailable)}
        assert lost == set(of_master(redis_cluster, frozen))
        assert known.away() == {("127.0.0.1", frozen.port)}
        assert not link.is_down
        assert known.silence() == frozenset()
        assert [known.is_away(key) for key in KEYS] == [key in lost for key in KEYS]
        with pytest.raises(StoreUnavailable):
            await link.execute(*(("GET", key) for key in KEYS))
        with pytest.raises(NotSent):
            await link.execute(*(("GET", key) for key in lost))
        healthy = [key for key in KEYS if key not in lost]
        assert await link.execute(*(("GET", key) for key in healthy)) == [b"1"] * len(healthy)
        frozen.server.resume()
        await until(lambda: not known.away())
        assert await link.execute(*(("GET", key) for key in KEYS)) == [b"1"] * len(KEYS)


async def test_what_is_handed_in_for_one_slot_is_waited_for_however_long_its_master_is_silent(
    redis_cluster: RedisCluster,
) -> None:
    """A commit may have been written: only its master's word ends it. The look-ups beside it are cut."""
    frozen = redis_cluster.nodes[0]
    key = of_master(redis_cluster, frozen)[0]
    told: list[Told] = []
    async with linked(redis_cluster, reply_s=10) as (known, link):
        await link.execute(("SET", key, "1"))
        frozen.server.pause()
        link.hand_in([("INCR", key)], told.append, is_whole=False, patient=slot_of(key))
        with pytest.raises(StoreUnavailable):
            await link.execute(("GET", key))
        assert known.is_away(key)
        assert told == []
        frozen.server.resume()
        await until(lambda: bool(told))
        assert told == [[2]]


async def test_a_slot_that_has_moved_is_followed(redis_cluster: RedisCluster) -> None:
    key = of_master(redis_cluster, redis_cluster.nodes[0])[0]
    slot, source, target = slot_of(key), redis_cluster.nodes[0], redis_cluster.nodes[1]
    async with linked(redis_cluster) as (known, link):
        await link.execute(("SET", key, "1"))
        begin_migration(slot, source, target)
        assert await link.execute(("GET", key), ("GET", f"{{{key}}}new")) == [b"1", None]
        assert known.table.master(slot) == ("127.0.0.1", source.port), "ASK leaves the table"
        assert await link.execute(("INCR", f"{{{key}}}new")) == [1]
        source.command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
        assert await link.execute(("GET", key)) == [b"1"]
        give_slot(redis_cluster, slot, target)
        try:
            assert await link.execute(("GET", key), ("GET", f"{{{key}}}new")) == [b"1", b"1"]
            assert known.table.master(slot) == ("127.0.0.1", target.port)
        finally:
            redis_cluster.flush()
            give_slot(redis_cluster, slot, source)
        assert await link.execute(("GET", key)) == [None]


def begin_migration(slot: int, source: ClusterNode, target: ClusterNode) -> None:
    target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)


def give_slot(servers: RedisCluster, slot: int, to: ClusterNode) -> None:
    for node in sorted(servers.nodes, key=lambda node: node is not to):
        node.command("CLUSTER", "SETSLOT", slot, "NODE", to.id)


async def test_a_caller_that_goes_away_leaves_the_replies_of_others_where_they_belong(
    redis_cluster: RedisCluster,
) -> None:
    async with linked(redis_cluster) as (_, link):
        await link.execute(*(("SET", key, key) for key in KEYS))
        with trio.move_on_after(0):
            await link.execute(*(("GET", key) for key in KEYS))
        assert await link.execute(*(("GET", key) for key in KEYS)) == [key.encode() for key in KEYS]


async def test_a_closed_link_refuses(redis_cluster: RedisCluster) -> None:
    async with linked(redis_cluster) as (_, link):
        await link.execute(("SET", "k", "1"))
        await link.aclose()
        with pytest.raises(NotSent):
            await link.execute(("GET", "k"))
        with trio.move_on_after(0.01) as waited:
            await link.wait_up()
        assert waited.cancelled_caught


async def test_a_cluster_whose_masters_have_other_addresses_is_found_by_its_url(
    redis_cluster: RedisCluster,
) -> None:
    async with linked(redis_cluster) as (known, link):
        masters = known.table.masters
        known.table.learn([[0, SLOTS - 1, [b"127.0.0.1", 1, b"id"]]], masters[0])
        with pytest.raises(NotSent):
            await link.execute(("GET", "k"))
        await link.wait_up()
        assert known.table.masters == masters
        assert await link.execute(("GET", "k")) == [None]


async def test_a_replica_that_has_taken_over_is_found(tmp_path: Path) -> None:
    """A master dies, its replica is made the master, and a link that waited for the slot goes on there."""
    quick = ("--cluster-node-timeout", "500")
    with cluster(tmp_path, arguments=quick) as servers, ExitStack() as stack:
        dying = servers.nodes[0]
        replica = started(tmp_path / "replica", stack, (*quick, "--repl-diskless-sync-delay", "0"))
        replica.command("CLUSTER", "MEET", "127.0.0.1", dying.port)
        replica.server.wait_for_line(b"Cluster state changed: ok")
        assert replica.command("CLUSTER", "REPLICATE", dying.id) == b"OK"
        async with linked(servers) as (known, link):
            key = of_master(servers, dying)[0]
            assert await link.execute(("SET", key, "1")) == [b"OK"]
            await until(lambda: dying.command("WAIT", 1, 100) == 1)
            dying.server.kill()
            with pytest.raises(StoreUnavailable):
                await link.execute(("GET", key))
            with pytest.raises(StoreUnavailable):
                await link.execute(("GET", key))
            await link.wait_up(key)
            assert await link.execute(("GET", key)) == [b"1"]
            assert known.table.master(slot_of(key)) == ("127.0.0.1", replica.port)
            await until(lambda: not known.away())

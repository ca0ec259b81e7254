"""What is appended to a Redis Cluster: every shard by itself, and nobody waits for another shard's master."""

from collections.abc import Iterable

import store_parts as parts
import trio
from cluster_servers import ClusterNode, RedisCluster, until

from mix2api.events.log import Outcome, Ticket
from mix2api.identity import shard_of
from mix2api.store.options import SpoolLimits
from mix2api.store.store import Store
from mix2api.vocabulary import Digest, RunId, SessionId, Shard

_LIMIT_S = 30
SHARDS = [Shard(number) for number in range(24)]


def on(servers: RedisCluster, store: Store, node: ClusterNode) -> list[Shard]:
    """The shards of a master."""
    return [shard for shard in SHARDS if servers.master_of(store.keys.lease(shard)) is node]


def place_on(servers: RedisCluster, store: Store, node: ClusterNode) -> Digest:
    """A place in a history whose look-up lies on a master."""
    places = (Digest(f"{number:032x}") for number in range(100))
    return next(place for place in places if servers.master_of(store.keys.lineage(place)) is node)


def opened(store: Store, shards: Iterable[Shard]) -> list[tuple[SessionId, RunId, Ticket]]:
    """A run in each of these shards, on its way into the log."""
    runs = [(parts.new_session(shard), parts.new_run()) for shard in shards]
    return [(session, run, store.log.submit(parts.opening_append(session, run))) for session, run in runs]


async def test_runs_on_all_masters_are_written_and_read(redis_cluster: RedisCluster) -> None:
    async with parts.running_store(redis_cluster.url(), shards=len(SHARDS), lease_s=_LIMIT_S) as store:
        await store.leases.acquire()
        assert store.leases.held == store.leases.reached == frozenset(SHARDS)
        for session, run, ticket in opened(store, SHARDS):
            assert await ticket.wait() is Outcome.APPENDED
            closing = parts.closing_append(session, run, 2, waits_at=(Digest(run.ljust(32, "0")),))
            assert await store.log.submit(closing).wait() is Outcome.APPENDED
            assert len(await parts.events_of(store, session)) == 2
            assert await store.sessions.take(Digest(run.ljust(32, "0"))) is not None
        assert len(await parts.audit_of(store)) == len(SHARDS)
        assert store.log.writer.statistics().appended == 2 * len(SHARDS)
        assert await store.log.writer.drain(1)


async def test_a_silent_master_stops_its_own_shards_only(redis_cluster: RedisCluster) -> None:
    frozen, other = redis_cluster.nodes[:2]
    async with parts.running_store(redis_cluster.url(), shards=len(SHARDS), lease_s=_LIMIT_S) as store:
        await store.leases.acquire()
        for _, _, ticket in opened(store, SHARDS):
            await ticket.wait()
        frozen.server.pause()
        with trio.fail_after(_LIMIT_S):
            stopped = opened(store, on(redis_cluster, store, frozen))
            for _, _, ticket in opened(store, on(redis_cluster, store, other)):
                ticket_outcome = await ticket.wait()
                assert ticket_outcome is Outcome.APPENDED
            for _, _, ticket in stopped:
                await until(lambda ticket=ticket: ticket.is_down)  # type: ignore[misc]
                assert ticket.outcome is None
            assert not store.log.is_down
            assert not store.is_down
            change = await store.leases.acquire()
            assert (change.gained, change.lost) == (frozenset(), frozenset())
            assert store.leases.held == frozenset(SHARDS)
            assert store.leases.reached.isdisjoint(on(redis_cluster, store, frozen))
            assert set(store.reachable(SHARDS)) == store.leases.reached == set(await store.leases.owners())
            frozen.server.resume()
            for _, _, ticket in stopped:
                assert await ticket.wait() is Outcome.APPENDED
            while not await acquired(store):
                pass


async def acquired(store: Store) -> bool:
    """Whether a renewal reaches all shards again: each connection to the master comes back by itself."""
    await store.leases.acquire()
    return store.leases.reached == frozenset(SHARDS)


async def test_a_look_up_whose_master_is_away_is_written_once_that_is_back(
    redis_cluster: RedisCluster,
) -> None:
    frozen, other = redis_cluster.nodes[:2]
    async with parts.running_store(redis_cluster.url(), shards=len(SHARDS), lease_s=_LIMIT_S) as store:
        await store.leases.acquire()
        place = place_on(redis_cluster, store, frozen)
        ((session, run, ticket),) = opened(store, on(redis_cluster, store, other)[:1])
        await ticket.wait()
        frozen.server.pause()
        with trio.fail_after(_LIMIT_S):
            closing = store.log.submit(parts.closing_append(session, run, 2, waits_at=(place,)))
            assert await closing.wait() is Outcome.APPENDED
            frozen.server.resume()
            while not await store.log.writer.drain(_LIMIT_S):
                pass
            assert frozen.command("LLEN", store.keys.lineage(place)) == 1
            assert await store.sessions.take(place) == (place, session)
            assert await store.sessions.take(place) is None, "it stands there once"


async def test_what_waits_for_one_master_leaves_room_for_the_shards_of_the_others(
    redis_cluster: RedisCluster,
) -> None:
    frozen, other = redis_cluster.nodes[:2]
    limits = SpoolLimits(appends=30)
    async with parts.running_store(
        redis_cluster.url(), shards=len(SHARDS), lease_s=_LIMIT_S, spool=limits
    ) as store:
        await store.leases.acquire()
        frozen.server.pause()
        with trio.fail_after(_LIMIT_S):
            shards = on(redis_cluster, store, frozen)
            flood = [ticket for _ in range(30) for _, _, ticket in opened(store, shards[:1])]
            assert Outcome.DROPPED in {ticket.outcome for ticket in flood}
            ((session, _, ticket),) = opened(store, on(redis_cluster, store, other)[:1])
            assert await ticket.wait() is Outcome.APPENDED
            assert shard_of(session) in store.leases.reached
            frozen.server.resume()

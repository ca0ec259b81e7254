"""The shards of a deployment over its live processes: joining, leaving, dying, and what a hand-over leaves."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import store_parts as parts
import trio
from attrs import define, field
from redis_server import RedisServer
from whole_system import until

from mix2api.events.log import Outcome
from mix2api.identity import shard_of
from mix2api.store.leases import LeaseChange
from mix2api.store.spread import Handed
from mix2api.store.store import Store
from mix2api.vocabulary import Shard

_SHARDS = 32
_LEASE_S = 60
"""So long that nothing runs out by itself in a test."""


@define(eq=False)
class Member:
    """One process of the deployment, as far as the store knows it."""

    store: Store
    changes: list[LeaseChange] = field(factory=list)
    handed: list[Handed] = field(factory=list)

    async def enter(self) -> None:
        await self.store.spread.enter(self.changes.append, self.handed.append)

    async def settle(self) -> None:
        await self.store.spread.settle(self.changes.append, self.handed.append)

    async def leave(self) -> None:
        await self.store.spread.leave(self.changes.append, self.handed.append)

    @property
    def held(self) -> frozenset[Shard]:
        return self.store.leases.held


@asynccontextmanager
async def members(redis: RedisServer, count: int, **options: Any) -> AsyncIterator[list[Member]]:
    async with AsyncExitStack() as stack:
        known = {"lease_s": _LEASE_S, "shards": _SHARDS, "role": "serve", **options}
        yield [
            Member(await stack.enter_async_context(parts.running_store(redis.url, **known)))
            for _ in range(count)
        ]


async def epochs(store: Store) -> dict[Shard, int]:
    owners = await store.leases.owners()
    return {shard: int(token.rpartition(":")[2]) for shard, token in owners.items() if token is not None}


async def test_the_first_process_has_all_and_a_second_gets_its_share_without_a_gap(
    redis_server: RedisServer,
) -> None:
    async with members(redis_server, 2) as (first, second):
        await first.enter()
        assert len(first.held) == _SHARDS
        await second.enter()
        assert second.held == frozenset(), "all are taken"
        before = await epochs(first.store)
        await first.settle()
        after = await epochs(first.store)
        assert after.keys() == before.keys(), "no shard is without an owner"
        (handed,) = first.handed
        assert handed.to == second.store.process
        assert first.changes[-1] == LeaseChange(lost=frozenset(handed.shards))
        assert {shard for shard in after if after[shard] > before[shard]} == set(handed.shards)
        assert all(after[shard] >= before[shard] for shard in after)
        await second.store.leases.acquire(handed.shards)
        assert second.held == frozenset(handed.shards)
        assert first.held | second.held == set(range(_SHARDS))
        await second.settle()
        assert second.changes == [], "its share is what it was given"


async def test_a_process_that_leaves_hands_everything_to_the_others(redis_server: RedisServer) -> None:
    async with members(redis_server, 3) as three:
        for _ in range(2):
            for member in three:
                await (member.settle() if member.store.heartbeat.facts.takes else member.enter())
        for member in three:
            await member.settle()
        assert sum(len(member.held) for member in three) == _SHARDS
        leaving, *staying = three
        was = leaving.held
        leaving.handed.clear()
        await leaving.leave()
        assert leaving.held == frozenset()
        assert {shard for handed in leaving.handed for shard in handed.shards} == was
        assert {handed.to for handed in leaving.handed} <= {member.store.process for member in staying}
        owners = await leaving.store.leases.owners()
        assert None not in owners.values()
        for member in staying:
            await member.settle()
            assert member.store.leases.held
        assert sum(len(member.held) for member in staying) == _SHARDS
        await leaving.settle()
        assert leaving.held == frozenset(), "it takes nothing back"


async def test_the_last_process_leaves_its_shards_to_whoever_comes(redis_server: RedisServer) -> None:
    async with members(redis_server, 2) as (first, second):
        await first.enter()
        await first.leave()
        assert first.handed == []
        assert set((await first.store.leases.owners()).values()) == {None}
        await second.enter()
        assert len(second.held) == _SHARDS


async def test_an_edge_and_a_process_that_has_not_started_get_nothing(redis_server: RedisServer) -> None:
    async with members(redis_server, 3) as (first, second, third):
        await second.store.heartbeat.beat()
        await third.store.heartbeat.beat()
        await first.enter()
        await first.settle()
        assert len(first.held) == _SHARDS


async def test_a_process_takes_shards_in_proportion_to_its_weight(redis_server: RedisServer) -> None:
    async with (
        members(redis_server, 1, shards=512, weight=30) as (heavy,),
        members(redis_server, 1, shards=512, weight=10) as (light,),
    ):
        await heavy.enter()
        await light.enter()
        await heavy.settle()
        await light.settle()
        assert 0.68 < len(heavy.held) / 512 < 0.82
        assert len(heavy.held) + len(light.held) == 512


async def test_a_process_of_the_version_before_is_left_what_it_takes(redis_server: RedisServer) -> None:
    """It says neither whether it takes shards nor its nonce, and takes every shard that is free."""
    async with members(redis_server, 2) as (first, older):
        keys, process = older.store.keys, older.store.process
        await first.enter()
        redis_server.command("HSET", keys.process(process), "schema_read", 1, "role", "serve", "weight", 100)
        redis_server.command("PEXPIRE", keys.process(process), 60_000)
        redis_server.command("SADD", keys.processes(), process)
        await first.settle()
        free = {shard for shard, owner in (await first.store.leases.owners()).items() if owner is None}
        assert free == set(range(_SHARDS)) - first.held
        assert free
        assert first.handed == [], "a message that it does not know would be no use"
        await older.store.leases.acquire()
        await first.settle()
        assert older.held == free


async def test_a_run_goes_on_where_it_runs_when_its_shard_is_handed_over(redis_server: RedisServer) -> None:
    async with members(redis_server, 2) as (first, second):
        await first.enter()
        sessions = [parts.new_session(Shard(number)) for number in range(_SHARDS)]
        runs = [parts.new_run() for _ in sessions]
        for session, run in zip(sessions, runs, strict=True):
            ticket = first.store.log.submit(parts.opening_append(session, run))
            assert await ticket.wait() is Outcome.APPENDED
        await second.enter()
        await first.settle()
        moved = next(number for number in range(_SHARDS) if Shard(number) not in first.held)
        session, run = sessions[moved], runs[moved]
        ticket = first.store.log.submit(parts.closing_append(session, run, 2))
        assert await ticket.wait() is Outcome.APPENDED, "the run is its own"
        ticket = first.store.log.submit(
            parts.opening_append(parts.new_session(Shard(moved)), parts.new_run())
        )
        assert await ticket.wait() is Outcome.FENCED, "the shard is not"
        await second.settle()
        ticket = second.store.log.submit(
            parts.opening_append(parts.new_session(shard_of(session)), parts.new_run())
        )
        assert await ticket.wait() is Outcome.APPENDED


async def test_two_deployments_on_one_server_never_meet(redis_server: RedisServer) -> None:
    async with members(redis_server, 1) as (one,), members(redis_server, 1, prefix="other") as (two,):
        for member in (one, two):
            await member.enter()
            await member.settle()
            assert len(member.held) == _SHARDS
            assert member.store.heartbeat.peers.takers() == []
        keys = redis_server.command("KEYS", "*")
        assert isinstance(keys, list)
        assert {key.partition(b":")[0] for key in keys} == {b"mix2api", b"other"}


async def test_the_shards_of_a_silent_process_are_taken_and_of_one_that_beats_are_not(
    redis_server: RedisServer,
) -> None:
    async with members(redis_server, 2, lease_s=0.3) as (first, second), trio.open_nursery() as nursery:
        await first.enter()
        with trio.fail_after(20):
            nursery.start_soon(first.store.heartbeat.keep)
            nursery.start_soon(first.store.spread.keep, first.changes.append, first.handed.append)
            await second.enter()
            await second.settle()
            nursery.start_soon(keep_until, second, lambda: len(second.held) >= 1)
            await until(all_told(lambda: 0 < len(second.held) < _SHARDS))
            # From here on the second says nothing: its leases run out, and its share goes back.
            await until(all_told(lambda: len(first.held) == _SHARDS))
            assert not await first.store.heartbeat.alive(second.store.process) or (
                first.store.heartbeat.peers.is_silent(second.store.process)
            )
        nursery.cancel_scope.cancel()


async def keep_until(member: Member, holds: Callable[[], bool]) -> None:
    """Beats and settles, as a living process does, until that holds."""
    while not holds():
        await member.store.heartbeat.beat()
        await member.settle()
        await trio.lowlevel.checkpoint()


def all_told(holds: Callable[[], bool]) -> Any:
    async def told() -> bool:
        await trio.lowlevel.checkpoint()
        return holds()

    return told

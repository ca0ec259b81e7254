"""The release log in Redis: one command at a time, and no content of its keys that stops the next one."""

import damages
import pytest
import store_parts as parts
import trio
from redis_server import RedisServer
from release.releases import ID, roll_back, start, step

from mix2api.release.release import ReleaseState, StepRefused
from mix2api.release.stages import Stage, Trigger
from mix2api.store.store import Store


async def at_5(store: Store) -> ReleaseState:
    return await store.release.apply(step(await store.release.apply(start())))


async def test_what_was_applied_is_read_again_with_its_history(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as other:
        assert await store.release.read() == ReleaseState()
        state = await at_5(store)
        assert await other.release.read() == state
        history = await other.release.history()
        assert [(event.number, event.trigger) for event in history] == [
            (1, Trigger.STARTED),
            (2, Trigger.WAIVED),
            (3, Trigger.STEPPED),
        ]
        keys = store.keys
        assert redis_server.command("PTTL", keys.release_state()) == -1, "what it says holds"
        left = redis_server.command("PTTL", keys.release_history())
        assert isinstance(left, int)
        assert left > 399 * 86_400_000


async def test_of_two_steps_at_once_one_is_taken_and_the_other_one_is_told(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as other:
        seen = await store.release.apply(start())
        refused: list[str] = []

        async def impatient(at: Store) -> None:
            try:
                await at.release.apply(step(seen))
            except StepRefused as fault:
                refused.append(str(fault))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(impatient, store)
            nursery.start_soon(impatient, other)
        assert (await store.release.read()).stage is Stage.AT_5
        assert len(refused) == 1
        assert "did nothing" in refused[0]
        assert len(await store.release.history()) == 3


async def test_a_rollback_that_races_with_a_step_wins(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as other:
        seen = await at_5(store)

        async def hasty() -> None:
            try:
                await store.release.apply(step(seen))
            except StepRefused as fault:
                assert "moved meanwhile" in str(fault)  # noqa: PT017 - either order is right

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hasty)
            nursery.start_soon(other.release.apply, roll_back())
        state = await other.release.read()
        assert (state.stage, state.release) == (Stage.ROLLED_BACK, ID)


@pytest.mark.parametrize("damage", damages.WHOLE)
async def test_a_damaged_state_counts_as_none_and_the_next_release_begins(
    redis_server: RedisServer, damage: str
) -> None:
    async with parts.running_store(redis_server.url) as store:
        await at_5(store)
        damages.put(redis_server, store.keys.release_state(), damages.WHOLE[damage])
        assert await store.release.read() == ReleaseState()
        await store.heartbeat.beat()
        assert store.heartbeat.release.division.percent == 0
        state = await store.release.apply(start("rel-2"))
        assert (state.release, (await store.release.read()).stage) == ("rel-2", Stage.AT_0)


async def test_a_damaged_history_gives_way_to_the_next_event(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await at_5(store)
        key = store.keys.release_history()
        for damage in (*damages.ENTRIES.values(), *damages.WHOLE.values()):
            damages.put(redis_server, key, damage)
            await store.release.history()
            state = await store.release.read()
            await store.release.apply(roll_back(state.release))
            await store.release.apply(start(f"rel-{state.number}"))
            assert [event.trigger for event in await store.release.history()][-2:] == [
                Trigger.STARTED,
                Trigger.WAIVED,
            ]
        assert store.damage.total

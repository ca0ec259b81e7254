"""What a person may say of a release, over a real store with the processes of two channels."""

from typing import Any

import pytest
from redis_server import RedisServer
from release.releases import roll_back, start, step
from release_members import BOTH, SHARDS, VERSION, members, settle

from mix2api.release.release import StepRefused
from mix2api.release.stages import Stage
from mix2api.store.release_actions import Obeyed, ReleaseAction, ReleaseOrder, obey
from mix2api.store.store import Store
from mix2api.vocabulary import Channel


async def said(store: Store, action: ReleaseAction, **fields: Any) -> Obeyed:
    return await obey(store, ReleaseOrder(action=action, who="ann", why="a test", **fields))


async def test_a_step_from_a_page_that_is_old_does_nothing(redis_server: RedisServer) -> None:
    async with members(redis_server, *BOTH) as (store, canary):
        begun = await said(store, ReleaseAction.START, version=VERSION, without_gate=True)
        seen = begun.state.number
        stepped = await said(store, ReleaseAction.STEP, seen=seen, without_guard=True)
        await settle(store, canary)
        with pytest.raises(StepRefused, match="the release moved meanwhile"):
            await said(store, ReleaseAction.STEP, seen=seen, without_guard=True)
        assert (stepped.state.stage, stepped.is_repeat) == (Stage.AT_5, False)
        assert await store.release.read() == stepped.state


async def test_a_rollback_and_a_lift_leave_a_release_alone_that_is_not_meant(
    redis_server: RedisServer,
) -> None:
    async with members(redis_server, *BOTH) as (store, _):
        begun = await said(store, ReleaseAction.START, version=VERSION, without_gate=True)
        other = await said(store, ReleaseAction.ROLLBACK, release="rel-ffffffffffff")
        assert (other.is_repeat, other.state) == (True, begun.state)
        held = await store.release.apply(roll_back(begun.state.release, quarantine=True))
        other = await said(store, ReleaseAction.LIFT, release="rel-ffffffffffff")
        assert (other.is_repeat, other.state) == (True, held)
        lifted = await said(store, ReleaseAction.LIFT, release=held.release)
        assert (lifted.is_repeat, lifted.state.stage) == (False, Stage.ROLLED_BACK)
        again = await said(store, ReleaseAction.ROLLBACK)
        assert (again.is_repeat, again.state) == (True, lifted.state)


async def test_the_next_candidate_gets_nothing_of_the_release_that_was_promoted(
    redis_server: RedisServer,
) -> None:
    newer = (Channel.CANARY, "2.1")
    async with members(redis_server, *BOTH, newer) as (stable, canary, candidate):
        state = await stable.release.apply(start(version=VERSION))
        for _ in range(4):
            state = await stable.release.apply(step(state))
        await stable.release.apply(step(state, promote=True))
        await settle(stable, canary, candidate)
        assert [len(one.leases.held) for one in (stable, canary, candidate)] == [0, SHARDS, 0]
        await canary.spread.leave(lambda _: None, lambda _: None)
        await canary.heartbeat.stop()
        await settle(stable, candidate)
        assert [len(one.leases.held) for one in (stable, canary, candidate)] == [SHARDS, 0, 0]
        assert candidate.heartbeat.release.division.percent == 0
        begun = await said(stable, ReleaseAction.START, version="2.1")
        assert (begun.state.stage, begun.state.version) == (Stage.PLANNED, "2.1")

"""The guard of a release over a real store: it judges the step that stands, beats, and rolls back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import store_parts as parts
from attrs import define
from audited_turns import AuditedTurns
from fake_new_api import fake_new_api
from redis_server import RedisServer
from refusal_entries import counted, refusal
from release.releases import roll_back, start, step
from stored_runs import stored

from mix2api.events.refusal_entry import RefusalCount, refusal_bytes
from mix2api.process.gateway_following import gateway_following
from mix2api.process.release_watching import BEAT_LIFE_MS, Look, ReleaseWatch, WatchedStep, points_at
from mix2api.release.guard import Policy
from mix2api.release.guard_beat import BEAT_TESTS, Decision
from mix2api.release.release import ReleaseState
from mix2api.release.stages import Stage
from mix2api.store.store import Store
from mix2api.vocabulary import Channel, EndReason, Shard

AGO_MS = 120_000


@define(eq=False)
class Watched:
    """A release of which the last step was two minutes ago, with a process of each channel."""

    store: Store
    redis: RedisServer
    turns: AuditedTurns

    def guard(self, name: str = "guard-1") -> ReleaseWatch:
        return ReleaseWatch(self.store, name)

    async def state(self) -> ReleaseState:
        return await self.store.release.read()


@asynccontextmanager
async def watched(redis: RedisServer, steps: int = 1, *, canary_lives: bool = True) -> AsyncIterator[Watched]:
    async with stored(redis.url) as store:
        began_ms = await store.audit.now_ms() - AGO_MS
        state = await store.release.apply(start(at_ms=began_ms))
        for _ in range(steps):
            state = await store.release.apply(step(state, at_ms=began_ms))
        turns = AuditedTurns(store, redis, began_ms + 1_000)
        if not canary_lives:
            yield Watched(store, redis, turns)
            return
        async with parts.running_store(
            redis.url, channel=Channel.CANARY, version="2.0", lease_s=60
        ) as canary:
            await canary.heartbeat.beat()
            yield Watched(store, redis, turns)


async def test_without_a_release_it_beats_and_waits(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        guard = ReleaseWatch(store, "guard-1")
        look = await guard.look()
        assert (look.decision, look.why, look.judgement) == (Decision.WAIT, "no release is under way", None)
        assert await guard.act(look)
        beat = await store.guard.read()
    assert beat is not None
    assert (beat.guard, beat.number, beat.decision) == ("guard-1", 0, Decision.WAIT)


async def test_its_heartbeat_lets_a_step_go_forward_and_names_the_step_that_it_judged(
    redis_server: RedisServer,
) -> None:
    async with watched(redis_server) as system:
        for _ in range(5):
            system.turns.turns(40, 0, 40, 0)
        guard, state = system.guard(), await system.state()
        look = await guard.look()
        assert look.decision is Decision.GO_ON
        assert "; at 20 % " in look.why
        assert await guard.act(look)
        beat = await system.store.guard.read()
        assert beat is not None
        assert look.judgement is not None
        assert beat.tests == look.judgement.tests[:BEAT_TESTS] != ()
        now_ms = await system.store.audit.now_ms()
        judged = step(state, at_ms=now_ms, without_guard=False, guard=beat)
        after = await system.store.release.apply(judged)
        assert (after.stage, (await system.state()).percent) == (Stage.AT_20, 20)
        newer = await guard.look()
        assert (newer.decision, newer.state.number) == (Decision.WAIT, after.number)


async def test_a_canary_that_is_worse_is_rolled_back_with_evidence_and_quarantined(
    redis_server: RedisServer,
) -> None:
    async with watched(redis_server) as system:
        for _ in range(4):
            system.turns.turns(40, 0, 4, 2)
        guard = system.guard()
        look = await guard.look()
        for process in look.processes:
            shown = {"MIX2API_CHANNEL": process.channel, "MIX2API_LEASE_S": "60"}
            await system.store.process_settings.keep(process.process, shown)
        assert await guard.act(look)
        state = await system.state()
        assert (state.stage, state.percent, state.who) == (Stage.QUARANTINED, 0, "guard guard-1")
        assert state.why == look.why
        kept = await system.store.evidence.load(state.evidence)
        assert kept is not None
        assert (kept.release, kept.candidate, kept.stable, kept.percent) == (state.release, "2.0", "1.9", 5)
        assert kept.channels["canary"].versions == ("2.0",)
        assert kept.settings_apart == {"MIX2API_CHANNEL": (("stable",), ("canary",))}
        assert kept.judgement == look.judgement
        after = await guard.look()
        assert (after.decision, after.judgement) == (Decision.WAIT, None)
        assert await guard.act(after)


async def test_of_two_guards_one_acts(redis_server: RedisServer) -> None:
    async with watched(redis_server) as system:
        sitting, other = system.guard(), system.guard("guard-2")
        assert await sitting.act(await sitting.look())
        for _ in range(4):
            system.turns.turns(40, 0, 4, 2)
        look = await other.look()
        assert look.decision is Decision.ROLL_BACK
        assert not await other.act(look)
        assert (await system.state()).stage is Stage.AT_5
        redis_server.command("DEL", system.store.keys.release_guard())  # as when its heartbeat runs out
        assert await other.act(look)
        assert (await system.state()).stage is Stage.QUARANTINED


async def test_a_rollback_that_was_interrupted_is_done_by_the_next_guard(redis_server: RedisServer) -> None:
    async with watched(redis_server) as system:
        for _ in range(4):
            system.turns.turns(40, 0, 4, 2)
        first = system.guard()
        look = await first.look()
        assert await first.act(look)
        assert await first.act(look), "once more does no harm"
        assert [event.trigger for event in await system.store.release.history()].count("quarantined") == 1


async def test_a_look_that_is_late_leaves_a_release_that_a_person_has_rolled_back(
    redis_server: RedisServer,
) -> None:
    async with watched(redis_server) as system:
        for _ in range(4):
            system.turns.turns(40, 0, 4, 2)
        guard = system.guard()
        look = await guard.look()
        await system.store.release.apply(roll_back())
        assert await guard.act(look)
        assert (await system.state()).stage is Stage.ROLLED_BACK


async def test_turns_of_older_sessions_count_and_those_that_were_asked_before_the_step_do_not(
    redis_server: RedisServer,
) -> None:
    async with watched(redis_server) as system:
        system.turns.turns(40, 20, 4, 0, at_ms=system.turns.at_ms - AGO_MS)
        for _ in range(4):
            system.turns.turns(40, 0, 4, 2, session_age_ms=AGO_MS + 60_000)
        look = await system.guard().look()
    assert look.judgement is not None
    success = next(test for test in look.judgement.tests if (test.scope, test.metric) == ("all", "success"))
    assert look.decision is Decision.ROLL_BACK
    assert (success.stable, success.stable_bad, success.canary, success.canary_bad) == (160, 0, 16, 8)


async def test_a_guard_that_watched_a_log_grow_and_one_that_reads_it_anew_agree(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        since_ms = await store.audit.now_ms() - AGO_MS
        turns = AuditedTurns(store, redis_server, since_ms + 1_000)
        grown, anew = (WatchedStep(store.audit, since_ms, Policy()) for _ in range(2))
        for _ in range(3):
            turns.turns(30, 1, 8, 1)
            await grown.advance(turns.at_ms)
        now_ms = await store.audit.now_ms()
        await grown.advance(now_ms)
        await anew.advance(now_ms)
    assert anew.judgement() == grown.judgement()
    assert (anew.judgement().tests[0].stable, anew.judgement().tests[0].canary) == (90, 24)


async def test_at_100_percent_stables_rate_of_before_the_step_is_what_is_left(
    redis_server: RedisServer,
) -> None:
    async with watched(redis_server, steps=4) as system:
        before = AuditedTurns(system.store, redis_server, system.turns.at_ms - 120_000)
        before.turns(150, 1, 0, 0, shard=2)
        for _ in range(8):
            system.turns.turns(0, 0, 60, 0)
        look = await system.guard().look()
    assert (look.state.percent, look.decision) == (100, Decision.GO_ON)


async def looked_for_half_a_minute(system: Watched, *, canary_lives: bool) -> Look:
    """The last of a guard's looks. In the middle one half a minute has passed."""
    guard = system.guard()
    await guard.look()
    assert guard._step is not None
    late_ms = await system.store.audit.now_ms() + 31_000
    guard._step.guard.stops.look(late_ms, canary_lives=canary_lives)
    return await guard.look()


@pytest.mark.parametrize("lives", [True, False])
async def test_a_canary_without_a_process_is_called_dead_after_half_a_minute(
    redis_server: RedisServer, *, lives: bool
) -> None:
    async with watched(redis_server, canary_lives=lives) as system:
        look = await looked_for_half_a_minute(system, canary_lives=lives)
    assert (look.decision is Decision.ROLL_BACK) == (not lives)


async def test_the_canary_processes_of_a_promoted_release_may_stop(redis_server: RedisServer) -> None:
    async with watched(redis_server, steps=4, canary_lives=False) as system:
        state = await system.state()
        await system.store.release.apply(step(state, at_ms=state.since_ms, promote=True))
        assert (await looked_for_half_a_minute(system, canary_lives=False)).decision is Decision.WAIT


async def test_a_step_that_stands_for_days_is_judged_anew_after_each(redis_server: RedisServer) -> None:
    async with watched(redis_server) as system:
        now_ms = await system.store.audit.now_ms()
        state = await system.store.release.apply(
            step(await system.state(), at_ms=now_ms - 3 * 86_400_000 - 60_000)
        )
        system.turns.at_ms = now_ms - 50_000
        system.turns.turns(5, 0, 3, 0)
        look = await system.guard().look()
    assert look.judgement is not None
    assert look.judgement.since_ms == state.since_ms + 3 * 86_400_000
    assert (look.judgement.tests[0].stable, look.judgement.tests[0].canary) == (5, 3)


def test_a_larger_share_has_to_rule_smaller_regressions_out() -> None:
    assert [points_at(percent) for percent in (0, 5, 20, 50, 100)] == [0.05, 0.05, 0.02, 0.01, 0.01]


def test_a_heartbeat_outlasts_three_looks() -> None:
    assert BEAT_LIFE_MS > 3 * 5_000


async def test_the_gateway_follows_a_rollback_and_the_guard_tries_again_until_it_does(
    redis_server: RedisServer,
) -> None:
    async with watched(redis_server, steps=2) as system, fake_new_api(keeps=False) as fake:
        system.turns.turns(60, 0, 40, 30)
        async with gateway_following(system.store, fake.settings) as gateway:
            guard = ReleaseWatch(system.store, "guard-1", gateway=gateway)
            assert await guard.act(await guard.look())
            assert (await system.state()).stage is Stage.QUARANTINED
            assert guard.gateway_news is not None
            assert "stand there" in guard.gateway_news.fault
            fake.keeps = True
            assert await guard.act(await guard.look())
            assert (guard.gateway_news.fault, fake.weights) == ("", ((100, 1), (0, 2)))


async def test_a_look_that_is_late_gives_the_gateway_the_weights_of_what_stands_by_then(
    redis_server: RedisServer,
) -> None:
    async with (
        watched(redis_server) as system,
        fake_new_api() as fake,
        gateway_following(system.store, fake.settings) as gateway,
    ):
        guard = ReleaseWatch(system.store, "guard-1", gateway=gateway)
        look = await guard.look()
        await system.store.release.apply(roll_back())
        assert await guard.act(look)
        assert (look.state.percent, fake.weights) == (5, ((100, 1), (0, 2)))


@pytest.mark.parametrize("who", ["edges", "workers"])
async def test_a_canary_that_refuses_by_its_own_fault_is_stopped_and_damage_is_counted(
    redis_server: RedisServer, who: str
) -> None:
    edge, worker = (Channel.CANARY, None) if who == "edges" else (Channel.STABLE, Channel.CANARY)
    async with stored(redis_server.url) as store:
        since_ms = await store.audit.now_ms() - 400_000
        key, step_of = store.keys.audit(Shard(1)), WatchedStep(store.audit, since_ms, Policy())
        for minute in range(5):
            at_ms = since_ms + 1_000 + 60_000 * minute
            one = refusal(
                channel=edge, worker_channel=worker, end_reason=EndReason.OVERLOADED, http_status=503
            )
            more = RefusalCount(
                at_ms=at_ms,
                end_reason=EndReason.OVERLOADED,
                detail=None,
                http_status=503,
                channel=edge,
                worker_channel=worker,
                by_client=(counted(6),),
            )
            redis_server.command(
                "XADD", key, f"{at_ms}-1", "k", "refusal", "i", "req-1", "a", refusal_bytes(one)
            )
            redis_server.command("XADD", key, f"{at_ms}-2", "k", "refusals", "a", refusal_bytes(more))
        redis_server.command("XADD", key, f"{at_ms}-3", "k", "refusal", "i", "req-1", "a", b"[]")
        redis_server.command("XADD", key, f"{at_ms}-4", "k", "refusals", "a", b"[]")
        await step_of.advance(await store.audit.now_ms())
        judged = step_of.judgement()
    assert judged.decision is Decision.ROLL_BACK
    assert f"the canary's {who} refused 28 of 28 requests by their own fault" in judged.why
    assert judged.unreadable == 2

"""The store is a Redis Cluster of three masters: what a request leaves there, and what one frozen master stops."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count

import pytest
from attrs import frozen
from cluster_servers import ClusterNode, RedisCluster
from real_process import real_process
from whole_system import RecordedRun, Shape, WholeSystem, defaults, until, whole_system
from wire_client import Answer, Conversation

from mix2api.identity import shard_of
from mix2api.store.keys import Keys

_LONG = "[[chunks:60]] [[pace:20]]"
_ENDLESS = "[[chunks:100000]] [[pace:10]]"
KEYS = Keys(is_clustered=True)


@frozen
class Begun:
    """A conversation of one turn."""

    prompt: str
    answer: str
    run: RecordedRun


@pytest.mark.parametrize("shape", Shape)
async def test_a_conversation_is_answered_and_its_log_can_be_read(
    shape: Shape, redis_cluster: RedisCluster
) -> None:
    async with whole_system(shape, redis_cluster.url(nodes=1)) as system:
        first = await system.client.ask("hello", stream=True)
        assert first.finish_reason() == "stop"
        history = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": first.text()},
            {"role": "user", "content": "and now?"},
        ]
        second = await system.client.ask("", messages=history, stream=True)
        assert second.finish_reason() == "stop"
        await system.check_log(runs=2)
        runs = await system.runs()
        assert len({run.session_id for run in runs}) == 1, "the second turn continued the first one's session"
        assert (await system.store.census.take()).unowned == ()


async def test_a_frozen_master_stops_its_own_shards_and_the_others_serve(redis_cluster: RedisCluster) -> None:
    """It is the one with the heartbeats: nobody hears of others meanwhile, and the leases are kept all the same."""
    silent = redis_cluster.master_of(KEYS.processes())
    async with whole_system(Shape.SERVE, redis_cluster.url()) as system:
        here: list[Begun] = []  # of a healthy shard, found on healthy masters
        away: list[Begun] = []  # of the silent master's shards, found on healthy masters
        for number in count():
            each = await begin(system, number)
            of_shard, *of_look_ups = masters_of(redis_cluster, each.run)
            if silent not in of_look_ups:
                (away if of_shard is silent else here).append(each)
            if len(here) > 1 and away:
                break
        async with system.client.asking(_LONG, stream=True, headers={"x-request-id": "long"}) as long:
            head = await long.head()
            silent.server.pause()
            check_refused(await go_on(system, away[0]))
            for each in here[:2]:
                assert (await go_on(system, each)).finish_reason() == "stop"
            await until(lambda: told_of(system, "store.away", silent))
            # The first turn still waits in its session, for it may have been written. The next does not wait behind it.
            check_refused(await go_on(system, away[0]))
            health = (await system.client.get("/health")).json()
            assert any(f":{silent.port}" in line for line in health["warnings"])
            assert (await system.client.get("/health/ready")).status == 200
            await long.rest(head)
        # Some leases have passed since. Fresh sessions begin on the shards that are served.
        for _ in range(4):
            assert (await system.client.ask("fresh", stream=True)).finish_reason() == "stop"
        silent.server.resume()
        await until(lambda: told_of(system, "store.back", silent))
        assert (await go_on(system, away[0])).finish_reason() == "stop"
        await until(lambda: nothing_is_open(system))
        await system.check_truth()


async def test_the_shards_and_the_run_of_a_killed_worker_are_taken_over(redis_cluster: RedisCluster) -> None:
    async with whole_system(Shape.SERVE, redis_cluster.url()) as system:
        begun = [await begin(system, number) for number in range(4)]
        settings = {**defaults(system.demo.url, redis_cluster.url()), "MIX2API_WEIGHT": "10000"}
        async with real_process("worker", settings) as worker:  # nearly all shards are its share
            await until(lambda: owns_any(system, begun))
            theirs = [each for each in begun if await owner_of(system, each) != system_process(system)]
            async with asking(system, theirs[0], _ENDLESS) as asked:
                head = await asked.head()
                await asked.read_until(lambda body: b"-00003" in body)
                await worker.kill()
                answer = await asked.rest(head)
        assert answer.chunks()[-1]["error"]["end_reason"] == "worker_lost"
        await until(lambda: all_owned(system))
        assert (await go_on(system, theirs[-1] if len(theirs) > 1 else begun[0])).finish_reason() == "stop"
        await until(lambda: nothing_is_open(system))
        await system.check_truth()


def system_process(system: WholeSystem) -> str:
    started = system.worker.started
    assert started is not None
    return started.process


async def owner_of(system: WholeSystem, begun: Begun) -> str | None:
    return await system.store.post.lease_owner(shard_of(begun.run.session_id))


async def owns_any(system: WholeSystem, begun: Sequence[Begun]) -> bool:
    """Whether the other process has a shard of these."""
    owners = {await owner_of(system, each) for each in begun}
    return bool(owners - {system_process(system), None})


async def all_owned(system: WholeSystem) -> bool:
    owners = await system.store.leases.owners()
    return {owner.split(":")[0] for owner in owners.values() if owner} == {
        system_process(system)
    } and None not in owners.values()


async def begin(system: WholeSystem, number: int) -> Begun:
    prompt, request_id = f"conversation {number}", f"begun-{number}"
    answer = await system.client.ask(prompt, stream=True, headers={"x-request-id": request_id})
    return Begun(prompt, answer.text(), await system.ended_run_of(request_id))


def asking(
    system: WholeSystem, begun: Begun, prompt: str = "and now?"
) -> AbstractAsyncContextManager[Conversation]:
    """The second turn of a conversation."""
    said = [("user", begun.prompt), ("assistant", begun.answer), ("user", prompt)]
    messages = [{"role": role, "content": content} for role, content in said]
    return system.client.asking("", messages=messages, stream=True)


async def go_on(system: WholeSystem, begun: Begun) -> Answer:
    """What the second turn is answered with."""
    async with asking(system, begun) as asked:
        return await asked.answer()


def masters_of(servers: RedisCluster, run: RecordedRun) -> list[ClusterNode]:
    """The masters that the next turn needs: its shard's first, then those of its look-ups."""
    keys = [KEYS.lease(shard_of(run.session_id)), *map(KEYS.lineage, run.end.waits_at)]
    return [servers.master_of(key) for key in keys]


def check_refused(answer: Answer) -> None:
    assert (answer.status, answer.error()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def told_of(system: WholeSystem, event: str, master: ClusterNode) -> bool:
    return any(line["master"].endswith(f":{master.port}") for line in system.log_lines(event))


async def nothing_is_open(system: WholeSystem) -> bool:
    return not (await system.audit())["open"]

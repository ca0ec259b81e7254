"""Each thing that can be wrong is put wrong, and found with what to fix."""

from cluster_servers import RedisCluster
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.process.checkup import look_at_processes, look_at_settings, look_at_store
from mix2api.process.findings import Finding, Grade, Part
from mix2api.settings import load_settings
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command
from mix2api.store.store import Store
from mix2api.vocabulary import Shard

_LEASE_S = 5.0


async def change(store: Store, *commands: Command) -> None:
    for reply in await store.links[0].execute(*commands):
        assert not isinstance(reply, Exception), reply


def only(found: list[Finding], part: Part) -> Finding:
    (finding,) = (one for one in found if one.part is part)
    return finding


def test_settings_without_effect_and_open_doors_are_warnings() -> None:
    found = list(look_at_settings(load_settings({"INBOUND_AUTH_MODE": "none"}, None)))
    assert {(one.grade, one.part) for one in found} == {(Grade.WARNING, Part.SETTINGS)}
    assert any("everybody is served" in one.says for one in found)
    closed = load_settings({"INBOUND_BEARER_TOKEN": "planted"}, None)
    (sound,) = look_at_settings(closed)
    assert sound.grade is Grade.OK


async def test_a_redis_without_append_only_file_is_a_problem(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await change(store, ("CONFIG", "SET", "appendonly", "no"))
        off = only(await look_at_store(store), Part.PERSISTENCE)
        assert off.grade is Grade.PROBLEM
        assert "set appendonly yes" in off.says
        await change(store, ("CONFIG", "SET", "appendonly", "yes"))
        assert only(await look_at_store(store), Part.PERSISTENCE).grade is Grade.OK
        await change(store, ("CONFIG", "SET", "appendonly", "no"))


async def test_a_redis_that_is_nearly_full_is_a_problem(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        assert only(await look_at_store(store), Part.MEMORY).grade is Grade.OK
        await change(store, ("CONFIG", "SET", "maxmemory", 1_000_000))
        full = only(await look_at_store(store), Part.MEMORY)
        await change(store, ("CONFIG", "SET", "maxmemory", 0))
        assert full.grade is Grade.PROBLEM
        assert "raise maxmemory" in full.says


async def test_a_sound_deployment_has_no_problem(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        (finding,) = await look_at_processes(store, _LEASE_S)
        assert finding.grade is Grade.OK
        await store.heartbeat.stop()
        await store.leases.release()
        (finding,) = await look_at_processes(store, _LEASE_S)
        assert (finding.grade, finding.part) == (Grade.WARNING, Part.PROCESSES)
        assert "no process lives" in finding.says


async def test_lost_shards_late_beats_wrong_clocks_and_damage_are_problems(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        key = store.keys.process(store.process)
        await store.leases.release()
        await change(
            store,
            ("HSET", key, "lease_ms", 100_000, "beat_ms", 1),
            ("PEXPIRE", key, 50_000),
            ("SADD", store.keys.processes(), "text"),
            ("SET", store.keys.process(store.process) + "x", "x"),
            ("SADD", store.keys.processes(), store.process + "x"),
        )
        found = await look_at_processes(store, _LEASE_S)
        assert {finding.grade for finding in found} == {Grade.PROBLEM}
        words = (
            f"{SHARDS} of {SHARDS} shards",
            "cannot be read",
            "has not beaten",
            "MIX2API_LEASE_S says 5000 ms here",
            "keep time by NTP",
        )
        assert len(found) == len(words)
        for word, finding in zip(words, found, strict=True):
            assert word in finding.says


async def test_every_master_of_a_cluster_is_looked_at(redis_cluster: RedisCluster) -> None:
    """One stops when another is away, as Redis does by default, and one is away itself."""
    stopping, silent = (
        redis_cluster.nodes[0],
        redis_cluster.master_of(Keys(is_clustered=True).lease(Shard(0))),
    )
    if stopping is silent:
        stopping = redis_cluster.nodes[1]
    async with stored(redis_cluster.url()) as store:
        found = await look_at_store(store)
        assert {finding.says.split(": ")[0] for finding in found} == {
            f"127.0.0.1:{node.port}" for node in redis_cluster.nodes
        }
        assert {finding.grade for finding in found if finding.part is Part.STORE} == {Grade.OK}
        stopping.command("CONFIG", "SET", "cluster-require-full-coverage", "yes")
        coverage = problems(await look_at_store(store))
        stopping.command("CONFIG", "SET", "cluster-require-full-coverage", "no")
        where = f"127.0.0.1:{stopping.port}"
        says = f"{where}: it stops when any other master is away: set cluster-require-full-coverage no"
        assert coverage == [says]
        silent.server.pause()
        assert f"127.0.0.1:{silent.port}: does not answer: start it, or look at its log" in problems(
            await look_at_store(store)
        )
        silent.server.resume()


def problems(found: list[Finding]) -> list[str]:
    """Of the store itself: a server of the tests has no append-only file."""
    return [one.says for one in found if one.grade is Grade.PROBLEM and one.part is Part.STORE]

"""Goes through all kinds of keys of a system that works, and damages each in every way."""

import io

import damages
from damaged_system import CODES, KEYS, DamagedSystem, damaged_system
from damages import ENTRIES, FIELDS, TOKENS, WHOLE, Damage, groups, put
from redis_server import RedisServer
from whole_system import Shape, until, whole_system

from mix2api.cli.explain import ExplainQuery, explain
from mix2api.cli.release import ReleaseQuery, release
from mix2api.cli.slo import SloQuery, slo
from mix2api.clock import SystemClock
from mix2api.projections.slo import STATE_VERSION
from mix2api.vocabulary import ProcessId, RequestId, Shard


async def damage_open(damaged: DamagedSystem) -> None:
    await damaged.damage_shards(KEYS.open, FIELDS)
    await damaged.damage_shards(KEYS.open, WHOLE, beside=False)


async def damage_audit(damaged: DamagedSystem) -> None:
    await damaged.damage_shards(KEYS.audit, ENTRIES)
    await damaged.damage_shards(KEYS.audit, WHOLE)


async def damage_inbox(damaged: DamagedSystem) -> None:
    await damaged.damage_shards(KEYS.inbox, ENTRIES)
    await damaged.damage_shards(KEYS.inbox, WHOLE)


async def damage_lease(damaged: DamagedSystem) -> None:
    await damaged.damage_shards(KEYS.lease, TOKENS | WHOLE)


async def damage_epoch(damaged: DamagedSystem) -> None:
    """An epoch is read when a lease is taken: each is made to be taken anew."""
    shards = [Shard(number) for number in range(damaged.shards)]
    for group in groups(damaged.some_of(WHOLE), len(shards)):
        for shard, damage in zip(shards, group.values(), strict=False):
            put(damaged.redis, KEYS.epoch(shard), damage)
            damaged.redis.command("DEL", KEYS.lease(shard))
        for shard in shards:
            await damaged.until_healed(KEYS.lease(shard))
        await damaged.use((await damaged.on_every_shard())[:2])


async def damage_ledger(damaged: DamagedSystem) -> None:
    for process in damaged.processes:
        await damaged.damage_shards(lambda shard, process=process: KEYS.ledger(shard, process), WHOLE)  # type: ignore[misc]


async def damage_log(damaged: DamagedSystem) -> None:
    await damaged.damage_talks(lambda talk: KEYS.log(talk.shard, talk.session), WHOLE | ENTRIES)


async def damage_snapshot(damaged: DamagedSystem) -> None:
    await damaged.damage_talks(lambda talk: KEYS.snapshot(talk.shard, talk.session), WHOLE)


async def damage_index(damaged: DamagedSystem) -> None:
    await damaged.damage_keys("mix2api:lineage:*", WHOLE)
    await damaged.damage_keys("mix2api:run:*", WHOLE)
    await damaged.damage_keys("mix2api:name:*", WHOLE, name="mine")


async def damage_processes(damaged: DamagedSystem) -> None:
    """Strangers' heartbeats of every kind; those of the living once, and with what lasts."""
    strangers = [ProcessId(f"p_stranger{place}") for place in range(len(WHOLE))]
    for stranger, damage in zip(strangers, WHOLE.values(), strict=True):
        put(damaged.redis, KEYS.process(stranger), damage)
    damaged.redis.command("SADD", KEYS.processes(), *strangers, b"\xff", "", "junk junk")
    for process in damaged.processes:
        put(damaged.redis, KEYS.process(process), damages.WHOLE["a word"])
    await damaged.use(await damaged.on_every_shard())
    for damage in damaged.some_of(WHOLE).values():
        for process in damaged.processes:
            put(damaged.redis, KEYS.process(process), (*damage, ("PEXPIRE", "KEY", 60_000)))
        put(damaged.redis, KEYS.processes(), damage)
        await damaged.use([await damaged.talk()])
    for process in damaged.processes:
        await until(lambda process=process: damaged.system.store.heartbeat.alive(process))  # type: ignore[misc]


async def damage_refusals(damaged: DamagedSystem) -> None:
    """The refusals of one request id each: they are told or not there, and the next refusal is written all the same."""
    store = damaged.system.store
    for place, damage in enumerate(damaged.some_of(WHOLE).values()):
        request = f"refused-{place}"
        key = KEYS.refusal(store.seal.digest(RequestId(request), "request_id"))
        await _refused(damaged, request)
        await until(lambda key=key: damaged.holds(lambda: damaged.redis.command("EXISTS", key) == 1))  # type: ignore[misc]
        put(damaged.redis, key, damage)
        query = ExplainQuery(word=request)
        assert await explain(store, query, io.StringIO(), SystemClock()) in CODES["explain"]
        await _refused(damaged, request)
        await (await damaged.talk()).go_on()
        damaged.redis.command("DEL", key)


async def _refused(damaged: DamagedSystem, request: str) -> None:
    headers = {"x-request-id": request}
    asked = damaged.system.client.request("POST", "/v1/chat/completions", b"{}", headers)
    async with asked as answer:
        assert (await answer.answer()).status == 400


async def damage_slo(damaged: DamagedSystem) -> None:
    """The kept fold: each look goes through, and leaves a sound one."""
    store = damaged.system.store
    for damage in damaged.some_of(WHOLE).values():
        put(damaged.redis, KEYS.slo(), damage)
        for _ in range(2):
            assert await slo(store, SloQuery(), io.StringIO()) in CODES["slo"]
        assert (await store.slo.load()).version == STATE_VERSION
        assert damaged.redis.command("TYPE", KEYS.slo()) == b"string"


async def damage_release(damaged: DamagedSystem) -> None:
    """What stands for the release is none, so nobody's share changes; the command says so, and its seat is free."""
    store = damaged.system.store
    keys = (KEYS.release_state(), KEYS.release_history(), KEYS.release_guard(), KEYS.release_gateway())
    for damage in damaged.some_of(WHOLE).values():
        for key in keys:
            put(damaged.redis, key, damage)
        await damaged.use([await damaged.talk()])
        for action in ("status", "history"):
            assert await release(store, ReleaseQuery(action=action), io.StringIO()) == 0
        assert (await store.release.read()).percent == 0
    # Processes look once in a third of a lease: a fast machine is done before.

    async def is_told() -> bool:
        return any(line["key_kind"] == "release" for line in damaged.system.log_lines("store.damage"))

    await until(is_told)
    damaged.redis.command("DEL", *keys)


async def damage_mail(damaged: DamagedSystem) -> None:
    """What is added, and what takes the place of mail that has been read: unread mail would be lost with it."""
    for damage in damaged.some_of(ENTRIES | WHOLE).values():
        for process in damaged.processes:
            await _put_into_read_mail(damaged.redis, KEYS.mail(process), damage)
        await (await damaged.talk()).go_on()


async def _put_into_read_mail(redis: RedisServer, key: str, damage: Damage) -> None:
    """Does the damage at a moment at which no mail waits; Redis itself sees to that."""
    parked = key.replace(":mail:", ":parked:")
    put(redis, parked, damage)
    script = """
    local kind = redis.call('TYPE', KEYS[1]).ok
    if kind == 'stream' and redis.call('XLEN', KEYS[1]) > 0 then return 0 end
    redis.call('DEL', KEYS[1])
    if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) end
    return 1"""

    async def done() -> bool:
        return redis.command("EVAL", script, 2, key, parked) == 1

    await until(done)


EVERY_KIND = (
    damage_open,
    damage_audit,
    damage_inbox,
    damage_lease,
    damage_epoch,
    damage_ledger,
    damage_log,
    damage_snapshot,
    damage_index,
    damage_processes,
    damage_mail,
    damage_refusals,
    damage_slo,
    damage_release,
)

_COLD = {"MIX2API_ACTOR_IDLE_MAX": "0", "MIX2API_CHUNK_WINDOW_MS": "5"}
"""No session rests in memory: every turn reads what is stored."""
_TOLD = {"open", "lease", "audit", "epoch", "process", "processes", "lineage", "name", "mail", "release"}
"""Kinds of keys that processes read. A damaged log or snapshot is a `schema_fallback`; `run` is read by commands alone."""


async def damage_everything(shape: Shape, redis: RedisServer, *, every: int, limit_s: float) -> None:
    """Goes through all kinds of keys; no process ends, no stream beside is lost, no line tells of a fault.

    Args:
        shape: of the system.
        redis: its store.
        every: one damage in so many.
        limit_s: of the whole.
    """
    async with whole_system(shape, redis.url, limit_s=limit_s, **_COLD) as system:
        ids = [ProcessId(each.started.process) for each in system.processes if each.started is not None]
        found_by_commands = set[str]()
        system.store.damage.on_damage = lambda damage: found_by_commands.add(damage.key_kind)
        async with damaged_system(system, redis, ids, every=every) as damaged:
            await damaged.damage_all(EVERY_KIND)
            talk = await damaged.talk()
            await talk.go_on()
            assert talk.resolution.startswith("continued"), talk.resolution
        assert not any(process.ended.is_set() for process in system.processes)
        assert system.log_lines("adapter.fault") == []
        told = {line["key_kind"] for line in system.log_lines("store.damage")}
        assert told >= _TOLD | ({"inbox"} if shape is Shape.APART else set())
        assert {line["session"] for line in system.log_lines("schema_fallback")} - {None}
        assert found_by_commands >= {"run", "audit"}

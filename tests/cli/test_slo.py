"""`mix2api slo`, over a real store."""

import io
import json
from typing import Any

from redis_server import RedisServer
from session_scripts import accept, chunk, conclude, good_run
from stored_runs import new_session, store_script, stored

from mix2api.cli.slo import SloQuery, slo
from mix2api.clock import SystemClock
from mix2api.events.log import GivenEnding
from mix2api.identity import Mint
from mix2api.store.store import Store
from mix2api.vocabulary import Channel, ChunkKind, EndReason, Receipt, RequestId


async def good(store: Store, shard: int = 1, **fields: Any) -> None:
    run, session = Mint(store.seal, SystemClock()).run_id(), new_session(store, shard)
    await store_script(store, session, good_run(run, **fields))
    store.log.receipt(GivenEnding(session, run, RequestId("req-1"), Receipt.WRITTEN, EndReason.STOP))
    assert await store.log.writer.drain(5)


async def bad(store: Store) -> None:
    run, session = Mint(store.seal, SystemClock()).run_id(), new_session(store)
    script = [
        accept(run),
        chunk(ChunkKind.OPEN, run),
        chunk(ChunkKind.ERROR, run, cause=EndReason.TIMEOUT, detail="idle"),
        conclude(run),
    ]
    await store_script(store, session, script)
    store.log.receipt(GivenEnding(session, run, RequestId("req-1"), Receipt.ERROR_WRITTEN, EndReason.TIMEOUT))
    assert await store.log.writer.drain(5)


async def judged(store: Store, **query: Any) -> tuple[int, str]:
    out = io.StringIO()
    code = await slo(store, SloQuery(**query), out)
    return code, out.getvalue()


async def test_without_traffic_it_cannot_say(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        code, text = await judged(store)
    assert code == 4
    assert "verdict: nothing" in text


async def test_levels_that_are_met_give_0_and_a_breach_gives_1(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await good(store)
        met, text = await judged(store)
        await bad(store)
        breached, later = await judged(store)
    assert (met, breached) == (0, 1)
    assert ["all", "success", "100.00%", "99.0%", "1/1", "0.0", "0.0", "ok"] in [
        line.split() for line in text.splitlines()
    ]
    assert ["all", "success", "50.00%", "99.0%", "1/2", "50.0", "50.0", "breach"] in [
        line.split() for line in later.splitlines()
    ]
    assert "one channel alone had traffic" in text


async def test_too_little_traffic_on_two_channels_gives_4(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await good(store)
        await good(store, channel=Channel.CANARY)
        code, text = await judged(store)
        alone, _ = await judged(store, channel=Channel.CANARY)
    assert (code, alone) == (4, 4)
    assert "too little traffic to say" in text


async def test_the_json_form_has_every_level(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await good(store)
        _, text = await judged(store, as_json=True)
    document = json.loads(text)
    assert document["verdict"] == "ok"
    assert {level["client"] for level in document["levels"]} == {"all", "opencode"}
    assert {level["name"] for level in document["levels"]} >= {"success", "done", "attribution"}


async def test_a_second_look_reads_only_what_is_new_and_says_the_same_as_a_first_one(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        for _ in range(3):
            await good(store)
        await judged(store)
        await bad(store)
        seen = 0
        kept = await store.slo.load()
        async for batch in store.audit.read_on(0, kept.reached):
            seen += len(batch)
        _, warm = await judged(store, as_json=True)
        redis_server.command("DEL", store.keys.slo())
        _, cold = await judged(store, as_json=True)
    assert seen == 2
    assert warm == cold


async def test_a_kept_fold_that_is_damaged_costs_one_long_look(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await good(store)
        _, before = await judged(store, as_json=True)
        for damage in (("SET", store.keys.slo(), "damaged"), ("RPUSH", store.keys.slo(), "a")):
            redis_server.command("DEL", store.keys.slo())
            redis_server.command(*damage)
            _, after = await judged(store, as_json=True)
            assert after == before


async def test_the_kept_fold_is_sealed_and_expires_with_the_entries(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await good(store)
        await judged(store)
        kept = redis_server.command("GET", store.keys.slo())
        left_ms = redis_server.command("PTTL", store.keys.slo())
    assert isinstance(kept, bytes)
    assert b"opencode" not in kept
    assert isinstance(left_ms, int)
    assert 0 < left_ms <= 90_000_000

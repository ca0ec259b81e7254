"""The evidence of rollbacks in Redis."""

import damages
import pytest
import store_parts as parts
from msgspec.structs import replace
from redis_server import RedisServer
from release.test_evidence import EVIDENCE

from mix2api.store.release_evidence import LIFE_MS


async def test_it_is_read_as_it_was_kept_and_expires(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        assert await store.evidence.load("ev-1") is None
        await store.evidence.keep(EVIDENCE)
        assert await store.evidence.load(EVIDENCE.id) == EVIDENCE
        left_ms = redis_server.command("PTTL", store.keys.release_evidence(EVIDENCE.id))
        assert isinstance(left_ms, int)
        assert LIFE_MS - 60_000 < left_ms <= LIFE_MS
        assert store.damage.total == 0


@pytest.mark.parametrize("damage", damages.WHOLE)
async def test_what_no_guard_wrote_is_no_evidence_and_gives_way_to_some(
    redis_server: RedisServer, damage: str
) -> None:
    async with parts.running_store(redis_server.url) as store:
        damages.put(redis_server, store.keys.release_evidence(EVIDENCE.id), damages.WHOLE[damage])
        assert await store.evidence.load(EVIDENCE.id) is None
        await store.evidence.keep(EVIDENCE)
        assert await store.evidence.load(EVIDENCE.id) == EVIDENCE


async def test_a_newer_version_s_evidence_is_none_that_can_be_read(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.evidence.keep(replace(EVIDENCE, version=2))
        assert await store.evidence.load(EVIDENCE.id) is None
        assert store.damage.total == 1

"""Transcripts of client sessions: the same contract in Redis and in memory; in Redis sealed, with an expiry, and damage tells."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
import pytest
from damages import VALUES, WHOLE, Damage, put
from redis_server import RedisServer
from stored_runs import stored

from mix2api.sessions.transcripts import Said, Transcript, Transcripts, Unkept
from mix2api.upstreams.opencode.memory_transcripts import MemoryTranscripts
from mix2api.vocabulary import Digest

LINE = Digest("ab")
TRANSCRIPT = Transcript(said=(Said("user", "a planted word"), Said("assistant", "another")))
KEPT = msgspec.json.encode(TRANSCRIPT)
Making = Callable[[RedisServer], AbstractAsyncContextManager[Transcripts]]


@asynccontextmanager
async def in_redis(redis_server: RedisServer) -> AsyncIterator[Transcripts]:
    async with stored(redis_server.url) as store:
        yield store.transcripts


@asynccontextmanager
async def in_memory(_: RedisServer) -> AsyncIterator[Transcripts]:
    yield MemoryTranscripts()


@pytest.mark.parametrize("making", [in_redis, in_memory])
async def test_a_line_has_the_transcript_that_was_kept_last(
    making: Making, redis_server: RedisServer
) -> None:
    async with making(redis_server) as transcripts:
        assert await transcripts.find(LINE) is None
        await transcripts.keep(LINE, msgspec.json.encode(Transcript(unkept=Unkept.FULL)), 60)
        assert await transcripts.find(LINE) == Transcript(unkept=Unkept.FULL)
        await transcripts.keep(LINE, KEPT, 60)
        assert await transcripts.find(LINE) == TRANSCRIPT
        assert await transcripts.find(Digest("cd")) is None


async def test_a_transcript_is_sealed_and_expires(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.transcripts.keep(LINE, KEPT, 60)
        key = store.keys.transcript(store.seal.digest(LINE, "transcript"))
        left_s = redis_server.command("TTL", key)
        assert isinstance(left_s, int)
        assert 0 < left_s <= 60
        assert b"planted" not in redis_server.command("DUMP", key)  # type: ignore[operator]


async def test_a_damaged_transcript_counts_as_words_that_are_lost_and_gives_way(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        key = store.keys.transcript(store.seal.digest(LINE, "transcript"))
        strings: dict[str, Damage] = {name: (("SET", "KEY", value),) for name, value in VALUES.items()}
        for damage in (WHOLE | strings).values():
            put(redis_server, key, damage)
            assert await store.transcripts.find(LINE) == Transcript(unkept=Unkept.DAMAGED), damage
            await store.transcripts.keep(LINE, KEPT, 60)
            assert await store.transcripts.find(LINE) == TRANSCRIPT
        assert store.damage.total

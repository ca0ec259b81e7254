"""The vault in Redis: what rests there is sealed, what is damaged counts as absent, what was lost is had again."""

from pathlib import Path

import pytest
import store_parts as parts
from redis_server import RedisServer

from mix2api.errors import StoreUnavailable
from mix2api.vault import Granted, Held, Kept, Paused
from mix2api.vocabulary import Digest

NAME = Digest("c" * 32)
LIFE_MS = 60_000


async def test_a_value_rests_sealed_and_with_expiry(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        right = await store.vault.claim(NAME, None, LIFE_MS)
        assert isinstance(right, Granted)
        assert await store.vault.publish(NAME, right.generation, b"planted-token", LIFE_MS)
        value = store.keys.vault(NAME)[0]
        assert b"planted" not in b"".join(redis_server.command("HVALS", value))  # type: ignore[arg-type]
        assert 0 < redis_server.command("PTTL", value) <= LIFE_MS  # type: ignore[operator]


async def test_what_does_not_open_counts_as_absent(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        value = store.keys.vault(NAME)[0]
        redis_server.command("HSET", value, "g", "p_else:9", "d", "rubbish")
        assert isinstance(await store.vault.claim(NAME, None, LIFE_MS), Granted)


async def test_a_value_moved_to_another_credential_does_not_open(redis_server: RedisServer) -> None:
    other = Digest("d" * 32)
    async with parts.running_store(redis_server.url) as store:
        right = await store.vault.claim(NAME, None, LIFE_MS)
        assert isinstance(right, Granted)
        await store.vault.publish(NAME, right.generation, b"value", LIFE_MS)
        redis_server.command("COPY", store.keys.vault(NAME)[0], store.keys.vault(other)[0])
        assert isinstance(await store.vault.claim(NAME, None, LIFE_MS), Kept)
        assert isinstance(await store.vault.claim(other, None, LIFE_MS), Granted)


async def test_a_right_whose_reply_was_lost_is_granted_anew_to_the_same_process(
    redis_server: RedisServer,
) -> None:
    async with (
        parts.running_store(redis_server.url) as one,
        parts.running_store(redis_server.url) as two,
    ):
        first = await one.vault.claim(NAME, None, LIFE_MS)
        second = await one.vault.claim(NAME, None, LIFE_MS)
        assert isinstance(first, Granted)
        assert isinstance(second, Granted)
        assert first.generation != second.generation
        assert isinstance(await two.vault.claim(NAME, None, LIFE_MS), Held)
        assert not await one.vault.publish(NAME, first.generation, b"old", LIFE_MS)


async def test_a_value_of_another_type_counts_as_absent(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        redis_server.command("SET", store.keys.vault(NAME)[0], "no hash")
        right = await store.vault.claim(NAME, None, LIFE_MS)
        assert isinstance(right, Granted)
        assert await store.vault.publish(NAME, right.generation, b"value", LIFE_MS)


async def test_a_store_that_refuses_to_answer_is_away(tmp_path: Path) -> None:
    full = RedisServer(tmp_path, arguments=("--maxmemory", "1"))
    full.start()
    async with parts.running_store(full.url) as store:
        with pytest.raises(StoreUnavailable):
            await store.vault.claim(NAME, None, LIFE_MS)
    full.stop()


async def test_after_a_flush_everything_is_had_anew_under_another_generation(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url) as store:
        right = await store.vault.claim(NAME, None, LIFE_MS)
        assert isinstance(right, Granted)
        await store.vault.publish(NAME, right.generation, b"value", LIFE_MS)
        redis_server.command("FLUSHALL")
        again = await store.vault.claim(NAME, right.generation, LIFE_MS)
        assert isinstance(again, Granted)
        assert again.generation != right.generation, "or the new value would be taken for the spent one"


_FOREIGN = {
    "a string": ("SET", "KEY", "junk"),
    "a string that expires": ("SET", "KEY", "junk", "PX", "60000"),
    "bytes that expire": ("SET", "KEY", b"\xff\x00", "PX", "60000"),
    "a number below zero": ("SET", "KEY", "-7"),
    "the greatest number": ("SET", "KEY", "9223372036854775807"),
    "a number without end": ("SET", "KEY", "1e400"),
    "a life of ages": ("SET", "KEY", "junk", "PX", "99999999999"),
    "a list": ("RPUSH", "KEY", "junk"),
    "a set": ("SADD", "KEY", "junk"),
    "a hash": ("HSET", "KEY", "a", "b"),
    "a hash of half": ("HSET", "KEY", "g", b"\xff"),
    "a hash of bytes": ("HSET", "KEY", "g", b"\xff", "d", b"\xff"),
    "a stream": ("XADD", "KEY", "*", "a", "b"),
    "a stream at its end": ("XADD", "KEY", "18446744073709551615-18446744073709551615", "a", "b"),
}


@pytest.mark.parametrize("kind", _FOREIGN)
@pytest.mark.parametrize("part", ["value", "lock", "fence", "pause", "failures", "news"])
async def test_damage_in_any_key_of_a_credential_costs_a_pause_at_most(
    redis_server: RedisServer, part: str, kind: str
) -> None:
    async with parts.running_store(redis_server.url) as store:
        keys = dict(
            zip(["value", "lock", "fence", "pause", "failures", "news"], store.keys.vault(NAME), strict=True)
        )
        command = [keys[part] if word == "KEY" else word for word in _FOREIGN[kind]]
        redis_server.command(*command)
        claim = await store.vault.claim(NAME, None, LIFE_MS)
        if isinstance(claim, Held | Paused):
            assert 0 < claim.left_ms <= LIFE_MS
            redis_server.command("DEL", keys[part])
            claim = await store.vault.claim(NAME, None, LIFE_MS)
        assert isinstance(claim, Granted)
        assert claim.failures == 0
        redis_server.command("DEL", keys[part])
        redis_server.command(*command)
        if await store.vault.publish(NAME, claim.generation, b"value", LIFE_MS):
            assert await store.vault.claim(NAME, None, LIFE_MS) == Kept(claim.generation, b"value")
        again = await store.vault.claim(NAME, claim.generation, LIFE_MS)
        assert isinstance(again, Granted | Held | Paused)
        redis_server.command("DEL", keys[part])
        redis_server.command(*command)
        await store.vault.fail(NAME, claim.generation, "status", 10)
        await store.vault.release(NAME, claim.generation)
        await store.vault.wait_news(NAME, Held(1, "0-0"))

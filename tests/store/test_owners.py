"""Owners of responses in Redis and in memory: found by their caller alone, for as long as the setting says."""

import store_parts as parts
from redis_server import RedisServer

from mix2api.accounts.owners import Owner, Owners
from mix2api.store.memory import MemoryOwners
from mix2api.vocabulary import Digest

ALICE, BOB = Digest("a" * 32), Digest("b" * 32)
OWNER = Owner("team-1", "openai/gpt 5")


async def promises(owners: Owners) -> None:
    await owners.note(ALICE, ["resp_1", "sealed"], OWNER)
    await owners.note(ALICE, [], OWNER)
    await owners.note(ALICE, ["resp_2"], Owner("", "m"))
    assert await owners.find(ALICE, ["resp_1", "other", "sealed", "resp_2"]) == [
        OWNER,
        None,
        OWNER,
        Owner("", "m"),
    ]
    assert await owners.find(BOB, ["resp_1"]) == [None]
    assert await owners.find(ALICE, []) == []


async def test_the_fake_keeps_the_promises() -> None:
    await promises(MemoryOwners())


async def test_an_owner_is_found_by_its_caller_alone(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await promises(store.owners(60))


def keys(server: RedisServer) -> list[bytes]:
    found = server.command("KEYS", "*:owner:*")
    assert isinstance(found, list)
    return found


async def test_a_key_has_a_life_of_its_own_and_tells_nothing(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.owners(60).note(ALICE, ["resp_planted"], Owner("acct", "model-planted"))
        (key,) = keys(redis_server)
        left, value = redis_server.command("TTL", key), redis_server.command("GET", key)
        assert isinstance(left, int)
        assert isinstance(value, bytes)
        assert 0 < left <= 60
        assert b"planted" not in key + value


async def test_damage_counts_as_a_thing_that_nobody_knows(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        owners = store.owners(60)
        await owners.note(ALICE, ["resp_1", "resp_2"], OWNER)
        one, other = keys(redis_server)
        redis_server.command("SET", one, b"\xff")
        redis_server.command("DEL", other)
        redis_server.command("RPUSH", other, "x")
        assert await owners.find(ALICE, ["resp_1", "resp_2"]) == [None, None]

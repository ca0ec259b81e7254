"""Every kind of damage in Redis, and then a chat: a fresh session that answers, one `schema_fallback`, never an error."""

import json
from collections.abc import Callable

import msgspec
import pytest
import trio
from damages import LAST_ID
from histories import Given, user
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis_server import RedisServer
from stored_conversations import SHARD, Conversations, Said, conversations

from mix2api.actors.environment import SNAPSHOT_EVERY
from mix2api.store.keys import Keys
from mix2api.vocabulary import SessionId

KEYS = Keys()
FALLBACK = ("fresh", "schema_fallback")

Damage = Callable[[RedisServer, str], None]
"""What is done to a key."""


class Entry(msgspec.Struct):
    """Of a log, as it stands in Redis."""

    position: bytes
    k: bytes
    v: bytes
    d: bytes


def log_of(session: SessionId) -> str:
    return KEYS.log(SHARD, session)


def snapshot_of(session: SessionId) -> str:
    return KEYS.snapshot(SHARD, session)


def entries(redis: RedisServer, key: str) -> list[Entry]:
    raw = redis.command("XRANGE", key, "-", "+")
    assert isinstance(raw, list)
    return [Entry(position, *fields[1::2]) for position, fields in raw]


def rewrite(redis: RedisServer, key: str, log: list[Entry]) -> None:
    """Puts other bytes in a log's place, entry by entry."""
    redis.command("DEL", key)
    for entry in log:
        redis.command("XADD", key, entry.position, "k", entry.k, "v", entry.v, "d", entry.d)


def changing(place: int, **parts: bytes) -> Damage:
    """Puts other parts into one entry of a log."""

    def damage(redis: RedisServer, key: str) -> None:
        log = entries(redis, key)
        log[place] = msgspec.structs.replace(log[place], **parts)
        rewrite(redis, key, log)

    return damage


def truncated(redis: RedisServer, key: str) -> None:
    log = entries(redis, key)
    rewrite(redis, key, [*log[:-1], msgspec.structs.replace(log[-1], d=log[-1].d[:-7])])


def without(place: int) -> Damage:
    def damage(redis: RedisServer, key: str) -> None:
        log = entries(redis, key)
        del log[place]
        rewrite(redis, key, log)

    return damage


def foreign_ids(redis: RedisServer, key: str) -> None:
    """The upstream's ids as another deployment would have sealed them."""
    log = entries(redis, key)
    for entry in log:
        fields = json.loads(entry.d)
        if "upstream_session" in fields:
            entry.d = json.dumps(fields | {"upstream_session": "c2VhbGVkIGVsc2V3aGVyZQ"}).encode()
    rewrite(redis, key, log)


def replaced(*command: str | bytes) -> Damage:
    """Puts something else in the key's place; the command's `KEY` is the key."""

    def damage(redis: RedisServer, key: str) -> None:
        redis.command("DEL", key)
        redis.command(*(key if part == "KEY" else part for part in command))

    return damage


OTHER_TYPES = {
    "a string": replaced("SET", "KEY", "mine"),
    "a hash": replaced("HSET", "KEY", "a", "b"),
    "a list": replaced("RPUSH", "KEY", "a"),
    "a set": replaced("SADD", "KEY", "a"),
}
A_STREAM = replaced("XADD", "KEY", "*", "a", "b")
LOG_DAMAGE: dict[str, Damage] = {
    **OTHER_TYPES,
    "a newer version": changing(-1, v=b"99"),
    "a newer version further up": changing(1, v=b"2"),
    "a version before the first": changing(0, v=b"0"),
    "a version that is no number": changing(0, v=b"one"),
    "an unknown kind": changing(0, k=b"omen"),
    "JSON that ends too early": truncated,
    "no JSON": changing(2, d=b"\xff\x00"),
    "JSON of another form": changing(2, d=b"[]"),
    "a field of another type": changing(1, d=b'{"run_id":1}'),
    "nothing in an entry": changing(1, k=b"", v=b"", d=b""),
    "foreign fields": A_STREAM,
    "foreign entries behind": lambda redis, key: redis.command("XADD", key, "*", "a", "b") and None,
    "an event that is too long": lambda redis, key: (
        redis.command("XADD", key, "*", "k", "end", "v", "1", "d", b" " * (1 << 20) + b"{}") and None
    ),
    "the last possible id": lambda redis, key: redis.command("XADD", key, LAST_ID, "a", "b") and None,
    "a hole": without(1),
    "no beginning": without(0),
    "an event twice": lambda redis, key: rewrite(
        redis, key, [*(log := entries(redis, key)), msgspec.structs.replace(log[-1], position=b"*")]
    ),
    "ids that another deployment sealed": foreign_ids,
}
SNAPSHOT_DAMAGE: dict[str, Damage] = {
    **{name: damage for name, damage in OTHER_TYPES.items() if name != "a string"},
    "a stream": A_STREAM,
    "nothing": replaced("SET", "KEY", ""),
    "too much": replaced("SET", "KEY", b"1-0 " + b" " * (1 << 23)),
    "no position": replaced("SET", "KEY", '{"v":1,"state":{}}'),
    "no JSON": replaced("SET", "KEY", "1-0 {"),
    "a newer version": replaced("SET", "KEY", '1-0 {"v":99,"state":{}}'),
    "another form": replaced("SET", "KEY", '1-0 {"v":1,"state":[]}'),
    "a field of another type": replaced("SET", "KEY", '1-0 {"v":1,"state":{"turns":"8"}}'),
    "an unknown stage": replaced("SET", "KEY", '1-0 {"v":1,"state":{"stage":"odd"}}'),
}
LINEAGE_DAMAGE: dict[str, Damage] = {
    **{name: damage for name, damage in OTHER_TYPES.items() if name != "a list"},
    "a stream": A_STREAM,
    "a word": replaced("RPUSH", "KEY", "mine"),
    "bytes": replaced("RPUSH", "KEY", b"\xff\xfe"),
    "an id that we did not issue": replaced(
        "RPUSH", "KEY", "ses_0007abcdefghijklmnopqrstuv_0123456789abcdef"
    ),
}
NAME_DAMAGE: dict[str, Damage] = {
    **{name: damage for name, damage in OTHER_TYPES.items() if name != "a string"},
    "a stream": A_STREAM,
    "a word": replaced("SET", "KEY", "mine"),
    "bytes": replaced("SET", "KEY", b"\xff\xfe"),
}


async def chat_on(talk: Conversations, said: Said, *before: Given) -> tuple[Said, list[Given]]:
    """The next turn of a conversation; gives its history too."""
    history = [*before, said.message(), user("and then?")]
    return await talk.chat(*history), history


async def check_miss(talk: Conversations, said: Said, *before: Given) -> None:
    """The next turn is answered on a fresh session, which then is continued as any other."""
    fresh, history = await chat_on(talk, said, *before)
    assert (fresh.resolution, fresh.reason) == FALLBACK
    assert fresh.session_id != said.session_id
    assert len(talk.fallbacks) == 1
    assert len(talk.site.calls[-1].messages) == len(history)
    after, _ = await chat_on(talk, fresh, *history)
    assert (after.resolution, after.session_id) == ("continued", fresh.session_id)


@pytest.mark.parametrize("kind", LOG_DAMAGE)
async def test_a_damaged_log_is_a_miss(redis_server: RedisServer, kind: str) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user())
        LOG_DAMAGE[kind](redis_server, log_of(said.session_id))
        await check_miss(talk, said, user())
        assert talk.fallbacks == [said.session_id]


@pytest.mark.parametrize("kind", SNAPSHOT_DAMAGE)
async def test_a_damaged_snapshot_is_a_miss(redis_server: RedisServer, kind: str) -> None:
    async with conversations(redis_server.url) as talk:
        history = [user()]
        said = await talk.chat(user())
        for _ in range(SNAPSHOT_EVERY - 1):
            before = history
            said, history = await chat_on(talk, said, *before)
        assert redis_server.command("EXISTS", snapshot_of(said.session_id)) == 1
        SNAPSHOT_DAMAGE[kind](redis_server, snapshot_of(said.session_id))
        await check_miss(talk, said, *history)
        assert talk.fallbacks == [said.session_id]


@pytest.mark.parametrize("kind", LINEAGE_DAMAGE)
async def test_a_damaged_lineage_entry_is_a_miss(redis_server: RedisServer, kind: str) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user())
        (key,) = _keys(redis_server, "mix2api:lineage:*")
        LINEAGE_DAMAGE[kind](redis_server, key)
        await check_miss(talk, said, user())


@pytest.mark.parametrize("kind", NAME_DAMAGE)
async def test_a_damaged_name_is_a_miss_and_leads_somewhere_again(
    redis_server: RedisServer, kind: str
) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user(), session="mine")
        (key,) = _keys(redis_server, "mix2api:name:*")
        NAME_DAMAGE[kind](redis_server, key)
        fresh = await talk.chat(user(), session="mine")
        assert (fresh.resolution, fresh.reason) == FALLBACK
        assert fresh.session_id != said.session_id
        again = await talk.chat(user(), session="mine")
        assert (again.reason, again.session_id) == ("named", fresh.session_id)
        assert talk.fallbacks == [None]


async def test_a_name_that_leads_to_a_damaged_session_leads_to_the_fresh_one(
    redis_server: RedisServer,
) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user(), session="mine")
        truncated(redis_server, log_of(said.session_id))
        fresh = await talk.chat(user(), session="mine")
        again = await talk.chat(user(), session="mine")
        assert (fresh.resolution, fresh.reason) == FALLBACK
        assert (again.reason, again.session_id) == ("named", fresh.session_id)


@pytest.mark.parametrize("kind", OTHER_TYPES)
async def test_what_stands_in_the_log_s_place_gives_way_to_a_session_that_is_in_memory(
    redis_server: RedisServer, kind: str
) -> None:
    async with conversations(redis_server.url) as talk:
        async with talk.working() as dispatch:
            said = await talk.say(dispatch, user())
            OTHER_TYPES[kind](redis_server, log_of(said.session_id))
            history = [user(), said.message(), user("two")]
            after = await talk.say(dispatch, *history)
            assert (after.resolution, after.session_id) == ("continued", said.session_id)
        await check_miss(talk, after, *history)


async def test_a_log_emptied_at_the_last_possible_id_goes_on(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user())
        redis_server.command("XADD", log_of(said.session_id), LAST_ID, "a", "b")
        redis_server.command("XDEL", log_of(said.session_id), LAST_ID)
        after, history = await chat_on(talk, said, user())
        assert (after.resolution, after.session_id) == ("continued", said.session_id)
        assert talk.fallbacks == []
        again, _ = await chat_on(talk, after, *history)
        assert (again.resolution, again.session_id) == ("continued", said.session_id)


async def test_fields_that_nobody_knows_are_passed_over(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user())
        log = entries(redis_server, log_of(said.session_id))
        for entry in log:
            entry.d = json.dumps(json.loads(entry.d) | {"of_tomorrow": [1]}).encode()
        rewrite(redis_server, log_of(said.session_id), log)
        after, _ = await chat_on(talk, said, user())
        assert (after.resolution, after.session_id, talk.fallbacks) == ("continued", said.session_id, [])


async def test_a_log_that_is_another_session_s_is_not_taken_for_this_one(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        mine = await talk.chat(user("mine"))
        yours = await talk.chat(user("yours"))
        redis_server.command("RENAME", log_of(yours.session_id), log_of(mine.session_id))
        after, _ = await chat_on(talk, mine, user("mine"))
        assert (after.resolution, after.reason) == ("fresh", "moved_on")


async def test_a_log_that_is_gone_is_a_session_that_expired(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        said = await talk.chat(user())
        redis_server.command("DEL", log_of(said.session_id))
        after, _ = await chat_on(talk, said, user())
        assert (after.resolution, after.reason) == ("fresh", "expired")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 6), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@example(3, 0.6, 0)
def test_any_flipped_bit_in_a_log_is_answered(
    redis_server: RedisServer, number: int, where: float, bit: int
) -> None:
    async def chat_after_flip() -> None:
        async with conversations(redis_server.url) as talk:
            said = await talk.chat(user())
            log = entries(redis_server, log_of(said.session_id))
            entry = log[number % len(log)]
            data = bytearray(entry.d)
            data[int(where * len(data))] ^= 1 << bit
            entry.d = bytes(data)
            rewrite(redis_server, log_of(said.session_id), log)
            after, history = await chat_on(talk, said, user())
            # A bit may turn into another reading (a count, a time, a field that nobody knows): then the session goes
            # on with what it still has. What counts: the site gets the rest of its own session, or everything.
            call = talk.site.calls[-1]
            assert call.session in {None, "site-1"}
            assert len(call.messages) == (len(history) if call.session is None else 1)
            if call.session is not None:
                assert (after.resolution, after.session_id) == ("continued", said.session_id)

    redis_server.command("FLUSHALL")
    trio.run(chat_after_flip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_in_a_snapshot_s_place_are_answered(redis_server: RedisServer, data: bytes) -> None:
    async def chat_after() -> None:
        async with conversations(redis_server.url) as talk:
            said = await talk.chat(user())
            redis_server.command("SET", snapshot_of(said.session_id), data)
            after, _ = await chat_on(talk, said, user())
            assert (after.resolution, after.reason) == FALLBACK

    redis_server.command("FLUSHALL")
    trio.run(chat_after)


def _keys(redis: RedisServer, pattern: str) -> list[str]:
    found = redis.command("KEYS", pattern)
    assert isinstance(found, list)
    return [key.decode() for key in found]

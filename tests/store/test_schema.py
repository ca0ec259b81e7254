"""Two versions of the code over one Redis: expand, then switch; each reads the other's log, and a miss is no error."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import frozen
from histories import Given, user
from redis_server import RedisServer
from schemas import TODAY, TOMORROW
from stored_conversations import SHARD, Conversations, Said, conversations

from mix2api.actors.environment import SNAPSHOT_EVERY
from mix2api.events.kinds import End
from mix2api.events.versions import Schema
from mix2api.store.schema import WrittenSchema
from mix2api.vocabulary import ProcessId, SessionId


def versions(talk: Conversations, redis: RedisServer, session: SessionId) -> list[bytes]:
    """In which versions the entries of a session's log are written."""
    entries = redis.command("XRANGE", talk.store.keys.log(SHARD, session), "-", "+")
    assert isinstance(entries, list)
    return [fields[3] for _, fields in entries]


@asynccontextmanager
async def living(redis: RedisServer, schema: Schema) -> AsyncIterator[Conversations]:
    """A process that shows a heartbeat, and owns the shard until it ends."""
    async with conversations(redis.url, schema=schema) as talk:
        await talk.store.heartbeat.beat()
        yield talk
        await talk.store.heartbeat.stop()
        await talk.store.leases.release()


@frozen
class Talk:
    """A conversation that goes from process to process."""

    history: tuple[Given, ...] = (user("one"),)

    async def on(self, process: Conversations) -> "tuple[Said, Talk]":
        said = await process.chat(*self.history)
        return said, Talk((*self.history, said.message(), user("and then?")))


def test_until_others_are_heard_of_the_newest_version_is_written() -> None:
    written = WrittenSchema(TOMORROW)
    assert (written.version, written.is_newest) == (2, True)
    written.hear((1, 2))
    assert (written.version, written.is_newest) == (1, False)
    written.hear(())
    assert written.is_newest


async def test_what_today_wrote_is_continued_tomorrow(redis_server: RedisServer) -> None:
    async with living(redis_server, TODAY) as today:
        first, talk = await Talk().on(today)
        before = [event async for event in _ends(today, first.session_id)]
    async with living(redis_server, TOMORROW) as tomorrow:
        second, _ = await talk.on(tomorrow)
        assert (second.resolution, second.session_id) == ("continued", first.session_id)
        assert versions(tomorrow, redis_server, first.session_id)[-1] == b"2"
        (end, _) = [event async for event in _ends(tomorrow, first.session_id)]
        assert end.total_ms == 2 * before[0].total_ms
        assert not tomorrow.fallbacks


async def test_what_tomorrow_writes_is_continued_by_today_while_today_lives(
    redis_server: RedisServer,
) -> None:
    async with living(redis_server, TOMORROW) as tomorrow:
        await beside(redis_server, tomorrow, reads=TODAY.version)
        first, talk = await Talk().on(tomorrow)
        assert set(versions(tomorrow, redis_server, first.session_id)) == {b"1"}
    async with living(redis_server, TODAY) as today:
        second, talk = await talk.on(today)
        assert (second.resolution, second.session_id) == ("continued", first.session_id)
        assert not today.fallbacks
    async with living(redis_server, TOMORROW) as tomorrow:
        third, _ = await talk.on(tomorrow)
        assert (third.resolution, third.session_id) == ("continued", first.session_id)
        assert not tomorrow.fallbacks


async def test_what_tomorrow_wrote_for_itself_is_a_miss_today_and_no_error(redis_server: RedisServer) -> None:
    async with living(redis_server, TOMORROW) as tomorrow:
        first, talk = await Talk().on(tomorrow)
        assert set(versions(tomorrow, redis_server, first.session_id)) == {b"2"}
    async with living(redis_server, TODAY) as today:
        second, talk = await talk.on(today)
        assert (second.resolution, second.reason) == ("fresh", "schema_fallback")
        assert today.fallbacks == [first.session_id]
        third, _ = await talk.on(today)
        assert (third.resolution, third.session_id) == ("continued", second.session_id)


async def test_the_switch_is_made_when_the_last_older_process_is_gone_and_undone_when_one_comes_back(
    redis_server: RedisServer,
) -> None:
    async with living(redis_server, TOMORROW) as tomorrow:
        heartbeat = tomorrow.store.heartbeat
        older = await beside(redis_server, tomorrow, reads=1)
        assert heartbeat.facts.schema_written == 1
        first, _ = await Talk().on(tomorrow)
        redis_server.command("DEL", tomorrow.store.keys.process(older))
        await heartbeat.beat()
        assert heartbeat.facts.schema_written == 2
        second, _ = await Talk().on(tomorrow)
        await beside(redis_server, tomorrow, reads=1)
        third, _ = await Talk().on(tomorrow)
        written = [versions(tomorrow, redis_server, said.session_id)[-1] for said in (first, second, third)]
        assert written == [b"1", b"2", b"1"]


async def test_processes_that_read_more_than_we_do_hold_nobody_back(redis_server: RedisServer) -> None:
    async with living(redis_server, TODAY) as today:
        await beside(redis_server, today, reads=7)
        assert today.store.heartbeat.facts.schema_written == TODAY.version
        said, _ = await Talk().on(today)
        assert set(versions(today, redis_server, said.session_id)) == {b"1"}


async def test_processes_that_are_gone_are_forgotten(redis_server: RedisServer) -> None:
    async with living(redis_server, TODAY) as today:
        known = today.store.keys.processes()
        redis_server.command("SADD", known, "p_gone")
        await today.store.heartbeat.beat()
        assert redis_server.command("SMEMBERS", known) == [today.store.process.encode()]
    assert redis_server.command("EXISTS", known) == 0


@pytest.mark.parametrize("damage", ["a set", "a heartbeat", "a version"])
async def test_damage_holds_nobody_back(redis_server: RedisServer, damage: str) -> None:
    async with living(redis_server, TODAY) as today:
        keys = today.store.keys
        other = ProcessId("p_other")
        if damage == "a set":
            redis_server.command("SET", keys.processes(), "mine")
        else:
            redis_server.command("SADD", keys.processes(), other, b"\xff")
            redis_server.command(
                *(
                    ("SET", keys.process(other), "mine")
                    if damage == "a heartbeat"
                    else ("HSET", keys.process(other), "schema_read", "new")
                )
            )
        await today.store.heartbeat.beat()
        assert today.store.heartbeat.facts.schema_written == TODAY.version
        await today.store.heartbeat.beat()
        assert await today.store.heartbeat.alive(today.store.process)
        assert today.store.process.encode() in redis_server.command("SMEMBERS", keys.processes())  # type: ignore[operator]


@pytest.mark.parametrize("reads", [1, 2])
async def test_folded_states_are_left_out_while_an_older_version_reads_the_log(
    redis_server: RedisServer, reads: int
) -> None:
    async with living(redis_server, TOMORROW) as tomorrow:
        await beside(redis_server, tomorrow, reads=reads)
        talk = Talk()
        for _ in range(SNAPSHOT_EVERY + 1):
            said, talk = await talk.on(tomorrow)
        snapshot = tomorrow.store.keys.snapshot(SHARD, said.session_id)
        assert redis_server.command("EXISTS", snapshot) == (reads == TOMORROW.version)
        assert len(tomorrow.site.calls[-1].messages) == 1


async def beside(redis: RedisServer, talk: Conversations, *, reads: int) -> ProcessId:
    """Another process shows a heartbeat of that version, and ours hears of it."""
    other = ProcessId(f"p_reads_{reads}")
    redis.command("HSET", talk.store.keys.process(other), "schema_read", reads)
    redis.command("PEXPIRE", talk.store.keys.process(other), 60_000)
    redis.command("SADD", talk.store.keys.processes(), other)
    await talk.store.heartbeat.beat()
    return other


async def _ends(talk: Conversations, session: SessionId) -> AsyncIterator[End]:
    async for recorded in talk.store.log.records(session):
        if isinstance(recorded.event, End):
            yield recorded.event

"""The sessions of a window, as they were written: what the replay gate reads anew."""

from damages import WHOLE, put
from redis_server import RedisServer
from session_scripts import events_of, good_run
from stored_runs import new_session, store_run, stored

from mix2api.clock import SystemClock
from mix2api.identity import Mint, shard_of
from mix2api.release.differences import differences
from mix2api.release.recorded_session import RecordedSession
from mix2api.store.store import Store
from mix2api.vocabulary import SessionId

_DAY_MS = 86_400_000


async def good(store: Store, shard: int = 1) -> SessionId:
    session = new_session(store, shard)
    await store_run(store, session, events_of(good_run(Mint(store.seal, SystemClock()).run_id())))
    return session


async def read(store: Store, most: int = 100) -> list[RecordedSession]:
    return [session async for session in store.recorded.of_window(_DAY_MS, most)]


async def test_a_session_is_given_with_its_log_and_audit_entries(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session_id = await good(store)
        (session,) = await read(store)
        assert session.session == session_id
        kinds = [entry.kind for entry in session.entries]
        assert (kinds[:2], kinds[-1]) == (["session", "request"], "end")
        assert (len(session.runs), session.snapshot, session.covered) == (1, None, 0)
        assert not session.is_trimmed
        assert differences(session) == []


async def test_a_snapshot_says_how_much_of_the_log_it_covers(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session_id = await good(store)
        shard = shard_of(session_id)
        ((_, _), (second, _), *_) = redis_server.command(  # type: ignore[misc]
            "XRANGE", store.keys.log(shard, session_id), "-", "+"
        )
        redis_server.command("SET", store.keys.snapshot(shard, session_id), second + b' {"v":1,"state":{}}')
        (session,) = await read(store)
        assert (session.snapshot, session.covered) == ('{"v":1,"state":{}}', 2)
        redis_server.command("XTRIM", store.keys.log(shard, session_id), "MAXLEN", 2)
        (trimmed,) = await read(store)
        assert trimmed.is_trimmed
        redis_server.command("SET", store.keys.snapshot(shard, session_id), "junk {}")
        (session,) = await read(store)
        assert session.covered == 0


async def test_of_each_shard_the_newest_sessions_are_read_and_the_others_counted(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        sessions = [await good(store, shard) for shard in (1, 1, 1, 2)]
        assert {one.session for one in await read(store, most=4)} == set(sessions[2:])
        assert store.recorded.left_out == 2


async def test_logs_that_are_gone_or_damaged_are_left_out_and_counted(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        first, second, third = [await good(store) for _ in range(3)]
        redis_server.command("DEL", store.keys.log(shard_of(first), first))
        put(redis_server, store.keys.log(shard_of(second), second), WHOLE["a word"])
        assert [one.session for one in await read(store)] == [third]
        assert store.recorded.left_out == 2

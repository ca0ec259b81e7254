"""`mix2api replay`, over a real store."""

import io
import json

import pytest
import trio
from msgspec.structs import replace
from redis_server import RedisServer
from session_scripts import RUN, accept, chunk, conclude, events_of, good_run
from stored_runs import append_raw, new_session, store_run, store_script, stored

from mix2api.cli.replay import ReplayQuery, replay
from mix2api.clock import SystemClock
from mix2api.events.kinds import End
from mix2api.identity import Mint, shard_of
from mix2api.store.store import Store
from mix2api.vocabulary import ChunkKind, EndReason, RequestId, RunId

CLOCK = SystemClock()


def new_run(store: Store) -> RunId:
    return Mint(store.seal, CLOCK).run_id()


async def replayed(store: Store, word: str, *, as_json: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = await replay(store, ReplayQuery(word=word, as_json=as_json), out, CLOCK)
    return code, out.getvalue()


async def test_a_session_is_shown_event_by_event_with_its_stages_and_verdict(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, good_run())
        code, text = await replayed(store, session)
    lines = text.splitlines()
    assert code == 0
    assert lines[0] == f"session {session}"
    assert lines[1].split() == ["+ms", "event", "run", "seq", "stage", "flags", "facts"]
    assert "session opened" in lines[2]
    assert "request_id=req-1" in lines[3]
    assert "upstream_session=sealed" in text
    assert lines[-1] == f"{RUN}: recomputed stop: as recorded"


async def test_the_json_form_has_the_same_rows(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, good_run())
        code, text = await replayed(store, session, as_json=True)
    document = json.loads(text)
    assert code == 0
    assert (document["session"], document["run"], document["differences"]) == (session, None, 0)
    assert [row["stage"] for row in document["rows"]] == [
        "waiting",
        "accepted",
        "called",
        "started",
        "streaming",
        "streaming",
        "concluding",
        "waiting",
    ]
    assert document["rows"][-1]["verdict"]["recomputed"]["end_reason"] == "stop"


async def test_a_run_id_shows_that_run_alone(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        first, second = new_run(store), new_run(store)
        events = events_of([*good_run(first), *good_run(second)])
        border = next(place for place, event in enumerate(events) if isinstance(event, End)) + 1
        await store_run(store, session, events[:border])
        await store_run(store, session, events[border:])
        code, text = await replayed(store, second, as_json=True)
    rows = json.loads(text)["rows"]
    assert code == 0
    assert {row["run_id"] for row in rows} == {None, second}
    assert rows[1]["stage"] == "accepted"


async def test_an_open_run_is_found_too(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session, run = new_session(store), new_run(store)
        await store_script(store, session, [accept(run), chunk(ChunkKind.OPEN, run)])
        code, text = await replayed(store, run)
    assert code == 0
    assert "upstream_chunk open" in text


async def test_of_several_runs_with_one_request_id_the_newest_is_shown_and_the_others_named(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        runs = [new_run(store) for _ in range(3)]
        sessions = [new_session(store) for _ in runs]
        for run, session in zip(runs, sessions, strict=True):
            await store_script(store, session, good_run(run, request_id=RequestId("same")))
        code, text = await replayed(store, "same")
    assert code == 0
    assert text.startswith(f"session {sessions[-1]}\n3 runs have this request id")
    assert f"mix2api replay {runs[0]}\n  mix2api replay {runs[1]}\n" in text
    assert f"{runs[-1]}: recomputed stop" in text


async def test_what_is_not_known_gives_3(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for word in ("nobody", "run_", "run_zzzzzzzzzzzz", "run_018bcfe568000123", new_session(store)):
            code, text = await replayed(store, word)
            assert code == 3
            assert "nothing is known" in text


async def test_a_recorded_verdict_that_the_events_do_not_give_is_told_and_gives_1(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        *events, end = events_of(good_run())
        assert isinstance(end, End)
        lie = replace(end, end_reason=EndReason.TIMEOUT, detail="idle", finish_reason=None)
        await store_run(store, session, [*events, lie])
        code, text = await replayed(store, session)
    assert code == 1
    assert f"{RUN}: recomputed stop: DIFFERS from the recorded timeout/idle" in text


async def test_lost_events_are_shown_and_the_verdict_called_what_it_is(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, [accept(), chunk(ChunkKind.OPEN)])
        gap = b'{"word":"gap","why":"spool","count":3,"run_id":"%s"}' % RUN.encode()
        await append_raw(store, session, "session", "1", gap)
        end = b'{"run_id":"%s","seq":6,"end_reason":"stop","http_status":200,"total_ms":9}' % RUN.encode()
        await append_raw(store, session, "end", "1", end)
        code, text = await replayed(store, session)
    assert code == 0
    assert "gapped" in text
    assert "events are lost; recorded is stop" in text


async def test_an_unreadable_entry_is_shown_and_gives_1(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, good_run())
        await append_raw(store, session, "end", "99", b"{}")
        code, text = await replayed(store, session)
    assert code == 1
    (row,) = [line for line in text.splitlines() if "unreadable" in line]
    assert row.split()[1:] == ["newer", "waiting", "unreadable"]


async def test_what_follows_an_unreadable_entry_is_read_on(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session, again = new_session(store), new_run(store)
        events = events_of([*good_run(), *good_run(again)])
        border = next(place for place, event in enumerate(events) if isinstance(event, End)) + 1
        await store_run(store, session, events[:border])
        for _ in range(2):
            await append_raw(store, session, "request", "1", b"{")
        await store_run(store, session, events[border:])
        code, text = await replayed(store, session, as_json=True)
    rows = json.loads(text)["rows"]
    assert code == 1
    assert [row["event"] for row in rows if row["flags"]] == ["damaged", "damaged"]
    assert rows[-1]["verdict"]["recomputed"]["end_reason"] == "stop"


@pytest.mark.parametrize("follow", [True, False])
async def test_a_log_that_is_none_is_shown_as_damaged_and_gives_1(
    redis_server: RedisServer, *, follow: bool
) -> None:
    async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
        session = new_session(store)
        redis_server.command("SET", store.keys.log(shard_of(session), session), "junk")
        if follow:
            out = Paper()
            query = ReplayQuery(word=session, follow=True, poll_s=0.01)
            nursery.start_soon(replay, store, query, out, CLOCK)
            await out.wait_for("unreadable")
            nursery.cancel_scope.cancel()
            return
        code, text = await replayed(store, session)
    assert code == 1
    (row,) = [line for line in text.splitlines() if "unreadable" in line]
    assert "damaged" in row


async def test_no_other_session_is_read(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        mine, other = new_session(store), new_session(store)
        await store_script(store, mine, good_run())
        await store_script(store, other, good_run(new_run(store)))
        redis_server.command("SLOWLOG", "RESET")
        redis_server.command("CONFIG", "SET", "slowlog-log-slower-than", 0)
        await replayed(store, mine)
        redis_server.command("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
        seen = repr(redis_server.command("SLOWLOG", "GET", 1000))
    assert mine in seen
    assert other not in seen


async def test_following_prints_what_is_there_and_what_comes(redis_server: RedisServer) -> None:
    for as_json in (False, True):
        redis_server.command("FLUSHALL")
        async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
            session, out = new_session(store), Paper()
            await store_script(store, session, [accept()])
            query = ReplayQuery(word=session, follow=True, as_json=as_json, poll_s=0.01)
            nursery.start_soon(replay, store, query, out, CLOCK)
            await out.wait_for("request")
            rest = events_of([accept(), chunk(ChunkKind.OPEN)])[-1:]
            await store_run(store, session, rest)
            await out.wait_for("upstream_chunk open")
            nursery.cancel_scope.cancel()


class Paper(io.StringIO):
    """A text to which somebody writes and for whose words somebody else waits."""

    def __init__(self) -> None:
        super().__init__()
        self._written = trio.Event()

    def write(self, text: str, /) -> int:
        self._written.set()
        return super().write(text)

    async def wait_for(self, word: str) -> None:
        while word not in self.getvalue():
            self._written = trio.Event()
            await self._written.wait()


async def test_following_shows_verdicts_as_they_come(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
        session, out = new_session(store), Paper()
        await store_script(store, session, good_run())
        await append_raw(store, session, "end", "99", b"{}")
        nursery.start_soon(replay, store, ReplayQuery(word=session, follow=True, poll_s=0.01), out, CLOCK)
        await out.wait_for("recomputed stop: as recorded")
        await out.wait_for("unreadable")
        nursery.cancel_scope.cancel()


async def test_an_aborted_run_shows_whose_doing_it_was(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        script = [
            accept(),
            chunk(ChunkKind.OPEN),
            chunk(ChunkKind.CAUSE, cause=EndReason.CLIENT_ABORT, detail="hung_up"),
            conclude(),
        ]
        await store_script(store, session, script)
        code, text = await replayed(store, session)
    assert code == 0
    assert "recomputed client_abort/hung_up: as recorded" in text

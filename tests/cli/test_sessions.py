"""`mix2api sessions`, over a real store."""

import argparse
import io
import json

import pytest
from msgspec.structs import replace
from redis_server import RedisServer
from session_scripts import accept, chunk, conclude, good_run, stop
from stored_runs import append_raw, new_session, store_script, stored

from mix2api.cli.sessions import SessionsQuery, add_parser, list_sessions, run, show_session
from mix2api.clock import SystemClock
from mix2api.errors import ConfigurationError
from mix2api.identity import Mint
from mix2api.settings import load_settings
from mix2api.store.store import Store
from mix2api.vocabulary import ChunkKind, Digest, RunId

CLOCK = SystemClock()
QUERY = SessionsQuery(window_ms=3_600_000)
JSON = SessionsQuery(window_ms=3_600_000, as_json=True)


def new_run(store: Store) -> RunId:
    return Mint(store.seal, CLOCK).run_id()


async def listed(store: Store, query: SessionsQuery) -> str:
    out = io.StringIO()
    assert await list_sessions(store, query, out, CLOCK) == 0
    return out.getvalue()


async def shown(store: Store, word: str, query: SessionsQuery) -> tuple[int, str]:
    out = io.StringIO()
    return await show_session(store, word, query, out, CLOCK), out.getvalue()


async def test_the_list_has_state_turns_and_last_end_of_each(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        waiting, running, retired, damaged, expired = (new_session(store) for _ in range(5))
        good, aborted = new_run(store), new_run(store)
        await store_script(store, waiting, good_run(good))
        await store_script(store, running, [accept(new_run(store), at_ms=CLOCK.now_ms())])
        abort = [accept(aborted), chunk(ChunkKind.OPEN, aborted), stop(run=aborted), conclude(aborted)]
        await store_script(store, retired, abort)
        await store_script(store, damaged, good_run(new_run(store)))
        await append_raw(store, damaged, "end", "99", b"{}")
        await store_script(store, expired, good_run(new_run(store)))
        redis_server.command("DEL", store.keys.log(1, expired))
        rows = {each["session"]: each for each in json.loads(await listed(store, JSON))["sessions"]}
        table = await listed(store, QUERY)
    said = {name: (row["state"], row["turns"], row["last_end_reason"]) for name, row in rows.items()}
    assert said == {
        waiting: ("waiting", 1, "stop"),
        running: ("accepted", 0, None),
        retired: ("retired", 1, "client_abort"),
        damaged: ("unreadable", None, None),
        expired: ("expired", 0, None),
    }
    assert all(0 <= row["idle_ms"] <= row["age_ms"] for row in rows.values())
    assert table.splitlines()[0].split() == [
        "session",
        "state",
        "opened",
        "age",
        "idle",
        "turns",
        "last",
        "end_reason",
    ]
    assert len(table.splitlines()) == 6


async def test_the_list_is_cut_at_its_limit_and_says_so(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for _ in range(3):
            await store_script(store, new_session(store), good_run(new_run(store)))
        text = await listed(store, SessionsQuery(window_ms=3_600_000, limit=1))
    assert text.splitlines()[-1] == "2 more: see --limit"


async def test_one_session_is_shown_with_what_it_holds_but_no_ids_of_the_upstream(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        session, run = new_session(store), new_run(store)
        await store_script(store, session, good_run(run))
        code, text = await shown(store, session, JSON)
        by_run, table = await shown(store, run, QUERY)
    facts = json.loads(text)
    assert (code, by_run) == (0, 0)
    assert (facts["session"], facts["state"], facts["turns"], facts["ended_runs"]) == (
        session,
        "waiting",
        1,
        [run],
    )
    assert (facts["upstream_session"], facts["run"]) == ("sealed", None)
    rows = [line.split() for line in table.splitlines()]
    assert all(row in rows for row in (["ended_runs", run], ["waits_at", "none"], ["isolation", "none"]))


async def test_a_session_is_shown_with_its_fingerprints(redis_server: RedisServer) -> None:
    isolation, realm, at = (Digest(letter * 32) for letter in "abc")
    async with stored(redis_server.url) as store:
        session, run = new_session(store), new_run(store)
        began_ms = CLOCK.now_ms() - 60_000
        said = {"isolation": isolation, "realm": realm, "resolution_reason": "named"}
        *commands, concluding = good_run(run, at_ms=began_ms, **said)
        await store_script(store, session, [*commands, replace(concluding, waits_at=(at,))])
        _, text = await shown(store, session, JSON)
    facts = json.loads(text)
    fingerprints = [facts[name] for name in ("isolation", "realm", "waits_at", "last_reason")]
    assert fingerprints == [isolation, realm, [at], "named"]
    assert facts["opening_reason"] == "named"
    assert 0 <= facts["idle_ms"] <= facts["age_ms"]
    assert facts["age_ms"] >= 60_000


async def test_a_session_under_way_names_its_run(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session, run = new_session(store), new_run(store)
        await store_script(store, session, [accept(run)])
        _, text = await shown(store, session, JSON)
    assert json.loads(text)["run"] == run


async def test_an_unreadable_session_gives_1_and_an_unknown_one_3(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await append_raw(store, session, "end", "99", b"{}")
        unreadable, text = await shown(store, session, JSON)
        unknown, _ = await shown(store, "nobody", QUERY)
        empty, _ = await shown(store, new_session(store), QUERY)
    assert (unreadable, unknown, empty) == (1, 3, 3)
    assert json.loads(text) == {"session": session, "state": "unreadable"}


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["sessions", *words])


def test_listing_is_the_default() -> None:
    given = parsed("--limit", "7")
    assert (given.action, given.id, given.limit, given.window) == ("list", None, 7, 86_400_000)


@pytest.mark.parametrize("words", [["show"], ["retire"], ["list", "ses_1"]])
def test_showing_wants_an_id_and_listing_none(words: list[str]) -> None:
    given = parsed(*words)
    with pytest.raises(ConfigurationError, match="show ID"):
        run(given, load_settings({}, None))


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_is_a_positive_number(limit: str) -> None:
    with pytest.raises(SystemExit):
        parsed(f"--limit={limit}")

"""`mix2api release watch --once`, over a real store."""

import argparse
import io
import json
from typing import Any

import pytest
import trio
from audited_turns import AuditedTurns
from redis_server import RedisServer
from release.releases import beat
from stored_runs import stored
from whole_system import until

from mix2api.cli.release_watch import WatchQuery, add_arguments, watch
from mix2api.release.release import ReleaseState
from mix2api.store.store import Store

WINDOW_MS = 120_000


async def looked(store: Store, **query: Any) -> tuple[int, str]:
    out = io.StringIO()
    code = await watch(store, WatchQuery(once=True, **query), out)
    return code, out.getvalue()


async def begun(store: Store, redis: RedisServer) -> AuditedTurns:
    """Turns of the last two minutes."""
    return AuditedTurns(store, redis, await store.audit.now_ms() - WINDOW_MS + 1_000)


async def test_without_a_release_there_is_nothing_to_judge(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        assert await looked(store) == (4, "wait: no release is under way\n")
        code, text = await looked(store, as_json=True)
    assert (code, json.loads(text)) == (4, {"decision": "wait", "why": "no release is under way"})


async def test_a_canary_that_is_worse_is_to_be_rolled_back(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        turns = await begun(store, redis_server)
        for _ in range(4):
            turns.turns(40, 0, 4, 2)
        code, text = await looked(store, window_ms=WINDOW_MS)
        again, told = await looked(store, window_ms=WINDOW_MS, as_json=True)
    assert (code, again) == (1, 1)
    assert text.splitlines()[-1].startswith("roll_back: ")
    judged = json.loads(told)
    assert judged["evidence"] > judged["needed"] == 3.0
    assert judged["tests"][0]["canary_bad"] == 8
    assert len(judged["bad_runs"]) == 8
    assert judged["bad_runs"][0]["explain"] == f"mix2api explain {judged['bad_runs'][0]['run_id']}"


async def test_channels_that_are_alike_may_go_on_and_a_few_turns_wait(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        turns = await begun(store, redis_server)
        turns.turns(40, 0, 10, 0)
        code, text = await looked(store, window_ms=WINDOW_MS)
        assert (code, text.splitlines()[-1]) == (4, "wait: a regression of 5 points is not ruled out yet")
        for _ in range(4):
            turns.turns(40, 0, 40, 0)
        code, text = await looked(store, window_ms=WINDOW_MS)
        assert (code, text.splitlines()[-1]) == (0, "go_on: a regression of 5 points is ruled out")
        assert await looked(store, window_ms=WINDOW_MS, points=0.001) == (4, text.replace(*_ASKED))


_ASKED = (
    "go_on: a regression of 5 points is ruled out",
    "wait: a regression of 0.1 points is not ruled out yet",
)


async def test_runs_of_an_older_version_are_told_of_by_channel(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        turns = await begun(store, redis_server)
        turns.turns(3, 0, 1, 0, turn=None, session_age_ms=None)
        code, text = await looked(store, window_ms=WINDOW_MS)
    assert code == 4
    assert "stable: 3 runs of a version that cannot be compared" in text
    assert "canary: 1 runs of a version that cannot be compared" in text


async def test_the_same_log_gives_the_same_judgement_however_it_is_spread_over_shards(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        turns = await begun(store, redis_server)
        for number in range(4):
            turns.turns(20, 1, 6, 1, shard=number % 3)
        _, first = await looked(store, window_ms=WINDOW_MS)
        _, again = await looked(store, window_ms=WINDOW_MS)
    assert first == again
    assert "5/80" not in first
    assert "4/80" in first


@pytest.mark.parametrize(
    "words", [["--alpha", "1"], ["--alpha", "none"], ["--points", "0"], ["--points", "x"], ["--since", "5"]]
)
def test_wrong_numbers_are_told_with_what_is_allowed(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    assert " is not a " in capsys.readouterr().err


def test_percentage_points_are_read_as_a_share() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["--points", "2"]).points == pytest.approx(0.02)
    assert parser.parse_args(["--alpha", "0.01"]).alpha == pytest.approx(0.01)


async def test_a_guard_that_stays_beats_and_says_its_word_once(redis_server: RedisServer) -> None:
    out = io.StringIO()
    async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
        nursery.start_soon(watch, store, WatchQuery(), out)

        async def has_spoken() -> bool:
            return await store.guard.read() is not None and bool(out.getvalue())

        await until(has_spoken)
        nursery.cancel_scope.cancel()
    assert out.getvalue() == "wait: no release is under way\n"


async def test_a_second_guard_says_that_it_stands_by(redis_server: RedisServer) -> None:
    out = io.StringIO()
    async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
        await store.guard.sit(beat(ReleaseState()), 60_000)
        nursery.start_soon(watch, store, WatchQuery(), out)

        async def has_spoken() -> bool:
            return bool(out.getvalue())

        await until(has_spoken)
        nursery.cancel_scope.cancel()
    assert out.getvalue() == "another guard has the seat; this one stands by\n"


async def test_a_guard_that_redis_does_not_answer_looks_again(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
        await store.guard.sit(beat(ReleaseState()), 60_000)
        redis_server.kill()
        nursery.start_soon(watch, store, WatchQuery(as_json=True), out)

        async def has_failed() -> bool:
            return "the guard looks again" in capsys.readouterr().err

        await until(has_failed)
        redis_server.start()

        async def has_spoken() -> bool:
            return bool(out.getvalue())

        await until(has_spoken)
        nursery.cancel_scope.cancel()
    assert json.loads(out.getvalue().splitlines()[0])["decision"] == "wait"

"""Reading on in the audit streams: what is new is folded, and a store that is away leaves the figures as they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from console_runs import ended
from redis_server import RedisServer
from refusal_entries import refusal
from run_halves import refusals_data
from shown_console import shown, words_of
from stored_runs import stored
from whole_system import until

from mix2api.console.following import Following
from mix2api.vocabulary import EndReason


@pytest.fixture
def redis_alone(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may stop and start."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_only_what_is_new_is_read_and_each_entry_counts_once(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        following = seen.console.following
        assert following.index.held == 0
        for number in range(3):
            await ended(store, f"req-{number}")
            await following.look()
            assert following.index.held == number + 1


async def test_every_kind_of_entry_is_folded(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await ended(store, "good")
        store.refused.note(refusal(request_id="bad"))
        assert await store.log.writer.drain(5)
        key = store.keys.audit(0)
        await store.links[0].execute(("XADD", key, "*", "k", "refusals", "c", refusals_data(7)))
        await store.links[0].execute(("XADD", key, "*", "k", "refused", "n", "3"))
        await store.links[0].execute(("XADD", key, "*", "k", "newer", "n", "3"))
        async with shown(store) as seen:
            index, report = seen.console.following.index, seen.console.following.slo
    assert (index.held, index.counted, index.unreadable) == (2, 7, 0)
    assert report is not None
    assert next(level.total for level in report.levels if level.name == "success") == 8


async def test_what_the_log_no_longer_keeps_is_let_go(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await ended(store, "old")
        async with shown(store) as seen:
            following = seen.console.following
            following._retention_s = -60
            following._forgot_at = -1000.0
            await following.look()
            assert following.index.held == 0


async def test_while_the_store_is_away_the_page_stays_and_says_since_when_it_is_old(
    redis_alone: RedisServer,
) -> None:
    async with stored(redis_alone.url) as store, shown(store) as seen, trio.open_nursery() as nursery:
        await ended(store, "slow", EndReason.TIMEOUT)
        seen.console.following.looks_s = 0.02
        nursery.start_soon(seen.console.following.follow)
        await _counted(seen.console.following, 1)
        await seen.visitor.page("/")
        redis_alone.stop()

        async def is_away() -> bool:
            return seen.console.following.away_since_ms is not None

        await until(is_away)
        overview, listed = [words_of(await seen.visitor.page(path)) for path in ("/", "/runs")]
        run = await seen.visitor.get("/run?id=slow")
        redis_alone.start()

        async def is_back() -> bool:
            return seen.console.following.away_since_ms is None

        await until(is_back)
        again = words_of(await seen.visitor.page("/"))
        nursery.cancel_scope.cancel()
    assert "The store does not answer. Figures are as of" in overview
    assert "1 Failed runs" in overview
    assert "1 Live processes" in overview
    assert "timeout/idle" in listed
    assert run.status_code == 503
    assert "The store does not answer" not in again


async def _counted(following: Following, runs: int) -> None:
    while following.index.held < runs:
        await following.wait_changed()

"""A second process that folds half of a day for `mix2api slo`."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, active_children
from threading import Thread

import pytest
from cli.test_slo import bad, good
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.cli.second_reader import SecondReader, second_reader, serve
from mix2api.cli.slo import SloQuery, slo
from mix2api.settings import Settings, load_settings
from mix2api.store.store import Store


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mix2api.cli.slo._MANY", 1)


def settings_of(server: RedisServer) -> Settings:
    words = {"MIX2API_SECRET": "0123456789abcdef0123456789abcdef", "MIX2API_SHARDS": str(SHARDS)}
    return load_settings({"REDIS_URL": server.url, **words}, None)


@contextmanager
def reader_at_work(settings: Settings) -> Iterator[SecondReader]:
    """A second reader in a thread: the pipe is the same, and no process is forked from one that has threads."""
    (ours, theirs), (spare, _) = Pipe(), Pipe()
    thread = Thread(target=serve, args=(settings, spare, theirs))
    thread.start()
    yield SecondReader(ours)
    ours.close()
    thread.join()


async def judged(store: Store, second: SecondReader | None) -> str:
    """What a first look says."""
    out = io.StringIO()
    await store.links[0].execute(("DEL", store.keys.slo()))
    await slo(store, SloQuery(as_json=True), out, second)
    return out.getvalue()


async def runs_on_all_shards(store: Store) -> None:
    for shard in range(SHARDS):
        await good(store, shard)
    await bad(store)


async def test_two_readers_say_what_one_says(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await runs_on_all_shards(store)
        alone = await judged(store, None)
        with reader_at_work(settings_of(redis_server)) as second:
            assert await judged(store, second) == alone
        kept = await store.slo.load()
        assert sorted(kept.reached) == list(range(SHARDS))
        assert store.damage.total == 0


async def test_what_the_second_reader_passes_over_is_told_by_the_first(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.links[0].execute(("XADD", store.keys.audit(1), "*", "x", "of nobody"))
        with reader_at_work(settings_of(redis_server)) as second:
            await judged(store, second)
        assert store.damage.total == 1


@pytest.mark.parametrize("dies", ["before its order", "after its order"])
async def test_without_its_second_reader_the_first_one_reads_all(
    redis_server: RedisServer, dies: str
) -> None:
    async with stored(redis_server.url) as store:
        await runs_on_all_shards(store)
        alone = await judged(store, None)
        ours, theirs = Pipe()
        if dies == "before its order":
            theirs.close()
        else:
            Thread(target=lambda: (theirs.recv_bytes(), theirs.close())).start()
        assert await judged(store, SecondReader(ours)) == alone


async def test_a_second_reader_whose_store_is_away_ends_without_an_answer(
    redis_server: RedisServer,
) -> None:
    away = load_settings({"REDIS_URL": "redis://127.0.0.1:1", "MIX2API_SECRET": "x" * 32}, None)
    async with stored(redis_server.url) as store:
        await runs_on_all_shards(store)
        alone = await judged(store, None)
        with reader_at_work(away) as second:
            assert await judged(store, second) == alone


def test_a_second_process_without_an_order_ends_with_the_look(redis_server: RedisServer) -> None:
    with second_reader(settings_of(redis_server)):
        pass
    assert active_children() == []


def test_where_there_is_one_core_there_is_no_second_reader(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mix2api.cli.second_reader._FEWEST_CORES", 10_000)
    with second_reader(settings_of(redis_server)) as second:
        assert second is None

"""All that is known of a request id, in three round trips."""

import pytest
from attrs import define
from redis_server import RedisServer
from refusal_entries import refusal
from session_scripts import accept, good_run
from stored_runs import append_raw, new_session, store_script, stored

from mix2api.clock import SystemClock
from mix2api.events.edge_times import EdgeTimes
from mix2api.events.log import GivenEnding
from mix2api.identity import Mint, shard_of
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.request_file import RequestFiles
from mix2api.store.store import Store
from mix2api.vocabulary import EndReason, Receipt, RequestId, RunId

TIMES = EdgeTimes(body=1, understood=2, found=3, submitted=4, accepted=5, ended=90, over=91)
ID = RequestId("wanted")


@define
class CountingLink:
    """Counts round trips."""

    link: RedisLink
    trips: int = 0

    async def execute(self, *commands: Command) -> list[Reply]:
        self.trips += 1
        return await self.link.execute(*commands)


def new_run(store: Store) -> RunId:
    return Mint(store.seal, SystemClock()).run_id()


async def told(store: Store, run: RunId, receipt: Receipt = Receipt.WRITTEN) -> RunId:
    """A finished run with its receipt."""
    session = new_session(store)
    await store_script(store, session, good_run(run, request_id=ID))
    store.log.receipt(GivenEnding(session, run, ID, receipt, EndReason.STOP, TIMES))
    assert await store.log.writer.drain(5)
    return run


async def test_a_run_comes_with_its_events_its_receipt_and_the_edges_times(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = await told(store, new_run(store))
        file = await store.files.read(ID)
    (found,) = file.runs
    assert (found.run_id, found.receipt, found.told, found.times) == (run, "written", "stop", TIMES)
    assert found.request is not None
    assert found.end is not None
    assert (file.earlier, file.refusals, found.unreadable) == ((), (), 0)


async def test_a_receipt_that_was_written_before_the_end_is_found(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run, session = new_run(store), new_session(store)
        store.log.receipt(GivenEnding(session, run, ID, Receipt.ERROR_WRITTEN, EndReason.STOP, TIMES))
        assert await store.log.writer.drain(5)
        written_ms = milliseconds(redis_server)
        while milliseconds(redis_server) == written_ms:
            pass
        await store_script(store, session, good_run(run, request_id=ID))
        (found,) = (await store.files.read(ID)).runs
    assert (found.receipt, found.times) == ("error_written", TIMES)


def milliseconds(server: RedisServer) -> int:
    """The server's time, which entries get as their ids."""
    seconds, microseconds = server.command("TIME")  # type: ignore[misc]
    return int(seconds) * 1000 + int(microseconds) // 1000


async def test_three_round_trips_are_enough(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for _ in range(3):
            await told(store, new_run(store))
        counting = CountingLink(store.links[0])
        files = RequestFiles(link=counting, keys=store.keys, log=store.log, seal=store.seal)  # type: ignore[arg-type]
        file = await files.read(ID)
    assert counting.trips == 3
    assert (len(file.runs), len(file.earlier)) == (1, 2)


async def test_the_attempts_of_one_request_belong_together(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await told(store, new_run(store))
        first, second = new_run(store), new_run(store)
        await told(store, first, Receipt.RERUN)
        session = new_session(store)
        await store_script(store, session, good_run(second, request_id=ID, attempt=2))
        file = await store.files.read(ID)
    assert [run.run_id for run in file.runs] == [first, second]
    assert len(file.earlier) == 1


async def test_a_run_without_an_end_says_whether_its_process_is_alive(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for request_id, worker in (("alive", store.process), ("gone", "p_nobody")):
            await store_script(
                store,
                new_session(store),
                [accept(new_run(store), request_id=RequestId(request_id), worker=worker)],
            )
        alive = await store.files.read(RequestId("alive"))
        gone = await store.files.read(RequestId("gone"))
    assert (alive.runs[0].is_alive, gone.runs[0].is_alive) == (True, False)
    assert alive.runs[0].receipt is None


async def test_refused_requests_are_found_and_what_is_not_known_gives_nothing(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        store.refused.note(refusal(request_id=ID))
        assert await store.log.writer.drain(5)
        file = await store.files.read(ID)
        nothing = await store.files.read(RequestId("nobody"))
    assert file.refusals == (refusal(request_id=ID),)
    assert (nothing.runs, nothing.refusals, nothing.earlier) == ((), (), ())


async def test_damage_costs_what_it_hit_and_no_more(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = await told(store, new_run(store))
        session = (await store.files.read(ID)).runs[0].session_id
        await append_raw(store, session, "end", "99", b"{}")
        digest = store.seal.digest(ID, "request_id")
        redis_server.command("RPUSH", store.keys.run(digest), "no run at all")
        redis_server.command("SET", store.keys.refusal(digest), "a string")
        file = await store.files.read(ID)
        redis_server.command("SET", store.keys.run(digest), "a string")
        nothing = await store.files.read(ID)
    assert (file.runs[0].run_id, file.runs[0].unreadable, file.refusals) == (run, 1, ())
    assert nothing.runs == ()


async def test_a_refused_entry_that_is_damaged_is_passed_over(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        store.refused.note(refusal(request_id=ID))
        assert await store.log.writer.drain(5)
        redis_server.command("RPUSH", store.keys.refusal(store.seal.digest(ID, "request_id")), "[2]")
        assert len((await store.files.read(ID)).refusals) == 1


async def test_a_run_whose_log_is_gone_is_left_out(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await told(store, new_run(store))
        (found,) = (await store.files.read(ID)).runs
        redis_server.command("DEL", store.keys.log(shard_of(found.session_id), found.session_id))
        assert (await store.files.read(ID)).runs == ()


@pytest.mark.parametrize("word", ["run_", "no run"])
async def test_a_run_id_of_another_form_is_read_from_the_start_of_its_log(
    word: str, redis_server: RedisServer
) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        file = await store.files.read_run(RunId(word), session)
    assert file.runs == ()

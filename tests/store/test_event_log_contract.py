"""What every event log promises: the one in Redis (each binary that this machine has) and the fake in memory."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
import store_parts as parts
import trio
from attrs import evolve
from redis_server import RedisServer, binaries

from mix2api.events.kinds import End, Request, SessionNote, UpstreamChunk
from mix2api.events.log import Append, GivenEnding, Outcome, remark
from mix2api.store.log import RedisEventLog
from mix2api.store.memory import MemoryEventLog, MemoryWorld
from mix2api.store.store import Store
from mix2api.vocabulary import Receipt, RequestId, SessionWord

Log = RedisEventLog | MemoryEventLog
KINDS = ["memory", *binaries()]


class Processes:
    """Starts processes (logs of their own) over one store; the first holds all shards."""

    def __init__(
        self, start: Callable[[], Any], kill: Callable[[Log], Any], put_inbox: Callable[[Log], Any]
    ) -> None:
        self.start = start
        self.kill = kill
        self.put_inbox = put_inbox
        """Puts a turn into the inbox of `parts.SHARD`, which that process has, and gives its entry's id."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RedisServer]]:
    started = {name: RedisServer(tmp_path_factory.mktemp("r"), binary) for name, binary in binaries().items()}
    for server in started.values():
        server.start()
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture(params=KINDS)
async def processes(
    request: pytest.FixtureRequest, servers: dict[str, RedisServer], nursery: trio.Nursery
) -> Processes:
    if request.param == "memory":
        return memory_processes()
    server = servers[request.param]
    server.command("FLUSHALL")
    stores: dict[Log, Store] = {}

    async def hold(task_status: trio.TaskStatus[Store]) -> None:
        async with parts.running_store(server.url) as store:
            task_status.started(store)
            await trio.sleep_forever()

    async def start() -> Log:
        store: Store = await nursery.start(hold)
        await store.heartbeat.beat()
        await store.leases.acquire()
        stores[store.log] = store
        return store.log

    async def kill(log: Log) -> None:
        await stores[log].leases.release()
        await stores[log].heartbeat.stop()

    async def put_inbox(log: Log) -> str:
        return await parts.put_inbox(stores[log], b"turn")

    return Processes(start, kill, put_inbox)


def memory_processes() -> Processes:
    world = MemoryWorld()

    async def start() -> Log:
        log = MemoryEventLog(parts.MINT.process_id(), world)
        log.take_all()
        return log

    async def kill(log: Log) -> None:
        world.alive.discard(log.process)
        world.leases = {shard: owner for shard, owner in world.leases.items() if owner != log.process}

    ids = map("{}-0".format, count(1))

    async def put_inbox(_: Log) -> str:
        return next(ids)

    return Processes(start, kill, put_inbox)


async def outcome_of(log: Log, append: Append) -> Outcome:
    with trio.fail_after(5):
        return await log.submit(append).wait()


async def test_a_run_from_its_request_to_its_end_stands_in_the_log_in_order(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    tickets = [
        log.submit(parts.opening_append(session, run)),
        log.submit(parts.chunks_append(session, run, 2, 3)),
        log.submit(parts.closing_append(session, run, 4)),
    ]
    assert [await ticket.wait() for ticket in tickets] == [Outcome.APPENDED] * 3
    history = await log.history(session)
    assert history.snapshot is None
    assert [recorded.event for recorded in history.recorded] == [
        parts.request(run),
        parts.chunk(run, 2),
        parts.chunk(run, 3),
        parts.end(run, 4),
    ]
    positions = [tuple(map(int, recorded.position.split("-"))) for recorded in history.recorded]
    assert positions == sorted(set(positions))


async def test_a_repeated_append_is_already_there_and_is_not_doubled(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    append = parts.chunks_append(session, run, 2, 3)
    assert await outcome_of(log, parts.opening_append(session, run)) is Outcome.APPENDED
    assert await outcome_of(log, append) is Outcome.APPENDED
    assert await outcome_of(log, append) is Outcome.ALREADY
    assert await outcome_of(log, parts.opening_append(session, run)) is Outcome.ALREADY
    assert len((await log.history(session)).recorded) == 3


async def test_an_append_that_would_leave_a_hole_is_not_written(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run))
    assert await outcome_of(log, parts.chunks_append(session, run, 3)) is Outcome.FENCED
    assert len((await log.history(session)).recorded) == 1


async def test_nothing_follows_an_end(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run))
    await outcome_of(log, parts.closing_append(session, run, 2))
    assert await outcome_of(log, parts.chunks_append(session, run, 3)) is Outcome.FENCED
    assert len((await log.history(session)).recorded) == 2


async def test_a_run_that_is_refused_opens_and_ends_in_one_append(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    closing = parts.closing_append(session, run, 2)
    append = parts.opening_append(session, run, *closing.events, closing=closing.closing)
    assert await outcome_of(log, append) is Outcome.APPENDED
    kinds = [type(recorded.event) for recorded in (await log.history(session)).recorded]
    assert kinds == [Request, End]
    assert await log.open_runs(parts.SHARD) == []


def begun(opening: Append) -> Append:
    """The opening of a session's first run."""
    opened = SessionNote(word=SessionWord.OPENED, why="no_history")
    return evolve(opening, events=(opened, *opening.events))


async def test_a_session_is_opened_once(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    opening = begun(parts.opening_append(session, run))
    assert await outcome_of(log, opening) is Outcome.APPENDED
    assert await outcome_of(log, parts.closing_append(session, run, 2)) is Outcome.APPENDED
    # A process that slept has the same turn in its inbox still, or another one of the same session.
    assert await outcome_of(log, opening) is Outcome.FENCED
    other = begun(parts.opening_append(session, parts.new_run()))
    assert await outcome_of(log, other) is Outcome.FENCED
    assert len((await log.history(session)).recorded) == 3
    # Its next turn goes on in it.
    assert await outcome_of(log, parts.opening_append(session, parts.new_run())) is Outcome.APPENDED


async def test_whoever_asks_hears_at_once_that_an_append_is_durable(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    heard: list[str] = []
    opening = log.submit(parts.opening_append(session, run))
    opening.on_durable(lambda: heard.append("early"))
    await opening.wait()
    assert heard == ["early"]
    opening.on_durable(lambda: heard.append("late"))
    assert heard == ["early", "late"]
    fenced = log.submit(parts.chunks_append(session, parts.new_run(), 2))
    fenced.on_durable(lambda: heard.append("fenced"))
    assert await fenced.wait() is Outcome.FENCED
    fenced.on_durable(lambda: heard.append("fenced"))
    assert heard == ["early", "late"]


async def test_a_turn_whose_inbox_entry_is_gone_is_not_accepted_again(processes: Processes) -> None:
    log = await processes.start()
    entry, other = await processes.put_inbox(log), await processes.put_inbox(log)
    run, session = parts.new_run(), parts.new_session()
    opening = parts.opening_append(session, run, inbox_entry=entry)
    assert await outcome_of(log, opening) is Outcome.APPENDED
    closing = parts.closing_append(session, run, 2, inbox_entry=entry)
    assert await outcome_of(log, closing) is Outcome.APPENDED
    # The process read the entry before, lost the shard, and has it again. The session goes on elsewhere by now.
    fresh = parts.opening_append(parts.new_session(), run, inbox_entry=entry)
    assert await outcome_of(log, fresh) is Outcome.FENCED
    next_turn = parts.opening_append(parts.new_session(), parts.new_run(), inbox_entry=other)
    assert await outcome_of(log, next_turn) is Outcome.APPENDED


async def test_a_turn_is_accepted_where_its_whole_inbox_is_gone(processes: Processes) -> None:
    """The store was emptied: nobody has seen to the turn."""
    log = await processes.start()
    opening = parts.opening_append(parts.new_session(), parts.new_run(), inbox_entry="1-1")
    assert await outcome_of(log, opening) is Outcome.APPENDED


async def test_a_process_without_the_shard_accepts_no_run(processes: Processes) -> None:
    await processes.start()
    other = await processes.start()
    session = parts.new_session()
    assert await outcome_of(other, parts.opening_append(session, parts.new_run())) is Outcome.FENCED
    assert (await other.history(session)).recorded == ()


async def test_a_foreign_process_cannot_write_into_a_run(processes: Processes) -> None:
    log, other = await processes.start(), await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run))
    assert await outcome_of(other, parts.chunks_append(session, run, 2)) is Outcome.FENCED
    assert await outcome_of(log, parts.chunks_append(session, run, 2)) is Outcome.APPENDED


async def test_a_run_goes_on_when_its_process_has_lost_the_shard(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run))
    await processes.kill(log)  # its lease is gone; the process itself writes on
    await processes.start()
    assert await outcome_of(log, parts.closing_append(session, run, 2)) is Outcome.APPENDED


async def test_an_open_run_is_listed_until_it_ends(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run))
    await outcome_of(log, parts.chunks_append(session, run, 2, 3))
    (found,) = await log.open_runs(parts.SHARD)
    assert (found.run_id, found.session_id, found.edge) == (run, session, parts.EDGE)
    assert (found.next_seq, found.started_ms) == (4, 1_700_000_000_000)
    await outcome_of(log, parts.closing_append(session, run, 4))
    assert await log.open_runs(parts.SHARD) == []


async def test_a_dead_process_s_run_is_seized_and_ended_by_the_new_owner(processes: Processes) -> None:
    dead = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(dead, parts.opening_append(session, run))
    await processes.kill(dead)
    heir = await processes.start()
    (found,) = await heir.open_runs(parts.SHARD)
    assert await heir.seize(found)
    assert await heir.seize(found), "a repeat after a lost reply"
    assert await outcome_of(dead, parts.chunks_append(session, run, 2)) is Outcome.FENCED
    assert await outcome_of(heir, parts.closing_append(session, run, found.next_seq)) is Outcome.APPENDED
    assert not await heir.seize(found), "it has ended"


async def test_a_living_process_s_run_is_not_seized(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run))
    (found,) = await log.open_runs(parts.SHARD)
    assert not await log.seize(found)
    other = await processes.start()
    assert not await other.seize(found)


async def test_history_after_a_snapshot_is_only_what_followed(processes: Processes) -> None:
    log = await processes.start()
    session, first, second = parts.new_session(), parts.new_run(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, first))
    folded = b"folded \x00\xff state"
    await outcome_of(log, parts.closing_append(session, first, 2, snapshot=folded))
    await outcome_of(log, parts.opening_append(session, second))
    history = await log.history(session)
    assert history.snapshot == folded
    assert [recorded.event for recorded in history.recorded] == [parts.request(second)]
    assert len([recorded async for recorded in log.records(session)]) == 3


async def test_records_after_a_position_are_the_later_ones(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    await outcome_of(log, parts.opening_append(session, run, parts.chunk(run, 2)))
    first = (await log.history(session)).recorded[0]
    later = [recorded.event async for recorded in log.records(session, after=first.position)]
    assert later == [parts.chunk(run, 2)]


async def test_an_unknown_session_has_an_empty_history(processes: Processes) -> None:
    log = await processes.start()
    history = await log.history(parts.new_session())
    assert (history.snapshot, history.recorded) == (None, ())


async def test_session_notes_take_no_seq(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    note = SessionNote(word=SessionWord.OPENED, why="fresh", run_id=run)
    await outcome_of(log, parts.opening_append(session, run, note))
    assert await outcome_of(log, parts.chunks_append(session, run, 2)) is Outcome.APPENDED
    kinds = [type(recorded.event) for recorded in (await log.history(session)).recorded]
    assert kinds == [Request, SessionNote, UpstreamChunk]


async def test_runs_are_found_by_the_request_id_s_digest(processes: Processes) -> None:
    log = await processes.start()
    pairs = [(parts.new_run(), parts.new_session()) for _ in range(2)]
    for run, session in pairs:
        await outcome_of(log, parts.opening_append(session, run))
    assert await log.runs_of_request(parts.REQUEST_DIGEST) == pairs


async def test_a_receipt_never_waits(processes: Processes) -> None:
    log = await processes.start()
    log.receipt(GivenEnding(parts.new_session(), parts.new_run(), RequestId("req_1"), Receipt.WRITTEN))


async def test_an_opening_without_a_request_is_refused(processes: Processes) -> None:
    log = await processes.start()
    session, run = parts.new_session(), parts.new_run()
    opening = parts.opening_append(session, run).opening
    with pytest.raises(ValueError, match="carries its request"):
        log.submit(Append(session_id=session, run_id=run, first_seq=1, events=(), opening=opening))


async def test_notes_between_runs_are_the_shard_holder_s_alone(processes: Processes) -> None:
    holder, other = await processes.start(), await processes.start()
    session, run = parts.new_session(), parts.new_run()
    note = SessionNote(word=SessionWord.RETIRED, why="operator")
    await outcome_of(holder, parts.opening_append(session, run))
    await outcome_of(holder, parts.closing_append(session, run, 2))
    assert await outcome_of(other, remark(session, (note,))) is Outcome.FENCED
    assert await outcome_of(holder, remark(session, (note,))) is Outcome.APPENDED
    kinds = [type(recorded.event) for recorded in (await holder.history(session)).recorded]
    assert kinds == [Request, End, SessionNote]
    assert await holder.open_runs(parts.SHARD) == []

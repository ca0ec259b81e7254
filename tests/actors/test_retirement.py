"""Sessions that an operator retires: idle, busy, cold, gone, damaged, another's."""

from typing import Any

import pytest
import trio
from actor_parts import (
    BEGINNING,
    GOOD,
    MINT,
    OTHER,
    PROCESS,
    SHARD,
    Bench,
    all_of,
    end_of,
    kinds,
    session_id,
    submission,
    until,
    working,
)

from mix2api.actors.environment import END_LIMIT_S
from mix2api.events.kinds import SessionNote
from mix2api.events.log import EventLog
from mix2api.sessions.worker_port import Accepted, Submission
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished, Text
from mix2api.upstreams.scripted import Script, Wait
from mix2api.vocabulary import EndReason, Retirement, SessionId, SessionWord


async def opened(bench: Bench) -> SessionId:
    first = (await bench.ask())[0]
    assert isinstance(first, Accepted)
    return SessionId(first.session_id)


def next_turn(session: SessionId) -> Submission:
    return submission(session_id=session, reason="named")


async def retired(bench: Bench, session: SessionId) -> Retirement:
    """Asks for it and waits for what became of it."""
    send, receive = trio.open_memory_channel[Retirement](1)
    bench.worker.retire(session, send.send_nowait)
    return await receive.receive()


def reasons(bench: Bench) -> list[str]:
    return [request.resolution_reason for request in sorted(bench.requests(), key=lambda each: each.run_id)]


async def test_a_retired_session_is_not_continued() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await opened(bench)
        assert await retired(bench, session) is Retirement.RETIRED
        assert bench.events(session)[-1] == SessionNote(word=SessionWord.RETIRED, why="operator")
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "retired"]


async def test_a_session_that_is_not_in_memory_is_retired_in_its_log() -> None:
    async with working(GOOD, idle_s=1) as bench:
        session = await opened(bench)
        await trio.sleep(5)
        assert bench.worker.statistics().actors == 0
        assert await retired(bench, session) is Retirement.RETIRED
        assert kinds(bench.events(session))[-1] == "session retired"


async def test_a_busy_session_is_retired_after_its_run_and_before_the_turns_that_wait() -> None:
    finish = trio.Event()
    slow: Script = [BEGINNING, [Text("a")], Wait(finish), [Finished("stop")]]
    async with working(GOOD, slow, GOOD) as bench:
        session = await opened(bench)
        running = await bench.submit(next_turn(session))
        await bench.upstream.wait_calls(2)
        waiting = await bench.submit(next_turn(session))
        told: list[Retirement] = []
        bench.worker.retire(session, told.append)
        bench.worker.retire(session, told.append)
        assert told == []
        finish.set()
        assert (await end_of(running)).end_reason is EndReason.STOP
        await all_of(waiting)
        assert told == [Retirement.RETIRED, Retirement.RETIRED]
        assert kinds(bench.events(session))[-2:] == ["End", "session retired"]
        assert reasons(bench) == ["no_history", "named", "retired"]


async def test_retiring_twice_is_retiring_once() -> None:
    async with working(GOOD) as bench:
        session = await opened(bench)
        await retired(bench, session)
        assert await retired(bench, session) is Retirement.ALREADY
        assert kinds(bench.events(session)).count("session retired") == 1


async def test_a_session_that_nobody_knows_is_vacant() -> None:
    async with working() as bench:
        assert await retired(bench, session_id()) is Retirement.VACANT


async def test_a_session_that_is_about_to_be_made_is_left_alone() -> None:
    async with working(GOOD) as bench:
        drawn = MINT.session_id(SHARD)
        replies = await bench.submit(submission(session_id=drawn, claimed=True, reason="new_name"))
        assert await retired(bench, drawn) is Retirement.VACANT
        await all_of(replies)
        assert reasons(bench) == ["new_name"]


async def test_a_log_that_cannot_be_read_is_said_to_be_so() -> None:
    async with working(GOOD) as bench:
        session = await opened(bench)
        bench.worker.lost(SHARD)
        bench.world.logs[session] = bench.world.logs[session][1:]
        assert await retired(bench, session) is Retirement.UNREADABLE


async def test_a_session_with_a_run_that_a_lost_process_left_is_busy() -> None:
    async with working(GOOD) as bench:
        session = await opened(bench)
        bench.worker.lost(SHARD)
        bench.world.logs[session] = bench.world.logs[session][:-1]
        assert await retired(bench, session) is Retirement.BUSY


async def test_a_session_of_a_shard_that_went_elsewhere_is_not_ours_to_retire() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await opened(bench)
        bench.world.leases[SHARD] = OTHER
        assert await retired(bench, session) is Retirement.NOT_OWNER
        bench.world.leases[SHARD] = PROCESS
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "named"]


async def test_a_store_that_is_away_is_waited_for_half_a_second() -> None:
    async with working(GOOD) as bench:
        session = await opened(bench)
        bench.log.away = True
        began = trio.current_time()
        assert await retired(bench, session) is Retirement.UNAVAILABLE
        assert trio.current_time() - began == pytest.approx(END_LIMIT_S)
        bench.log.away = False
        assert kinds(bench.events(session))[-1] == "End"


async def test_a_log_that_cannot_be_asked_is_a_store_that_is_away() -> None:
    async with working(GOOD) as bench:
        session = await opened(bench)
        bench.worker.lost(SHARD)
        bench.log.away = True
        assert await retired(bench, session) is Retirement.UNAVAILABLE


async def test_a_fault_of_ours_stays_this_session_s_own() -> None:
    class Broken(MemoryEventLog):
        def submit(self, append: Any) -> Any:
            if append.remark:
                raise LookupError
            return super().submit(append)

    log: EventLog = Broken(PROCESS)
    async with working(GOOD, GOOD, log=log) as bench:  # type: ignore[arg-type]
        session = await opened(bench)
        assert await retired(bench, session) is Retirement.UNAVAILABLE
        assert [type(fault) for _, fault in bench.faults] == [LookupError]
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "named"]


async def test_a_worker_that_is_stopping_retires_nothing() -> None:
    async with working(GOOD) as bench:
        session = await opened(bench)
        await bench.worker.drain(0)
        assert await retired(bench, session) is Retirement.NOT_OWNER


async def test_a_session_that_retires_by_itself_meanwhile_needs_nothing_more() -> None:
    finish = trio.Event()
    broken: Script = [BEGINNING, [Text("a")], Wait(finish)]
    async with working(GOOD, broken) as bench:
        session = await opened(bench)
        running = await bench.submit(next_turn(session))
        await bench.upstream.wait_calls(2)
        told: list[Retirement] = []
        bench.worker.retire(session, told.append)
        finish.set()
        await end_of(running)
        await until(lambda: told == [Retirement.ALREADY])

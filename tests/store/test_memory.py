"""What the fake can do beyond the contract: be away, and show what it holds."""

import pytest
import store_parts as parts

from mix2api.errors import StoreUnavailable
from mix2api.events.log import GivenEnding, Outcome
from mix2api.store.memory import MemoryEventLog
from mix2api.vocabulary import Receipt, RequestId


def new_log() -> MemoryEventLog:
    log = MemoryEventLog(parts.MINT.process_id())
    log.take_all()
    return log


async def test_appends_wait_while_it_is_away_and_are_written_when_it_is_back() -> None:
    log = new_log()
    session, run = parts.new_session(), parts.new_run()
    log.away = True
    assert log.is_down
    assert log.away
    ticket = log.submit(parts.opening_append(session, run))
    withdrawn = log.submit(parts.opening_append(session, parts.new_run()))
    withdrawn.withdraw()
    assert (ticket.outcome, withdrawn.outcome) == (None, Outcome.DROPPED)
    with pytest.raises(StoreUnavailable):
        await log.history(session)
    log.away = False
    assert await ticket.wait() is Outcome.APPENDED
    assert len((await log.history(session)).recorded) == 1


async def test_what_it_was_told_stands_in_its_world() -> None:
    log = new_log()
    session, run = parts.new_session(), parts.new_run()
    log.submit(parts.opening_append(session, run))
    log.submit(parts.closing_append(session, run, 2))
    log.receipt(GivenEnding(session, run, RequestId("req_1"), Receipt.WRITTEN))
    log.refused(2)
    assert log.world.audit == [("run", run, session), ("receipt", run, "written"), ("refused", "2")]


async def test_a_run_that_another_has_seized_meanwhile_is_not_seized_again() -> None:
    dead, first, second = new_log(), new_log(), new_log()
    world = dead.world
    for log in (first, second):
        log.world = world
    session, run = parts.new_session(), parts.new_run()
    await dead.submit(parts.opening_append(session, run)).wait()
    (found,) = await first.open_runs(parts.SHARD)
    world.alive.clear()
    world.leases[parts.SHARD] = first.process
    assert await first.seize(found)
    world.leases[parts.SHARD] = second.process
    assert not await second.seize(found)

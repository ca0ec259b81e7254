"""Inboxes that another process read before, could not read, or reads as well."""

import msgspec
import trio
import trio.testing
from actor_parts import BEGINNING, GOOD, OTHER, PROCESS, SHARD, ended, session_id, until
from actors.inboxes import relayed, relaying
from attrs import define, evolve

from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import History
from mix2api.relay.messages import decode_turn, encode_turn
from mix2api.sessions.worker_port import Accepted
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished, Text
from mix2api.upstreams.scripted import Hang, Wait
from mix2api.vocabulary import EndReason, ProcessId, SessionId

# --- a new owner


async def test_a_new_owner_does_not_begin_again_what_the_log_has() -> None:
    async with relaying(GOOD) as there:
        run_id = there.send()
        await there.post.replies(run_id)
        there.inbox.lost(SHARD)
        there.inbox.wake(SHARD)
        await until(lambda: not there.post.entries())  # it ended, and nobody else would delete it
        assert len(there.bench.upstream.calls) == 1


async def test_a_new_owner_leaves_a_run_under_way_to_whoever_runs_it() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.lost(SHARD)
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        assert (there.post.reads, there.post.entries()) == (2, ["1-0"])
        there.inbox._running.clear()  # as in another process: only the log knows
        there.inbox.lost(SHARD)
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        assert len(there.bench.upstream.calls) == 1


async def test_an_owner_reads_from_the_start_though_it_read_that_inbox_before_the_shard_was_its_own() -> None:
    async with relaying(GOOD) as there:
        run_id, entry = relayed()
        there.post.put(entry)
        there.inbox.gained(SHARD)
        await there.post.replies(run_id)
        there.inbox.lost(SHARD)
        there.inbox.wake(SHARD)  # by mail that was on its way
        await until(lambda: there.post.reads == 2)
        there.post.put(entry)
        there.inbox.gained(SHARD)
        await until(lambda: not there.post.entries())
        assert len(there.bench.upstream.calls) == 1


async def test_a_read_that_was_under_way_when_its_shard_was_lost_knows_nothing_of_what_it_gives() -> None:
    async with relaying(GOOD) as there:
        run_id, entry = relayed()
        there.post.put(entry)
        there.inbox.gained(SHARD)
        await there.post.replies(run_id)
        there.post.waits = trio.Event()
        there.inbox.wake(SHARD)
        await until(lambda: there.post.reads == 2)
        there.inbox.lost(SHARD)
        there.post.put(entry)
        there.post.waits.set()
        await until(lambda: there.post.entries() == ["1-0"])  # the second one is seen to have ended
        assert len(there.bench.upstream.calls) == 1


async def test_a_turn_whose_session_could_not_be_continued_is_found_where_it_ran() -> None:
    async with relaying(GOOD) as there:
        run_id, entry = relayed()
        there.post.put(entry)
        there.inbox.gained(SHARD)
        await there.post.replies(run_id)
        there.inbox.lost(SHARD)
        there.post.put(encode_turn(msgspec.structs.replace(decode_turn(entry), session_id=session_id())))
        there.inbox.gained(SHARD)
        await until(lambda: not there.post.entries())
        assert len(there.bench.upstream.calls) == 1


async def test_entries_behind_a_full_page_are_not_new_to_a_new_owner() -> None:
    async with relaying(GOOD) as there:
        run_id, entry = relayed()
        there.post.put(entry)
        there.inbox.gained(SHARD)
        await there.post.replies(run_id)
        there.inbox.lost(SHARD)
        for _ in range(1000):
            there.post.put(b"damaged")
        there.post.put(entry)
        there.inbox.gained(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        assert (there.post.entries(), len(there.bench.upstream.calls)) == ([], 1)


async def test_a_new_owner_begins_what_nobody_began() -> None:
    async with relaying(GOOD) as there:
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        there.inbox.lost(SHARD)
        assert ended(await there.post.replies(there.send())).end_reason is EndReason.STOP


@define(eq=False)
class UnreadableLog(MemoryEventLog):
    """Written by a version to come."""

    async def history(self, session_id: SessionId) -> History:
        del session_id
        raise UnreadableEvent("newer")


async def test_an_entry_of_a_session_that_cannot_be_read_is_left_alone() -> None:
    async with relaying(GOOD, log=UnreadableLog(PROCESS)) as there:
        there.send()
        await trio.testing.wait_all_tasks_blocked()
        assert (there.bench.upstream.calls, there.post.entries()) == ([], ["1-0"])


async def test_a_zombie_leaves_the_turn_to_the_shard_s_new_owner() -> None:
    """It can read the entry and not accept the run: it says nothing, and deletes nothing."""
    async with relaying(GOOD) as there:
        there.bench.world.leases[SHARD] = OTHER
        there.send()
        await trio.testing.wait_all_tasks_blocked()
        assert (there.post.sent, there.post.entries()) == ([], ["1-0"])
        assert there.inbox._running == {}


async def test_an_outage_makes_the_next_wake_up_read_from_the_start() -> None:
    async with relaying(GOOD) as there:
        run_id, entry = relayed()
        there.post.put(entry)
        there.post.away = True
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        there.post.away = False
        there.inbox.wake(SHARD)
        assert ended(await there.post.replies(run_id)).end_reason is EndReason.STOP


# --- damage


async def test_a_fault_of_one_entry_hides_none_behind_it_and_ends_no_forwarding() -> None:
    more = trio.Event()
    async with relaying([BEGINNING, [Text("a")], Wait(more), [Finished("stop")]], GOOD) as there:
        running = there.send()
        await until(lambda: len(there.post.batches(running)) > 0)
        _, of_no_session = relayed(session=SessionId("no session"))
        there.post.put(of_no_session)
        behind = there.send()
        assert ended(await there.post.replies(behind)).end_reason is EndReason.STOP
        assert [type(fault) for _, fault in there.bench.faults] == [ValueError]
        more.set()
        assert ended(await there.post.replies(running)).end_reason is EndReason.STOP


async def test_an_entry_with_an_id_far_ahead_is_run_once_and_hides_nothing_that_comes() -> None:
    more = trio.Event()
    async with relaying([BEGINNING, Wait(more), [Finished("stop")]], GOOD) as there:
        run_id, payload = relayed()
        there.post.put(payload)
        there.post.inboxes[SHARD] = [evolve(there.post.inboxes[SHARD][0], entry_id="9999999999999-0")]
        there.inbox.wake(SHARD)
        await until(lambda: len(there.post.batches(run_id)) > 0)
        behind = there.send()
        assert ended(await there.post.replies(behind)).end_reason is EndReason.STOP
        more.set()
        replies = await there.post.replies(run_id)
        assert len([reply for reply in replies if isinstance(reply, Accepted)]) == 1


async def test_a_turn_that_another_process_ran_meanwhile_is_not_run_again() -> None:
    async with relaying(GOOD, GOOD) as there:
        run_id, entry = relayed()
        there.post.put(entry)
        there.inbox.wake(SHARD)
        assert ended(await there.post.replies(run_id)).end_reason is EndReason.STOP
        batches = len(there.post.batches(run_id))

        async def reclaim(_: SessionId) -> bool:
            there.bench.world.leases[SHARD] = PROCESS
            reclaimed.set()
            return True

        # The shard was another's, and the log has what that one did: here it is our own earlier run.
        reclaimed = trio.Event()
        object.__setattr__(there.bench.environment, "reclaim", reclaim)
        there.bench.world.leases[SHARD] = ProcessId("p_other")
        there.post.put(entry)
        there.inbox.wake(SHARD)
        await reclaimed.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert len(there.bench.upstream.calls) == 1
        assert len(there.post.batches(run_id)) == batches

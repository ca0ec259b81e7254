"""Turns from other processes' edges: begun once, answered in numbered batches, given up when nobody is left."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    CLOCK,
    EDGE,
    GOOD,
    OTHER,
    PROCESS,
    SHARD,
    Bench,
    ended,
    kinds,
    session_id,
    submission,
    text_of,
    until,
    working,
)
from attrs import define, evolve, field

from mix2api.actors.inbox import Inbox
from mix2api.errors import StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import Append, History, Ticket
from mix2api.relay.messages import Mail, RelayedTurn, ReplyBatch, decode_mail, encode_turn
from mix2api.relay.outbox import Outbox
from mix2api.replies import weight_of
from mix2api.sessions.worker_port import Accepted, Reply
from mix2api.store.memory import MemoryEventLog
from mix2api.store.post import InboxEntry
from mix2api.upstreams.port import Finished, Text
from mix2api.upstreams.scripted import Hang, Script, Wait
from mix2api.vocabulary import Detail, EndReason, ProcessId, RunId, SessionId, Shard

PERIOD_S = 10.0


@define(eq=False)
class Post:
    """The store's post in memory: inboxes by shard, and the mail that was sent, in order."""

    inboxes: dict[Shard, list[InboxEntry]] = field(factory=dict)
    sent: list[tuple[ProcessId, Mail]] = field(factory=list)
    away: bool = False
    keeps: bool = False
    """Nothing can be deleted."""
    reads: int = 0
    count: int = 0
    arrived: trio.Event = field(factory=trio.Event)

    def put(self, payload: bytes, shard: Shard = SHARD) -> str:
        self.count += 1
        entry = InboxEntry(f"{self.count}-0", payload, 0)
        self.inboxes.setdefault(shard, []).append(entry)
        return entry.entry_id

    def entries(self, shard: Shard = SHARD) -> list[str]:
        return [entry.entry_id for entry in self.inboxes.get(shard, [])]

    async def read_inbox(self, shard: Shard, after: str = "0-0") -> list[InboxEntry]:
        self.reads += 1
        await self._reach()
        number = int(after.partition("-")[0])
        entries = self.inboxes.get(shard, [])
        return [entry for entry in entries if int(entry.entry_id.partition("-")[0]) > number][:1000]

    async def delete_inbox(self, shard: Shard, entry_ids: Iterable[str]) -> None:
        await self._reach()
        if self.keeps:
            raise StoreUnavailable
        gone = set(entry_ids)
        self.inboxes[shard] = [entry for entry in self.inboxes[shard] if entry.entry_id not in gone]

    async def mail(self, process: ProcessId, *payloads: bytes) -> None:
        await self._reach()
        self.sent += [(process, decode_mail(payload)) for payload in payloads]
        self.arrived.set()
        self.arrived = trio.Event()

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise StoreUnavailable

    def batches(self, run_id: RunId) -> list[ReplyBatch]:
        return [mail for _, mail in self.sent if isinstance(mail, ReplyBatch) and mail.run_id == run_id]

    async def replies(self, run_id: RunId) -> list[Reply]:
        """All replies to a run, once its ending was mailed."""
        while True:
            replies = [reply for batch in self.batches(run_id) for reply in batch.replies]
            if replies and type(replies[-1]).__name__ == "Ended":
                return replies
            await self.arrived.wait()


@define(eq=False)
class Relayed:
    """A worker with an inbox."""

    bench: Bench
    post: Post
    inbox: Inbox
    alive: set[ProcessId]

    def send(self, **fields: Any) -> RunId:
        """Puts a turn for a fresh session into the inbox and wakes its owner."""
        run_id, entry = relayed(**fields)
        self.post.put(entry)
        self.inbox.wake(SHARD)
        return run_id


def relayed(
    *, session: SessionId | None = None, late_ms: int = 0, window_bytes: int = 0, **fields: Any
) -> tuple[RunId, bytes]:
    """A turn as it travels; for a fresh session unless one is named."""
    of = submission(session_id=session, **fields)
    deadline_ms = CLOCK.now_ms() + 10_000 - late_ms
    return of.run_id, encode_turn(RelayedTurn.of(of, session or session_id(), deadline_ms, window_bytes))


@asynccontextmanager
async def relaying(*scripts: Script, **options: Any) -> AsyncIterator[Relayed]:
    async with working(*scripts, **options) as bench, trio.open_nursery() as nursery:
        post, alive = Post(), {EDGE}

        async def is_alive(process: ProcessId) -> bool:
            await post._reach()
            return process in alive

        outbox = Outbox(post, spacing_s=0)
        inbox = Inbox(bench.environment, bench.worker, post, outbox, is_alive, PERIOD_S)
        nursery.start_soon(outbox.run)
        nursery.start_soon(inbox.run)
        yield Relayed(bench, post, inbox, alive)
        nursery.cancel_scope.cancel()


# --- there and back


async def test_a_turn_is_run_and_its_replies_are_mailed_in_numbered_batches() -> None:
    more = trio.Event()
    async with relaying([BEGINNING, [Text("a")], Wait(more), [Text("b"), Finished("stop")]]) as there:
        run_id = there.send()
        await until(lambda: len(there.post.batches(run_id)) > 0)
        await trio.testing.wait_all_tasks_blocked()
        more.set()
        replies = await there.post.replies(run_id)
        assert text_of(replies) == "ab"
        assert ended(replies).end_reason is EndReason.STOP
        batches = there.post.batches(run_id)
        assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
        assert {process for process, _ in there.post.sent} == {EDGE}


async def test_the_session_is_the_one_that_the_edge_drew() -> None:
    async with relaying(GOOD) as there:
        run_id = there.send()
        accepted = (await there.post.replies(run_id))[0]
        assert isinstance(accepted, Accepted)
        assert set(there.bench.world.logs) == {accepted.session_id}


@define(eq=False)
class ClosingsLog(MemoryEventLog):
    """Keeps what the store would delete with an end: the memory log has no inboxes."""

    closed: list[str | None] = field(factory=list)

    def submit(self, append: Append) -> Ticket:
        if append.closing is not None:
            self.closed.append(append.closing.inbox_entry)
        return super().submit(append)


async def test_the_entry_goes_with_the_end_of_its_run() -> None:
    log = ClosingsLog(PROCESS)
    async with relaying(GOOD, log=log) as there:
        await there.post.replies(there.send())
        assert (log.closed, there.post.entries()) == (["1-0"], ["1-0"])


async def test_each_wake_up_reads_what_is_new() -> None:
    async with relaying(GOOD, GOOD) as there:
        first = there.send()
        await there.post.replies(first)
        second = there.send()
        await there.post.replies(second)
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        assert len(there.bench.upstream.calls) == 2


async def test_more_entries_than_one_read_gives_are_all_read() -> None:
    async with relaying() as there:
        turns = [relayed(late_ms=10_000) for _ in range(1001)]
        for _, entry in turns:
            there.post.put(entry)
        there.inbox.wake(SHARD)
        await there.post.replies(turns[-1][0])
        assert there.post.reads == 2


# --- slow clients


_PIECES = [[Text("x" * 1000)] for _ in range(100)]
_WINDOW = 5000


def mailed(there: Relayed, run_id: RunId) -> int:
    """Bytes that were sent to the edge."""
    return sum(weight_of(batch.replies) for batch in there.post.batches(run_id))


async def test_no_more_is_mailed_than_the_edge_s_window_until_its_client_takes() -> None:
    script = [BEGINNING, *_PIECES, [Finished("stop")]]
    async with relaying(script, backlog_bytes=_WINDOW) as there:
        run_id = there.send(window_bytes=_WINDOW)
        await trio.testing.wait_all_tasks_blocked()
        sent = mailed(there, run_id)
        assert _WINDOW < sent <= 2 * _WINDOW + 1256
        assert there.bench.upstream.streams[0].played < 20  # nor is more read of the site
        there.inbox.taken(run_id, sent)
        there.inbox.taken(run_id, sent)
        await trio.testing.wait_all_tasks_blocked()
        assert sent < mailed(there, run_id) <= sent + 2 * _WINDOW + 1256
        there.inbox.taken(run_id, 10**9)
        assert len(text_of(await there.post.replies(run_id))) == 100_000


async def test_an_edge_that_tells_nothing_gets_all_at_once() -> None:
    async with relaying([BEGINNING, *_PIECES, [Finished("stop")]], backlog_bytes=_WINDOW) as there:
        replies = await there.post.replies(there.send())
        assert len(text_of(replies)) == 100_000


async def test_a_client_elsewhere_that_takes_nothing_has_stalled_and_its_ending_is_mailed() -> None:
    script = [BEGINNING, *_PIECES, [Finished("stop")]]
    async with relaying(script, backlog_bytes=_WINDOW, stall_s=60.0) as there:
        run_id = there.send(window_bytes=_WINDOW)
        told = ended(await there.post.replies(run_id))
        assert (told.end_reason, told.detail) == (EndReason.CLIENT_ABORT, Detail.STALLED)
        with trio.fail_after(1):
            await there.inbox.wait_forwarded()


async def test_a_client_elsewhere_that_leaves_is_not_waited_for() -> None:
    script = [BEGINNING, *_PIECES, [Finished("stop")]]
    async with relaying(script, backlog_bytes=_WINDOW) as there:
        run_id = there.send(window_bytes=_WINDOW)
        await trio.testing.wait_all_tasks_blocked()
        there.inbox.hang_up(run_id, Detail.HUNG_UP.value)
        told = ended(await there.post.replies(run_id))
        assert (told.end_reason, told.detail) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_what_was_taken_of_an_unknown_run_is_ignored() -> None:
    async with relaying() as there:
        there.inbox.taken(RunId("run_of_another_life"), 5)


# --- not to be run


async def test_a_turn_that_lay_too_long_is_refused_and_deleted() -> None:
    async with relaying() as there:
        told = ended(await there.post.replies(there.send(late_ms=10_000)))
        assert (told.end_reason, told.detail, told.http_status) == (
            EndReason.OVERLOADED,
            Detail.EXPIRED,
            503,
        )
        await until(lambda: not there.post.entries())
        assert there.bench.world.logs == {}


async def test_a_turn_over_the_limit_is_refused_and_deleted() -> None:
    async with relaying([BEGINNING, Hang()], max_concurrency=1, queue_max=0) as there:
        there.send()
        told = ended(await there.post.replies(there.send()))
        assert (told.detail, told.http_status) == (Detail.QUEUE, 429)
        await until(lambda: len(there.post.entries()) == 1)


async def test_a_turn_that_waits_for_a_slot_is_left_to_the_next_owner_by_a_stopping_worker() -> None:
    async with relaying([BEGINNING, Hang()], max_concurrency=1) as there:
        there.send()
        there.send()
        await trio.testing.wait_all_tasks_blocked()
        assert there.bench.worker.statistics().waiting == 1
        await there.bench.worker.drain(0)
        await trio.testing.wait_all_tasks_blocked()
        assert there.bench.worker.statistics().runs == 0
        assert "2-0" in there.post.entries()


async def test_a_client_that_leaves_while_its_relayed_turn_waits_frees_its_place() -> None:
    async with relaying([BEGINNING, Hang()], max_concurrency=1) as there:
        there.send()
        waiting = there.send()
        await trio.testing.wait_all_tasks_blocked()
        there.inbox.hang_up(waiting, Detail.HUNG_UP)
        assert there.bench.worker.statistics().waiting == 0
        await until(lambda: there.post.entries() == ["1-0"])


async def test_what_cannot_be_read_is_deleted_and_what_follows_is_run() -> None:
    async with relaying(GOOD) as there:
        there.post.put(b"\xc1 of another version")
        await there.post.replies(there.send())
        assert there.post.entries() == ["2-0"]


async def test_a_refusal_that_cannot_be_deleted_is_told_all_the_same() -> None:
    async with relaying() as there:
        there.post.keeps = True
        assert ended(await there.post.replies(there.send(late_ms=10_000))).detail == Detail.EXPIRED
        await trio.testing.wait_all_tasks_blocked()
        assert there.post.entries() == ["1-0"]  # read again, it is refused again: it has a deadline


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


# --- what the edge says


async def test_a_hang_up_ends_the_run_as_the_client_s_abort() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.hang_up(run_id, "hung_up")
        await there.post.replies(run_id)
        (end,) = there.bench.ends()
        assert (end.end_reason, end.detail) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_a_hang_up_may_overtake_its_turn() -> None:
    async with relaying() as there:
        run_id, entry = relayed()
        there.inbox.hang_up(run_id, "hung_up")
        there.post.put(entry)
        there.inbox.wake(SHARD)
        assert ended(await there.post.replies(run_id)).end_reason is EndReason.CLIENT_ABORT
        await until(lambda: not there.post.entries())
        assert there.bench.world.logs == {}


async def test_hang_ups_of_unknown_turns_are_not_kept_for_ever() -> None:
    async with relaying() as there:
        for number in range(3000):
            there.inbox.hang_up(RunId(f"run_{number}"), "hung_up")
        assert len(there.inbox._early) == 1000
        assert RunId("run_2999") in there.inbox._early


async def test_a_newer_edge_s_word_is_taken_for_a_plain_hang_up() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.hang_up(run_id, "a word of tomorrow")
        await there.post.replies(run_id)
        assert there.bench.ends()[0].detail == Detail.HUNG_UP


async def test_headers_that_left_are_known_to_the_run() -> None:
    cut: Script = [BEGINNING, Hang()]
    async with relaying(cut) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.headers_left(run_id)
        there.inbox.headers_left(RunId("unknown"))
        await there.bench.worker.drain(0)
        assert ended(await there.post.replies(run_id)).http_status == 200


# --- an edge that is gone


async def test_runs_of_an_edge_that_is_surely_gone_are_ended() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.alive.clear()
        await trio.sleep(PERIOD_S * 3)
        (end,) = there.bench.ends()
        assert end.total_ms >= PERIOD_S * 1000
        assert (end.end_reason, end.detail) == (EndReason.WORKER_LOST, Detail.EDGE_LOST)
        assert kinds(there.bench.events())[-3:] == ["cause", "End", "session retired"]


async def test_an_edge_that_was_only_late_keeps_its_runs() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.alive.clear()
        await trio.sleep(PERIOD_S * 1.5)
        there.alive.add(EDGE)
        await trio.sleep(PERIOD_S * 3)
        assert there.bench.ends() == []


async def test_an_outage_is_no_evidence_against_an_edge() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.alive.clear()
        await trio.sleep(PERIOD_S * 1.5)
        there.post.away = True
        await trio.sleep(PERIOD_S)
        there.post.away = False
        await trio.sleep(PERIOD_S)
        assert there.bench.ends() == []  # seen absent once since it is back


async def test_a_turn_that_waits_for_its_session_goes_with_its_edge() -> None:
    async with relaying([BEGINNING, Hang()], queue_timeout_s=600.0) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        (session,) = there.bench.world.logs
        of = submission(session_id=session)
        there.post.put(encode_turn(RelayedTurn.of(of, session, CLOCK.now_ms() + 500_000)))
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        there.alive.clear()
        await trio.sleep(PERIOD_S * 3)
        assert [end.detail for end in there.bench.ends()] == [Detail.EDGE_LOST]
        assert there.bench.worker.statistics().runs == 0


# --- stopping


async def test_endings_are_forwarded_before_a_process_goes() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        await there.bench.worker.drain(0)
        await there.inbox.wait_forwarded()
        assert ended(await there.post.replies(run_id)).detail == Detail.DRAIN


@pytest.mark.parametrize("gone", [True, False])
async def test_a_refused_turn_is_reported_here_only_where_its_edge_is_gone(*, gone: bool) -> None:
    async with relaying() as there:
        if gone:
            there.alive.clear()
        run_id, entry = relayed(late_ms=20_000)
        there.post.put(entry)
        there.inbox.wake(SHARD)
        await there.post.replies(run_id)
        await trio.testing.wait_all_tasks_blocked()
        told = [(of.run_id, ended.detail) for of, ended in there.bench.unheard]
        assert told == ([(run_id, Detail.EXPIRED)] if gone else [])


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

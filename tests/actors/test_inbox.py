"""Turns from other processes' edges: begun once, answered in numbered batches, deleted where they are refused."""

import pytest
import trio
import trio.testing
from actor_parts import BEGINNING, EDGE, GOOD, PROCESS, SHARD, ended, text_of, turn, until
from actors.inboxes import Relayed, relayed, relaying
from attrs import define, field

from mix2api.events.log import Append, Ticket
from mix2api.replies import PIECE_BYTES, weight_of
from mix2api.sessions.worker_port import Accepted, ReasoningDelta, TextDelta
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished, Reasoning, Text
from mix2api.upstreams.port import Relayed as PassedEvents
from mix2api.upstreams.scripted import Hang, Wait
from mix2api.vocabulary import ChunkKind, Detail, EndReason, RunId
from mix2api.wire.passed_on import PassedOn

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


async def test_an_answer_that_its_client_gets_whole_is_mailed_whole() -> None:
    more = trio.Event()
    script = [
        BEGINNING,
        [Reasoning("a")],
        [Text("b")],
        Wait(more),
        [Text("c"), Text("d")],
        [Finished("stop")],
    ]
    async with relaying(script) as there:
        run_id = there.send(content=turn(stream=False))
        await until(lambda: len(there.post.batches(run_id)) > 0)
        await trio.testing.wait_all_tasks_blocked()
        more.set()
        await there.post.replies(run_id)
        accepted, answer = there.post.batches(run_id)
        assert [type(reply) for reply in accepted.replies] == [Accepted]
        assert answer.replies[:-1] == [ReasoningDelta("a"), TextDelta("bcd")]
        assert ended(answer.replies).end_reason is EndReason.STOP


async def test_a_long_answer_that_its_client_gets_whole_is_mailed_in_large_pieces() -> None:
    script = [BEGINNING, *([Text("x" * 1000)] for _ in range(100)), [Finished("stop")]]
    async with relaying(script) as there:
        run_id = there.send(content=turn(stream=False))
        assert len(text_of(await there.post.replies(run_id))) == 100_000
        sizes = [
            len(reply.text)
            for batch in there.post.batches(run_id)
            for reply in batch.replies
            if isinstance(reply, TextDelta)
        ]
        assert len(sizes) == 2
        assert sizes[0] >= PIECE_BYTES * 3 // 4


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


@pytest.mark.parametrize("reads_joined", [True, False])
async def test_events_that_came_together_are_mailed_so_to_an_edge_that_reads_them(
    reads_joined: bool,  # noqa: FBT001 - pytest's form
) -> None:
    kind = "response.output_text.delta"
    both = PassedEvents(kind, "{1}\n{2}", ChunkKind.TEXT, "ab", count=2)
    async with relaying([BEGINNING, [both], [Text("c"), Finished("stop")]]) as there:
        _, *replies, _ = await there.post.replies(there.send(reads_joined=reads_joined))
        joined = PassedOn(event={kind: "{1}\n{2}"}, count=2)
        apart = [PassedOn(event={kind: "{1}"}), PassedOn(event={kind: "{2}"})]
        assert replies == [*([joined] if reads_joined else apart), TextDelta("c")]


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

"""An edge's turns at other processes: sent, answered in order, looked up when silent, ended in any case."""

from collections.abc import AsyncIterator
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
    MINT,
    OTHER,
    PROCESS,
    all_of,
    bench,
    end_of,
    ended,
    living,
    session_id,
    submission,
    text_of,
    turn,
)
from attrs import define, field

from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import History
from mix2api.identity import shard_of
from mix2api.relay.dispatch import RelayDispatch, RelayOptions
from mix2api.relay.messages import Hangup, HeadersLeft, Mail, ReplyBatch, Taken, WakeUp, decode_turn
from mix2api.relay.outbox import Outbox
from mix2api.replies import BACKLOG_BYTES, PIECE_BYTES, weight_of
from mix2api.sessions.worker_port import Accepted, Ended, Replies, Reply, Submission, TextDelta
from mix2api.store.memory import MemoryEventLog
from mix2api.store_watch import StoreWatch
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.scripted import Hang, Raise, Script
from mix2api.vocabulary import (
    Detail,
    Digest,
    EndReason,
    FinishReason,
    ProcessId,
    Receipt,
    RunId,
    SessionId,
    Shard,
)

PERIOD_S = 10.0
QUEUE_S = 15.0
ACCEPTED = Accepted("ses_accepted", "fresh", "no_history")
STOPPED = Ended(end_reason=EndReason.STOP, finish_reason=FinishReason.STOP)


class SentMail(Outbox):
    """An outbox that keeps what is put into it."""

    def __init__(self) -> None:
        self.sent: list[tuple[ProcessId, Mail]] = []

    def put(self, process: ProcessId, message: Mail, *, may_wait: bool = False) -> None:
        assert not may_wait
        self.sent.append((process, message))


@define(eq=False)
class Inboxes:
    """The store's inboxes, and who owns the shards."""

    owners: dict[Shard, ProcessId] = field(factory=dict)
    put: list[tuple[Shard, bytes, int]] = field(factory=list)
    away: bool = False
    full: bool = False

    async def put_inbox(self, shard: Shard, payload: bytes, deadline_ms: int) -> str:
        await trio.lowlevel.checkpoint()
        if self.full:
            raise StoreUnavailable
        self.put.append((shard, payload, deadline_ms))
        return f"{len(self.put)}-0"

    async def lease_owner(self, shard: Shard) -> ProcessId | None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise StoreUnavailable
        return self.owners.get(shard)


@define(eq=False)
class Edge:
    """A relay with all that it touches."""

    relay: RelayDispatch
    inboxes: Inboxes
    outbox: SentMail
    log: MemoryEventLog
    alive: set[ProcessId]
    store: StoreWatch
    lost: set[tuple[str, float]]
    """Connections to the store that do not answer."""

    async def submit(self, of: Submission | None = None) -> tuple[Submission, Replies]:
        sent = of if of is not None else submission()
        return sent, await self.relay.submit(sent)

    def deliver(self, of: Submission, number: int, *replies: Reply) -> None:
        self.relay.deliver(ReplyBatch(of.run_id, 1, number, list(replies)))

    def mails(self, kind: type[Mail]) -> list[Any]:
        return [mail for _, mail in self.outbox.sent if isinstance(mail, kind)]

    def receipts(self) -> list[tuple[str, ...]]:
        return [entry for entry in self.log.world.audit if entry[0] == "receipt"]


def edge(log: MemoryEventLog | None = None) -> Edge:
    log = MemoryEventLog(EDGE) if log is None else log
    inboxes, outbox, alive = Inboxes(), SentMail(), {PROCESS}
    inboxes.owners = {Shard(number): PROCESS for number in range(4)}

    async def is_alive(process: ProcessId) -> bool:
        await trio.lowlevel.checkpoint()
        return process in alive

    lost: set[tuple[str, float]] = set()
    store = StoreWatch(lambda: frozenset(lost), CLOCK)
    options = RelayOptions(process=EDGE, period_s=PERIOD_S, queue_timeout_s=QUEUE_S)
    relay = RelayDispatch(options, inboxes, outbox, log, is_alive, MINT, CLOCK, 4, store)
    return Edge(relay, inboxes, outbox, log, alive, store, lost)


@asynccontextmanager
async def watching(made: Edge) -> AsyncIterator[Edge]:
    """The edge looks up silent runs."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.store.watch)
        nursery.start_soon(made.relay.watch)
        yield made
        nursery.cancel_scope.cancel()


# --- sending


async def test_a_turn_goes_to_its_shard_s_inbox_and_the_owner_is_woken() -> None:
    made = edge()
    of, _ = await made.submit(submission(caller=Digest("c" * 32)))
    ((shard, payload, deadline_ms),) = made.inboxes.put
    relayed = decode_turn(payload)
    assert relayed.submission() == of
    assert shard == shard_of(SessionId(relayed.session_id))
    assert deadline_ms == relayed.deadline_ms == CLOCK.now_ms() + QUEUE_S * 1000
    assert made.outbox.sent == [(PROCESS, WakeUp(shard))]
    assert made.relay.count == 1


async def test_a_turn_that_names_its_session_goes_where_that_lives() -> None:
    made = edge()
    await made.submit(submission(session_id=session_id(Shard(3))))
    assert made.inboxes.put[0][0] == 3
    assert not decode_turn(made.inboxes.put[0][1]).fresh


async def test_a_shard_without_an_owner_takes_nothing() -> None:
    made = edge()
    made.inboxes.owners.clear()
    with pytest.raises(Overloaded) as refused:
        await made.submit()
    assert (refused.value.detail, refused.value.status) == (Detail.NO_OWNER, 503)
    assert (made.inboxes.put, made.relay.count) == ([], 0)


async def test_an_owner_that_takes_its_lease_again_is_waited_for() -> None:
    made = edge()
    owners = dict(made.inboxes.owners)
    made.inboxes.owners.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.submit)
        await trio.testing.wait_all_tasks_blocked()
        assert made.inboxes.put == []
        made.inboxes.owners.update(owners)
    assert len(made.inboxes.put) == 1


async def test_without_the_store_a_turn_is_refused_and_counted() -> None:
    made = edge()
    made.inboxes.away = True
    with pytest.raises(StoreUnavailable):
        await made.submit()
    assert made.log.world.audit == [("refused", "1")]
    assert made.relay.count == 0


async def test_a_turn_that_may_have_been_put_is_taken_back() -> None:
    """The reply was lost: the entry may stand there, and nobody is left to take its replies."""
    made = edge()
    made.inboxes.full = True
    of = submission()
    with pytest.raises(StoreUnavailable):
        await made.submit(of)
    assert made.outbox.sent == [(PROCESS, Hangup(of.run_id, Detail.EDGE_LOST))]
    assert (made.relay.count, made.log.world.audit) == (0, [("refused", "1")])


async def test_a_client_that_leaves_while_its_turn_is_sent_takes_it_back() -> None:
    made = edge()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.submit)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert made.relay.count == 0
    assert len(made.mails(Hangup)) in {0, 1}


# --- replies


async def test_replies_arrive_in_order() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, ACCEPTED, TextDelta("a"))
    made.deliver(of, 2, TextDelta("b"))
    made.deliver(of, 3, STOPPED)
    taken = await all_of(replies)
    assert (taken[0], text_of(taken), ended(taken)) == (ACCEPTED, "ab", STOPPED)
    assert made.relay.count == 0


async def test_a_batch_that_comes_again_is_ignored() -> None:
    made = edge()
    of, replies = await made.submit()
    for number in (1, 1, 2, 1, 2):
        made.deliver(of, number, TextDelta(str(number)))
    made.deliver(of, 3, STOPPED)
    made.deliver(of, 3, STOPPED)
    assert text_of(await all_of(replies)) == "12"


async def test_a_missing_batch_ends_the_stream_as_lost_and_stops_the_run() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, ACCEPTED)
    made.deliver(of, 3, STOPPED)
    told = await end_of(replies)
    assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)
    assert made.mails(Hangup) == [Hangup(of.run_id, Detail.EDGE_LOST)]  # the client did not go away
    assert made.relay.count == 0


async def test_replies_to_nobody_are_ignored() -> None:
    made = edge()
    made.relay.deliver(ReplyBatch("run_of_another_life", 1, 1, [STOPPED]))
    of, replies = await made.submit()
    made.deliver(of, 1)
    made.deliver(of, 2, STOPPED)
    assert await end_of(replies) == STOPPED


# --- what the client does


async def test_a_client_that_leaves_is_told_to_the_owner_once() -> None:
    made = edge()
    of, replies = await made.submit()
    replies.abort(Detail.HUNG_UP)
    replies.abort(Detail.STALLED)
    assert made.mails(Hangup) == [Hangup(of.run_id, Detail.HUNG_UP)]
    assert made.relay.count == 0


async def test_headers_that_left_are_told_to_the_owner() -> None:
    made = edge()
    of, replies = await made.submit()
    replies.headers_sent()
    assert made.mails(HeadersLeft) == [HeadersLeft(of.run_id)]


async def test_headers_that_left_with_a_stream_s_first_content_are_known_to_the_owner() -> None:
    made = edge()
    of, replies = await made.submit(submission(turn(stream=True)))
    made.deliver(of, 1, ACCEPTED, TextDelta("one"))
    replies.headers_sent()
    assert made.mails(HeadersLeft) == []
    whole, replies = await made.submit(submission(turn(stream=False)))
    made.deliver(whole, 1, ACCEPTED, TextDelta("one"))
    replies.headers_sent()
    assert made.mails(HeadersLeft) == [HeadersLeft(whole.run_id)]


async def test_what_the_client_takes_is_told_to_the_owner_piece_by_piece() -> None:
    made = edge()
    of, replies = await made.submit()
    assert decode_turn(made.inboxes.put[0][1]).window_bytes == BACKLOG_BYTES
    burst: list[Reply] = [TextDelta("x" * 1000)] * 300
    made.deliver(of, 1, *burst)
    assert made.mails(Taken) == []
    taken: list[Reply] = []
    while len(taken) < len(burst):
        taken += await replies.take()
    totals = [mail.total_bytes for mail in made.mails(Taken)]
    assert totals == sorted(set(totals))
    assert weight_of(burst) - PIECE_BYTES < totals[-1] <= weight_of(burst)
    assert {process for process, mail in made.outbox.sent if isinstance(mail, Taken)} == {PROCESS}


async def test_short_answers_cost_no_word_of_what_was_taken() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, ACCEPTED, *[TextDelta("hello ")] * 100, STOPPED)
    await all_of(replies)
    assert made.mails(Taken) == []


async def test_what_was_taken_of_an_ended_run_is_nobody_s_business() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, *[TextDelta("x" * 1000)] * 300, STOPPED)
    await all_of(replies)
    assert made.mails(Taken) == []


async def test_what_was_taken_is_told_again_where_a_run_is_silent() -> None:
    """That mail may have been lost, and the owner waits for it."""
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.deliver(of, 1, *[TextDelta("x" * 1000)] * 100)
        taken = weight_of(await replies.take())
        assert 0 < taken < PIECE_BYTES
        assert made.mails(Taken) == []
        await trio.sleep(2.5 * PERIOD_S)
        assert set(made.mails(Taken)) == {Taken(of.run_id, taken)}


async def test_a_receipt_is_written_for_the_run_that_answered() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, ACCEPTED)
    again = RunId("run_again")
    made.deliver(of, 2, Accepted("ses_fresh", "fresh", "upstream_lost", again), STOPPED)
    await end_of(replies)
    replies.settle(Receipt.WRITTEN)
    assert made.receipts() == [("receipt", again, "written")]


async def test_a_refused_turn_has_no_receipt() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, Ended(end_reason=EndReason.OVERLOADED, detail=Detail.QUEUE))
    await end_of(replies)
    replies.settle(Receipt.ERROR_WRITTEN)
    assert made.receipts() == []


# --- silence


async def run_elsewhere(made: Edge, of: Submission, *script: Script, begin_only: bool = False) -> None:
    """The owner runs the turn, and none of its replies arrive; it dies in the middle if it is to begin only."""
    log = MemoryEventLog(PROCESS, made.log.world)
    log.take_all(4)
    owner = bench(script, log)
    relayed = decode_turn(made.inboxes.put[0][1])
    async with living(owner):
        replies = await owner.submit(_as_relayed(of, SessionId(relayed.session_id)))
        if begin_only:
            await owner.upstream.wait_calls(1)
            await trio.testing.wait_all_tasks_blocked()
        else:
            await end_of(replies)


def _as_relayed(of: Submission, session: SessionId) -> Submission:
    return submission(of.turn, run_id=of.run_id, session_id=session, claimed=True)


async def silence(replies: Replies, limit_s: float) -> Ended | None:
    """The ending that comes within so many seconds, None if none does."""
    with trio.move_on_after(limit_s):
        return await end_of(replies)
    return None


async def test_a_run_under_way_at_a_living_worker_is_waited_for() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        assert await silence(replies, 20 * PERIOD_S) is None
        made.deliver(of, 1, ACCEPTED, STOPPED)
        assert await end_of(replies) == STOPPED


@pytest.mark.parametrize(
    ("heard", "detail"), [(False, Detail.BEFORE_OUTPUT), (True, Detail.MID_STREAM)], ids=["silent", "begun"]
)
async def test_a_run_of_a_dead_worker_that_nobody_recovers_is_ended(*, heard: bool, detail: Detail) -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        if heard:
            (session,) = made.log.world.logs
            made.deliver(of, 1, Accepted(session, "fresh", "no_history"))
        made.alive.clear()
        assert await silence(replies, 4 * PERIOD_S) is None  # whoever recovers it has that long
        told = await silence(replies, 3 * PERIOD_S)
        assert told is not None
        assert (told.end_reason, told.detail, told.http_status) == (EndReason.WORKER_LOST, detail, 503)


async def test_a_run_that_failed_is_told_from_the_log() -> None:
    cut: Script = [Raise(UpstreamFault(EndReason.TIMEOUT, Detail.FIRST_BYTE, "silent"))]
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, cut)
        told = await silence(replies, 3 * PERIOD_S)
        assert told is not None
        assert (told.end_reason, told.detail) == (EndReason.TIMEOUT, Detail.FIRST_BYTE)


async def test_a_finish_whose_answer_was_lost_is_not_shown_as_one() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, GOOD)
        told = await silence(replies, 3 * PERIOD_S)
        assert told is not None
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)


async def test_an_ending_that_is_still_in_the_mail_is_waited_for() -> None:
    """The end is durable before its reply is sent: a look just then finds one without the other."""
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, GOOD)
        assert await silence(replies, 1.5 * PERIOD_S) is None
        made.deliver(of, 1, ACCEPTED, STOPPED)
        assert await end_of(replies) == STOPPED


async def test_a_run_that_ran_again_is_looked_up_as_the_second() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        cut: Script = [Raise(UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.STATUS, "gone", status=404))]
        await run_elsewhere(made, of, cut)
        again = submission(of.turn)
        second = edge(made.log)
        await second.submit(again)
        await run_elsewhere(second, again, [BEGINNING, Hang()], begin_only=True)
        session = next(
            entry.run.session_id for entry in made.log.world.open.values() if entry.run.run_id == again.run_id
        )
        made.deliver(of, 1, Accepted(session, "fresh", "upstream_lost", again.run_id))
        assert await silence(replies, 20 * PERIOD_S) is None


async def test_a_turn_that_nobody_begins_is_asked_for_again_and_then_given_up() -> None:
    async with watching(edge()) as made:
        _, replies = await made.submit()
        made.inboxes.owners = dict.fromkeys(made.inboxes.owners, OTHER)
        assert await silence(replies, PERIOD_S + 1) is None
        assert [process for process, _ in made.outbox.sent] == [PROCESS, OTHER]
        told = await silence(replies, 2 * PERIOD_S)
        assert told is not None
        assert (told.end_reason, told.detail, told.http_status) == (
            EndReason.OVERLOADED,
            Detail.EXPIRED,
            503,
        )
        replies.settle(Receipt.ERROR_WRITTEN)
        assert made.receipts() == []


async def test_a_turn_without_an_owner_waits_for_one() -> None:
    async with watching(edge()) as made:
        _, replies = await made.submit()
        made.inboxes.owners.clear()
        assert await silence(replies, PERIOD_S + 1) is None
        assert len(made.outbox.sent) == 1


async def test_a_log_that_cannot_be_read_is_no_evidence_that_it_began() -> None:
    async with watching(edge(UnreadableLog(EDGE))) as made:
        _, replies = await made.submit()
        told = await silence(replies, 3 * PERIOD_S)
        assert told is not None
        assert told.detail == Detail.EXPIRED


@define(eq=False)
class UnreadableLog(MemoryEventLog):
    """Written by a version to come."""

    async def history(self, session_id: SessionId) -> History:
        del session_id
        raise UnreadableEvent("newer")


async def test_a_run_that_vanished_from_the_open_ones_is_ended_after_a_while() -> None:
    """Between its end and the look at it, that is the usual sight; for ever, it is damage."""
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.log.world.open.clear()
        assert await silence(replies, 4 * PERIOD_S) is None
        told = await silence(replies, 2 * PERIOD_S)
        assert told is not None
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)


async def test_silence_tells_nothing_while_the_store_is_away() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.alive.clear()
        made.log.away = True
        assert await silence(replies, 20 * PERIOD_S) is None
        made.log.away = False
        assert await silence(replies, 7 * PERIOD_S) is not None


async def test_a_run_that_speaks_is_not_looked_up() -> None:
    async with watching(edge()) as made:
        made.log.away = True  # a look would be noticed
        of, replies = await made.submit()
        for number in range(1, 10):
            made.deliver(of, number, TextDelta("."))
            await trio.sleep(PERIOD_S / 2)
        made.deliver(of, 10, STOPPED)
        assert text_of(await all_of(replies)) == "." * 9


# --- the store away


@define(eq=False)
class CountedHistory(MemoryEventLog):
    """It is away, and counts who asks."""

    reads: int = 0

    async def history(self, session_id: SessionId) -> History:
        del session_id
        await trio.lowlevel.checkpoint()
        self.reads += 1
        raise StoreUnavailable


_AWAY_S = 6.0
"""For how long a stream outlasts that."""


async def test_a_stream_outlasts_a_store_that_comes_back_soon() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        made.deliver(of, 1, ACCEPTED, TextDelta("a"))
        made.lost.add(("read", 1.0))
        await trio.sleep(_AWAY_S - 1)
        made.lost.clear()
        made.deliver(of, 2, TextDelta("b"), STOPPED)
        taken = await all_of(replies)
        assert (text_of(taken), ended(taken)) == ("ab", STOPPED)
        assert made.mails(Hangup) == []


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_stream_whose_store_stays_away_is_ended_and_its_worker_told(*, accepted: bool) -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        if accepted:
            made.deliver(of, 1, ACCEPTED)
        made.lost.add(("read", 0.0))
        told = await silence(replies, _AWAY_S + 1.5)
        assert told is not None
        assert (told.end_reason, told.http_status, told.retry_after_s) == (EndReason.UNAVAILABLE, 503, 1)
        assert made.mails(Hangup) == [Hangup(of.run_id, Detail.EDGE_LOST)]
        assert made.relay.count == 0
        replies.settle(Receipt.ERROR_WRITTEN)
        assert made.receipts() == [("receipt", of.run_id, "error_written")]


async def test_short_outages_do_not_add_up() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        for _ in range(5):
            made.lost.add(("read", 0.0))
            await trio.sleep(_AWAY_S - 1)
            made.lost.clear()
            await trio.sleep(1)
        assert await silence(replies, 0) is None
        assert made.mails(Hangup) == []


async def test_one_look_up_that_fails_ends_the_pass_and_nobody_s_silence_counts() -> None:
    log = CountedHistory(EDGE)
    async with watching(edge(log)) as made:
        for _ in range(20):
            await made.submit()
        await trio.sleep(PERIOD_S + 1)
        assert log.reads == 1

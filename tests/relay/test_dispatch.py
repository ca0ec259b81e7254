"""An edge's turns at other processes: sent, answered in order, and told what the client does."""

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    CLOCK,
    OTHER,
    PROCESS,
    all_of,
    end_of,
    ended,
    session_id,
    submission,
    text_of,
    turn,
)
from relay.edges import ACCEPTED, PERIOD_S, QUEUE_S, STOPPED, edge, run_elsewhere, watching

from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.identity import shard_of
from mix2api.relay.messages import Hangup, HeadersLeft, ReplyBatch, Taken, WakeUp, decode_turn
from mix2api.replies import BACKLOG_BYTES, PIECE_BYTES, weight_of
from mix2api.sessions.worker_port import Accepted, Ended, Reply, TextDelta
from mix2api.upstreams.scripted import Hang
from mix2api.vocabulary import Channel, Detail, Digest, EndReason, Receipt, RunId, SessionId, Shard

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
    assert refused.value.worker_channel is Channel.STABLE
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


async def test_a_shard_s_owner_is_asked_for_once_and_again_when_the_shard_has_moved() -> None:
    made, named = edge(), session_id(Shard(3))
    for _ in range(2):
        await made.submit(submission(session_id=named))
    assert made.inboxes.asked == 1
    made.inboxes.owners[Shard(3)] = OTHER
    await made.submit(submission(session_id=named))
    assert made.inboxes.asked == 2
    assert [to for to, _ in made.outbox.sent] == [PROCESS, PROCESS, OTHER]
    assert len(made.inboxes.put) == 3
    made.inboxes.owners.clear()
    with pytest.raises(Overloaded):
        await made.submit(submission(session_id=named))
    assert (len(made.inboxes.put), made.relay.count) == (3, 3)
    assert made.mails(Hangup) == []


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
    # Should it run all the same, the audit knows what its client was told.
    receipt = ("receipt", of.run_id, "error_written", "unavailable")
    assert (made.relay.count, made.log.world.audit) == (0, [("refused", "1"), receipt])


async def test_a_turn_that_was_taken_back_is_not_run_by_this_process_either() -> None:
    """The shard may have come to this process meanwhile, and its inbox is read before the mail arrives."""
    made = edge()
    made.inboxes.full = True
    stopped: list[tuple[RunId, Detail]] = []
    made.relay.on_stop = lambda run_id, detail: stopped.append((run_id, detail))
    of = submission()
    with pytest.raises(StoreUnavailable):
        await made.submit(of)
    assert stopped == [(of.run_id, Detail.EDGE_LOST)]


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
    made.deliver(of, 2, ACCEPTED, STOPPED)
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


async def test_an_ending_names_the_channel_of_the_worker_where_that_did_not_accept_the_turn() -> None:
    made = edge(percent=50)
    for shard, channel in ((0, Channel.CANARY), (3, Channel.STABLE)):
        of, replies = await made.submit(submission(session_id=session_id(Shard(shard))))
        made.deliver(of, 1, Ended(end_reason=EndReason.OVERLOADED, detail=Detail.QUEUE))
        assert (await end_of(replies)).worker_channel is channel
    of, replies = await made.submit(submission(session_id=session_id(Shard(0))))
    made.deliver(of, 1, ACCEPTED, STOPPED)
    assert (await end_of(replies)).worker_channel is None


async def test_a_refused_turn_has_no_receipt() -> None:
    made = edge()
    of, replies = await made.submit()
    made.deliver(of, 1, Ended(end_reason=EndReason.OVERLOADED, detail=Detail.QUEUE))
    await end_of(replies)
    replies.settle(Receipt.ERROR_WRITTEN)
    assert made.receipts() == []

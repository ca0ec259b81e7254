"""Relayed turns whose owner or store is silent: looked up in the log, waited for, or ended."""

import pytest
import trio
from actor_parts import BEGINNING, EDGE, GOOD, OTHER, PROCESS, all_of, end_of, ended, submission, text_of
from attrs import define
from relay.edges import ACCEPTED, PERIOD_S, STOPPED, edge, run_elsewhere, silence, watching

from mix2api.errors import StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import History
from mix2api.relay.messages import Hangup
from mix2api.sessions.worker_port import Accepted, TextDelta
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.scripted import Hang, Raise, Script
from mix2api.vocabulary import Channel, Detail, EndReason, Receipt, SessionId

# --- silence


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
        of, replies = await made.submit()
        made.inboxes.owners = dict.fromkeys(made.inboxes.owners, OTHER)
        assert await silence(replies, PERIOD_S + 1) is None
        assert [process for process, _ in made.outbox.sent] == [PROCESS, OTHER]
        told = await silence(replies, 2 * PERIOD_S)
        assert told is not None
        assert (told.end_reason, told.detail, told.http_status, told.worker_channel) == (
            EndReason.OVERLOADED,
            Detail.EXPIRED,
            503,
            Channel.STABLE,
        )
        replies.settle(Receipt.ERROR_WRITTEN)
        # A process that waits for the store may have begun it all the same.
        assert made.receipts() == [("receipt", of.run_id, "error_written")]


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

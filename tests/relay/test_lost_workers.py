"""Relayed turns whose worker is lost: what recovery says of them reaches the client, or the turn runs once more."""

import pytest
import trio
import trio.testing
from actor_parts import BEGINNING, GOOD, OTHER, all_of, end_of, ended, submission, text_of
from attrs import define
from relay.edges import ACCEPTED, PERIOD_S, STOPPED, Edge, edge, run_elsewhere, silence, watching

from mix2api.identity import shard_of
from mix2api.relay import endings
from mix2api.relay.messages import Hangup, RelayedTurn, ReplyBatch, TakenOver, WakeUp, decode_turn
from mix2api.sessions.resolution import Reason
from mix2api.sessions.worker_port import Accepted, Ended, Replies, Submission, TextDelta
from mix2api.upstreams.scripted import Hang
from mix2api.vocabulary import Detail, EndReason, Receipt, RunId, SessionId

_LOST = endings.lost(Detail.BEFORE_OUTPUT)


def taken_over(made: Edge, run_id: RunId) -> None:
    made.relay.taken_over(TakenOver(run_id, _LOST))


async def lost_turn(made: Edge) -> tuple[Submission, Replies]:
    """A turn whose worker was lost before it said anything of an answer, and was ended by recovery."""
    of, replies = await made.submit()
    session_id = decode_turn(made.inboxes.put[0][1]).session_id
    made.deliver(of, 1, Accepted(session_id, "fresh", "no_history"))
    taken_over(made, of.run_id)
    await trio.testing.wait_all_tasks_blocked()
    return of, replies


def put_again(made: Edge) -> RelayedTurn:
    _, again = made.inboxes.put
    return decode_turn(again[1])


@define
class SlowLook:
    """Looks whose verdict is that of the moment at which they begin."""

    lets_go: trio.Event

    async def verdict(self, _: object) -> Ended:
        await self.lets_go.wait()
        return _LOST


async def test_a_look_that_mail_overtook_does_not_lose_the_turn_again() -> None:
    async with watching(edge(rerun=True)) as made, trio.open_nursery() as nursery:
        of, _ = await made.submit()
        made.relay._look_up = SlowLook(lets_go := trio.Event())
        made.relay._runs[of.run_id].heard_ms = -1e9
        nursery.start_soon(made.relay._look_up_silent)
        await trio.testing.wait_all_tasks_blocked()
        taken_over(made, of.run_id)
        await trio.testing.wait_all_tasks_blocked()
        again = RunId(put_again(made).run_id)
        lets_go.set()
        await trio.testing.wait_all_tasks_blocked()
        assert list(made.relay._runs) == [again]
        assert made.receipts() == [("receipt", of.run_id, Receipt.RERUN.value)]


async def test_a_turn_of_which_nothing_was_seen_runs_once_more_on_a_fresh_session() -> None:
    async with watching(edge(rerun=True)) as made:
        of, replies = await lost_turn(made)
        first, again = decode_turn(made.inboxes.put[0][1]), put_again(made)
        assert (again.attempt, again.fresh, again.reason) == (2, True, Reason.WORKER_LOST)
        assert again.run_id != of.run_id
        assert again.submission().again_of == of.run_id
        assert again.session_id != first.session_id
        assert shard_of(SessionId(again.session_id)) == shard_of(SessionId(first.session_id))
        assert again.turn == of.turn
        assert isinstance(made.outbox.sent[-1][1], WakeUp)
        assert made.mails(Hangup) == [Hangup(of.run_id, Detail.EDGE_LOST)]
        made.deliver(of, 2, TextDelta("of the first"))
        told = Accepted(again.session_id, "fresh", "worker_lost", again.run_id)
        made.relay.deliver(ReplyBatch(again.run_id, 1, 1, [told, TextDelta("of the second"), STOPPED]))
        taken = await all_of(replies)
        assert (text_of(taken), ended(taken)) == ("of the second", STOPPED)
        replies.settle(Receipt.WRITTEN, EndReason.STOP)
        assert made.receipts() == [
            ("receipt", of.run_id, Receipt.RERUN),
            ("receipt", again.run_id, Receipt.WRITTEN, EndReason.STOP),
        ]


async def test_a_turn_runs_twice_at_most() -> None:
    async with watching(edge(rerun=True)) as made:
        _, replies = await lost_turn(made)
        taken_over(made, RunId(put_again(made).run_id))
        assert await end_of(replies) == _LOST
        assert len(made.inboxes.put) == 2


async def test_a_turn_whose_client_has_seen_something_is_ended() -> None:
    async with watching(edge(rerun=True)) as made:
        of, replies = await made.submit()
        made.deliver(of, 1, ACCEPTED, TextDelta("a"))
        taken_over(made, of.run_id)
        assert ended(await all_of(replies)) == _LOST
        assert len(made.inboxes.put) == 1


async def test_nothing_runs_again_where_the_operator_forbids_it() -> None:
    async with watching(edge(rerun=False)) as made:
        of, replies = await made.submit()
        taken_over(made, of.run_id)
        assert await end_of(replies) == _LOST
        assert len(made.inboxes.put) == 1


async def test_a_run_that_ended_otherwise_than_by_the_loss_of_its_worker_does_not_run_again() -> None:
    async with watching(edge(rerun=True)) as made:
        of, replies = await made.submit()
        made.relay.taken_over(TakenOver(of.run_id, endings.store_away()))
        assert (await end_of(replies)).end_reason is EndReason.UNAVAILABLE
        assert len(made.inboxes.put) == 1


async def test_a_run_that_finished_and_whose_answer_was_lost_does_not_run_again() -> None:
    async with watching(edge(rerun=True)) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, GOOD)
        told = await silence(replies, 3 * PERIOD_S)
        assert told == endings.lost(Detail.MID_STREAM)
        assert len(made.inboxes.put) == 1


async def test_a_client_that_leaves_while_its_turn_is_put_again_is_not_answered() -> None:
    async with watching(edge(rerun=True)) as made:
        of, replies = await made.submit()
        taken_over(made, of.run_id)
        replies.abort(Detail.HUNG_UP)
        await trio.testing.wait_all_tasks_blocked()
        assert len(made.inboxes.put) == 1
        assert made.relay.count == 0


@pytest.mark.parametrize("trouble", ["no owner", "a full store"])
async def test_a_turn_that_cannot_be_put_again_is_ended(trouble: str) -> None:
    async with watching(edge(rerun=True)) as made:
        of, replies = await made.submit()
        made.inboxes.full = trouble == "a full store"
        if trouble == "no owner":
            made.inboxes.owners.clear()
        taken_over(made, of.run_id)
        told = await silence(replies, PERIOD_S)
        assert told == _LOST
        assert made.relay.count == 0
        replies.settle(Receipt.ERROR_WRITTEN, EndReason.WORKER_LOST)
        assert made.receipts() == [("receipt", of.run_id, Receipt.ERROR_WRITTEN, EndReason.WORKER_LOST)]


async def test_a_run_that_goes_by_another_name_in_the_log_is_found_by_it() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        renamed = submission(of.turn).run_id
        made.deliver(of, 1, Accepted("ses_accepted", "fresh", "upstream_lost", renamed))
        taken_over(made, of.run_id)
        assert made.relay.count == 1, "that was the first one, and its end is old"
        taken_over(made, renamed)
        assert await end_of(replies) == _LOST
        taken_over(made, renamed)


async def test_the_run_of_a_silent_worker_is_ended_by_the_owner_of_today_and_not_by_a_look() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.silent |= made.alive
        made.inboxes.owners = dict.fromkeys(made.inboxes.owners, OTHER)
        assert await silence(replies, 3 * PERIOD_S) is None
        recovered = endings.lost(Detail.MID_STREAM)
        made.relay.taken_over(TakenOver(of.run_id, recovered))
        assert await end_of(replies) == recovered


async def test_the_run_of_a_silent_worker_whose_shard_nobody_takes_is_ended_within_two_periods() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.silent |= made.alive
        assert await silence(replies, 1.5 * PERIOD_S) is None
        assert await silence(replies, 0.6 * PERIOD_S) == _LOST


async def test_a_shard_that_gets_an_owner_at_last_leaves_its_runs_to_that_one() -> None:
    async with watching(edge()) as made:
        of, replies = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.silent |= made.alive
        assert await silence(replies, 1.5 * PERIOD_S) is None
        made.inboxes.owners = dict.fromkeys(made.inboxes.owners, OTHER)
        assert await silence(replies, PERIOD_S) is None


async def test_a_turn_of_a_silent_worker_that_its_shard_s_owner_does_not_end_is_put_again_to_that_owner() -> (
    None
):
    async with watching(edge(rerun=True)) as made:
        of, _ = await made.submit()
        await run_elsewhere(made, of, [BEGINNING, Hang()], begin_only=True)
        made.silent |= made.alive
        made.inboxes.owners = dict.fromkeys(made.inboxes.owners, OTHER)
        await trio.sleep(5 * PERIOD_S)
        assert made.outbox.sent[-1] == (OTHER, WakeUp(shard_of(SessionId(put_again(made).session_id))))

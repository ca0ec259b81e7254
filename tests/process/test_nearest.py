"""A turn that this process refuses because another one owns its shard is put there, and its client sees nothing of it."""

import pytest
import trio
import trio.testing
from attrs import define, field

from mix2api.actors import refusals
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.process.nearest import MovingReplies
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import Accepted, Ended, Replies, TextDelta
from mix2api.vocabulary import Detail, EndReason, Receipt

ACCEPTED = Accepted("ses_a", "fresh", "no_history", "run_a")
STOPPED = Ended(end_reason=EndReason.STOP)


@define(eq=False)
class Side:
    """One process's replies, and what it hears."""

    buffer: ReplyBuffer = field(factory=ReplyBuffer)
    heard: list[object] = field(factory=list)

    def reader(self) -> ReplyReader:
        return ReplyReader(
            self.buffer,
            self.heard.append,
            lambda receipt, *_: self.heard.append(receipt),
            lambda: self.heard.append("headers"),
        )


@define(eq=False)
class Trial:
    """A turn here, and the process to which it may move."""

    here: Side = field(factory=Side)
    there: Side = field(factory=Side)
    moves: int = 0
    fault: Exception | None = None
    others: bool = True
    gate: trio.Event | None = None

    async def move(self) -> Replies:
        self.moves += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return self.there.reader()

    def replies(self) -> MovingReplies:
        return MovingReplies(self.here.reader(), self.move, lambda: self.others)


@pytest.mark.parametrize("refusal", [refusals.not_owner(), refusals.draining()])
async def test_a_turn_that_is_refused_for_its_shard_goes_on_elsewhere(refusal: Ended) -> None:
    trial = Trial()
    replies = trial.replies()
    replies.headers_sent()
    trial.here.buffer.put([refusal])
    trial.there.buffer.put([ACCEPTED, TextDelta("a")])
    assert await replies.take() == [ACCEPTED, TextDelta("a")]
    trial.there.buffer.put([STOPPED])
    assert await replies.take() == [STOPPED]
    replies.settle(Receipt.WRITTEN, EndReason.STOP)
    assert trial.there.heard == ["headers", Receipt.WRITTEN]
    assert trial.here.heard == ["headers"]


async def test_a_turn_moves_once_at_most() -> None:
    trial = Trial()
    replies = trial.replies()
    trial.here.buffer.put([refusals.not_owner()])
    trial.there.buffer.put([refusals.not_owner()])
    assert await replies.take() == [refusals.not_owner()]
    assert trial.moves == 1


async def test_a_run_that_was_accepted_stays() -> None:
    trial = Trial()
    replies = trial.replies()
    replies.nudge()
    assert await replies.take() == []
    trial.here.buffer.put([ACCEPTED])
    assert await replies.take() == [ACCEPTED]
    trial.here.buffer.put([refusals.draining()])
    assert await replies.take() == [refusals.draining()]
    assert trial.moves == 0


@pytest.mark.parametrize("others", [True, False])
async def test_every_other_refusal_and_every_one_without_others_is_told(*, others: bool) -> None:
    trial = Trial(others=others)
    replies = trial.replies()
    refusal = refusals.queued_too_long() if others else refusals.not_owner()
    trial.here.buffer.put([refusal])
    assert await replies.take() == [refusal]
    assert trial.moves == 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Overloaded("full", detail=Detail.QUEUE, retry_after_s=1), Detail.QUEUE),
        (StoreUnavailable(), None),
    ],
)
async def test_a_turn_that_cannot_be_put_there_either_is_refused(
    fault: Exception, told: Detail | None
) -> None:
    trial = Trial(fault=fault)
    trial.here.buffer.put([refusals.draining()])
    (ended,) = await trial.replies().take()
    assert isinstance(ended, Ended)
    assert ended.detail == told
    assert ended.end_reason is (EndReason.UNAVAILABLE if told is None else EndReason.OVERLOADED)


async def test_a_client_that_leaves_while_its_turn_moves_is_heard_of_there() -> None:
    trial = Trial(gate=trio.Event())
    replies = trial.replies()
    trial.here.buffer.put([refusals.not_owner()])
    trial.there.buffer.put([STOPPED])
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(replies.take)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            replies.abort(Detail.HUNG_UP)
            assert trial.gate is not None
            trial.gate.set()
    assert trial.there.heard == [Detail.HUNG_UP]
    assert await replies.take() == [STOPPED], "the reader that was cancelled took nothing"


async def test_a_turn_whose_client_has_left_does_not_move() -> None:
    trial = Trial()
    replies = trial.replies()
    replies.abort(Detail.HUNG_UP)
    trial.here.buffer.put([refusals.not_owner()])
    assert await replies.take() == [refusals.not_owner()]
    assert trial.moves == 0

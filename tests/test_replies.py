"""The buffer between a run and its reader."""

import pytest
import trio
import trio.testing
from attrs import define, field

from mix2api.replies import ReplyBuffer
from mix2api.sessions.dispatch import TextDelta
from mix2api.vocabulary import Detail, Receipt


@define(eq=False)
class Heard:
    """What the writer is told."""

    words: list[str] = field(factory=list)

    def buffer(self) -> ReplyBuffer:
        return ReplyBuffer(self.words.append, self.words.append, lambda: self.words.append("headers"))


async def test_all_that_is_pending_is_taken_at_once_and_in_order() -> None:
    buffer = Heard().buffer()
    buffer.put([TextDelta("a"), TextDelta("b")])
    buffer.put([TextDelta("c")])
    assert buffer.backlog == 3
    assert await buffer.take() == [TextDelta("a"), TextDelta("b"), TextDelta("c")]
    assert buffer.backlog == 0


async def test_a_reader_waits_for_the_next_reply() -> None:
    buffer = Heard().buffer()
    async with trio.open_nursery() as nursery:
        taken = []
        nursery.start_soon(lambda: _take_into(buffer, taken))
        await trio.testing.wait_all_tasks_blocked()
        assert taken == []
        buffer.put([TextDelta("a")])
    assert taken == [TextDelta("a")]


async def _take_into(buffer: ReplyBuffer, taken: list[object]) -> None:
    taken += await buffer.take()


async def test_a_nudge_wakes_the_reader_with_nothing() -> None:
    buffer = Heard().buffer()
    buffer.nudge()
    assert await buffer.take() == []
    with trio.move_on_after(0):
        await buffer.take()
        pytest.fail("a nudge counts once")


async def test_a_reader_that_is_cancelled_has_taken_nothing() -> None:
    buffer = Heard().buffer()
    buffer.put([TextDelta("a")])
    with trio.CancelScope() as scope:
        scope.cancel()
        await buffer.take()
    assert scope.cancelled_caught
    assert await buffer.take() == [TextDelta("a")]


async def test_the_writer_can_wait_until_all_was_taken() -> None:
    buffer = Heard().buffer()
    await buffer.wait_taken()  # nothing to wait for
    buffer.put([TextDelta("a")])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(buffer.wait_taken)
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        await buffer.take()


def test_an_abort_and_a_receipt_are_told_once() -> None:
    heard = Heard()
    buffer = heard.buffer()
    for _ in range(2):
        buffer.abort(Detail.HUNG_UP)
        buffer.settle(Receipt.CLIENT_LEFT)
    assert heard.words == [Detail.HUNG_UP, Receipt.CLIENT_LEFT]


def test_headers_commit_the_answer() -> None:
    heard = Heard()
    buffer = heard.buffer()
    assert not buffer.committed
    buffer.headers_sent()
    assert buffer.committed
    assert heard.words == ["headers"]


def test_not_everybody_wants_to_hear_of_headers() -> None:
    buffer = ReplyBuffer(lambda _: None, lambda _: None)
    buffer.headers_sent()
    assert buffer.committed

"""The buffer between a run and its reader."""

import weakref

import pytest
import trio
import trio.testing
from attrs import define, field

from mix2api.replies import PIECE_BYTES, ReplyBuffer, ReplyReader, bytes_of, pieces_in, weight_of
from mix2api.sessions.worker_port import Accepted, Ended, ReasoningDelta, Reply, TextDelta, ToolCallDelta
from mix2api.vocabulary import Detail, EndReason, Receipt
from mix2api.wire.passed_on import PassedOn


@define(eq=False)
class Heard:
    """What the writer is told."""

    words: list[str] = field(factory=list)

    def reader(self) -> ReplyReader:
        return ReplyReader(
            ReplyBuffer(),
            self.words.append,
            lambda receipt, told, _times: self.words.extend([receipt, str(told)]),
            lambda: self.words.append("headers"),
        )


async def test_all_that_is_pending_is_taken_at_once_and_in_order() -> None:
    buffer = ReplyBuffer()
    buffer.put([TextDelta("a"), TextDelta("b")], 2)
    buffer.put([TextDelta("c")], 1)
    assert buffer.held_bytes == weight_of([TextDelta("a"), TextDelta("b"), TextDelta("c")])
    assert await buffer.take() == [TextDelta("a"), TextDelta("b"), TextDelta("c")]
    assert buffer.held_bytes == 0


async def test_a_reader_waits_for_the_next_reply() -> None:
    buffer = ReplyBuffer()
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
    buffer = ReplyBuffer()
    buffer.nudge()
    assert await buffer.take() == []
    with trio.move_on_after(0):
        await buffer.take()
        pytest.fail("a nudge counts once")


async def test_the_reader_of_a_whole_answer_sleeps_until_its_ending_or_a_large_piece() -> None:
    buffer = ReplyBuffer(is_whole=True)
    taken: list[object] = []
    async with trio.open_nursery() as nursery:
        buffer.put([Accepted(session_id="ses", resolution="fresh", reason="no_history")])
        assert len(await buffer.take()) == 1
        nursery.start_soon(_take_into, buffer, taken)
        buffer.put([TextDelta("a")], 1, at_ms=1.0)
        buffer.put([TextDelta("b")], 1, at_ms=2.0)
        await trio.testing.wait_all_tasks_blocked()
        assert taken == []
        ended = Ended(end_reason=EndReason.STOP)
        buffer.put([ended])
    assert taken == [TextDelta("a"), TextDelta("b"), ended]
    buffer.put([TextDelta("c" * PIECE_BYTES)], PIECE_BYTES, at_ms=3.0)
    assert await buffer.take() == [TextDelta("c" * PIECE_BYTES)]


async def test_a_sink_is_given_pieces_until_it_leaves_something_to_the_reader() -> None:
    taken_bytes: list[int] = []
    buffer = ReplyBuffer(taken_bytes.append)
    sunk: list[Reply] = []

    def sink(replies: list[Reply]) -> bool:
        sunk.extend(replies)
        return replies != [TextDelta("half")]

    accepted = Accepted(session_id="ses", resolution="fresh", reason="new")
    ended = Ended(end_reason=EndReason.STOP)
    buffer.sink = sink
    buffer.put([TextDelta("a"), TextDelta("b")], 2)
    assert (sunk, taken_bytes) == ([TextDelta("a"), TextDelta("b")], [weight_of(sunk)])
    buffer.put([accepted])
    buffer.put([TextDelta("behind")], 6)  # it comes after what waits
    assert await buffer.take() == [accepted, TextDelta("behind")]
    buffer.put([TextDelta("half")], 4)
    buffer.put([TextDelta("rest")], 4)
    assert (len(sunk), await buffer.take()) == (3, [TextDelta("rest")])
    buffer.sink = sink
    many = [TextDelta("c")] * 5
    buffer.put(many, 5)
    assert (len(sunk), await buffer.take()) == (3, many)
    buffer.put([ended])
    assert (len(sunk), await buffer.take()) == (3, [ended])


async def test_a_reader_that_is_cancelled_has_taken_nothing() -> None:
    buffer = ReplyBuffer()
    buffer.put([TextDelta("a")])
    with trio.CancelScope() as scope:
        scope.cancel()
        await buffer.take()
    assert scope.cancelled_caught
    assert await buffer.take() == [TextDelta("a")]


async def test_of_a_large_burst_a_piece_is_taken_at_a_time() -> None:
    buffer = ReplyBuffer()
    burst = [TextDelta(f"{number:01000}") for number in range(1000)]
    buffer.put(list(burst), bytes_of(burst))
    assert buffer.held_bytes == weight_of(burst)
    taken, largest = [], 0
    while len(taken) < len(burst):
        piece = await buffer.take()
        taken += piece
        largest = max(largest, weight_of(piece))
    assert taken == burst
    assert largest <= PIECE_BYTES
    assert buffer.held_bytes == 0
    with trio.move_on_after(0):
        await buffer.take()
        pytest.fail("nothing is left")


async def test_one_large_reply_is_taken_whole() -> None:
    buffer = ReplyBuffer()
    large = TextDelta("x" * 10 * PIECE_BYTES)
    buffer.put([large, TextDelta("y")], bytes_of([large]) + 1)
    assert [await buffer.take(), await buffer.take()] == [[large], [TextDelta("y")]]


async def test_of_a_burst_of_events_that_came_together_a_piece_is_taken_at_a_time() -> None:
    buffer = ReplyBuffer()
    burst: list[Reply] = [
        PassedOn(event={"x": "\n".join(["e" * 40] * count)}, count=count) for count in [1, 64, 2, 1, 40] * 20
    ]
    buffer.put(list(burst), bytes_of(burst), pieces=pieces_in(burst))
    assert buffer.held_bytes == weight_of(burst)
    taken, pieces = [], []
    while buffer.held_bytes:
        piece = await buffer.take()
        taken += piece
        pieces.append(pieces_in(piece))
    assert taken == burst
    assert max(pieces) <= PIECE_BYTES // 256
    assert min(pieces[:-1]) > PIECE_BYTES // 256 // 2


async def test_events_that_came_together_are_taken_whole_however_many_they_are() -> None:
    buffer = ReplyBuffer()
    burst: list[Reply] = [PassedOn(event={"x": "\n".join(["e"] * 1000)}, count=1000)] * 2
    buffer.put(list(burst), bytes_of(burst), pieces=pieces_in(burst))
    assert [await buffer.take(), await buffer.take()] == [burst[:1], burst[1:]]
    assert buffer.held_bytes == 0


async def test_what_is_taken_is_told_in_bytes_and_adds_up() -> None:
    told: list[int] = []
    buffer = ReplyBuffer(told.append)
    burst = [TextDelta("x" * (number % 700)) for number in range(999)]
    buffer.put(list(burst), bytes_of(burst))
    while buffer.held_bytes:
        await buffer.take()
    assert len(told) > 1
    assert sum(told) == weight_of(burst)


def test_the_longest_silence_is_that_between_two_pieces_of_the_answer() -> None:
    buffer = ReplyBuffer()
    buffer.put([TextDelta("a")])
    assert buffer.longest_gap_ms is None
    buffer.put([TextDelta("a")], 1, 1000.0)
    assert buffer.longest_gap_ms is None, "one piece has no silence before it"
    for at_ms in (1007.9, 1150.0, 1160.0):
        buffer.put([TextDelta("a")], 1, at_ms)
    buffer.put([Ended(end_reason=EndReason.STOP)])
    assert buffer.longest_gap_ms == 142


def test_text_counts_in_utf_8() -> None:
    replies = [
        TextDelta("ü"),
        ReasoningDelta("\ud83d"),
        ToolCallDelta(0, "ab"),
        Accepted("s", "fresh", "new"),
    ]
    assert bytes_of(replies) == 2 + 3 + 2


async def test_the_writer_can_wait_until_something_was_taken() -> None:
    buffer = ReplyBuffer()
    await buffer.wait_taken()  # nothing to wait for
    buffer.put([TextDelta("a")])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(buffer.wait_taken)
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        await buffer.take()


def test_an_abort_and_a_receipt_are_told_once() -> None:
    heard = Heard()
    reader = heard.reader()
    for _ in range(2):
        reader.abort(Detail.HUNG_UP)
        reader.settle(Receipt.ERROR_WRITTEN, EndReason.TIMEOUT)
    assert heard.words == [Detail.HUNG_UP, Receipt.ERROR_WRITTEN, EndReason.TIMEOUT]


def test_headers_that_have_left_are_told_to_the_writer() -> None:
    heard = Heard()
    reader = heard.reader()
    reader.headers_sent()
    assert heard.words == ["headers"]


def test_not_everybody_wants_to_hear_of_headers() -> None:
    buffer = ReplyBuffer()
    assert not buffer.committed
    ReplyReader(buffer, lambda _: None, lambda _, __: None).headers_sent()
    assert buffer.committed


async def test_the_reader_takes_what_is_in_the_buffer() -> None:
    buffer = ReplyBuffer()
    reader = ReplyReader(buffer, lambda _: None, lambda _, __: None)
    buffer.put([TextDelta("a")])
    assert await reader.take() == [TextDelta("a")]
    reader.nudge()
    assert await reader.take() == []


def test_a_writer_that_is_let_go_with_its_reader_is_no_cycle() -> None:
    heard = Heard()
    reader = heard.reader()
    gone = weakref.ref(heard)
    del heard, reader
    assert gone() is None

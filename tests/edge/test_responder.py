"""Bodies of answers: how long ones are cut into writes, and that the receipt waits for the last of them."""

import pytest
from attrs import define, field

from mix2api.edge.delivery import Delivery, LiveDeliveries, Patience
from mix2api.edge.rendering import StreamRenderer
from mix2api.edge.responder import StreamBody, WholeBody
from mix2api.replies import PIECE_BYTES, ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import Ended, TextDelta
from mix2api.vocabulary import EndReason, FinishReason, Receipt, RequestId, RunId
from mix2api.wire.chat_answer import AnswerFrame

STOPPED = Ended(end_reason=EndReason.STOP, finish_reason=FinishReason.STOP)
FRAME = AnswerFrame(
    run_id=RunId("run_1"), created_s=1, model="mix/one", legacy_functions=False, include_usage=False
)


class Intact:
    """A client's connection that holds."""

    is_broken = False

    def cut(self) -> None:
        raise AssertionError


@define(eq=False)
class Told:
    """A delivery, and what the worker hears of it."""

    receipts: list[Receipt] = field(factory=list)
    replies: ReplyBuffer = field(init=False)
    delivery: Delivery = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.replies = ReplyBuffer()
        reader = ReplyReader(self.replies, lambda _: None, lambda receipt, _: self.receipts.append(receipt))
        live = LiveDeliveries(Patience(stall_s=60, keepalive_s=15, check_s=1))
        self.delivery = Delivery(reader, live, Intact())


async def writes_of(body: StreamBody | WholeBody, told: Told) -> list[bytes]:
    """What is written, write by write; no receipt comes before the last."""
    writes = []
    async for piece in body:
        assert told.receipts == []
        assert told.delivery.writing
        writes.append(piece)
    return writes


@pytest.mark.parametrize("size", [1, PIECE_BYTES, PIECE_BYTES + 1, 10 * PIECE_BYTES])
async def test_a_whole_answer_is_written_in_pieces_that_a_slow_client_can_take(size: int) -> None:
    told = Told()
    body = bytes(number % 251 for number in range(size))
    writes = await writes_of(WholeBody(told.delivery, body, STOPPED), told)
    assert b"".join(writes) == body
    assert len(writes) == told.delivery.writes == -(-size // PIECE_BYTES)
    assert told.receipts == [Receipt.WRITTEN]


async def test_one_long_delta_is_written_in_pieces_and_the_ending_behind_it() -> None:
    told = Told()
    renderer = StreamRenderer(FRAME, RequestId("r"), on_ended=lambda _: None)
    body = StreamBody(told.delivery, renderer, [], on_fault=lambda _: None)
    told.delivery.writes = 1  # headers left with an earlier piece
    told.replies.put([TextDelta("x" * 5 * PIECE_BYTES), STOPPED])
    writes = await writes_of(body, told)
    assert max(map(len, writes)) == PIECE_BYTES
    assert b"".join(writes).count(b"x") >= 5 * PIECE_BYTES
    assert writes[-1].endswith(b"data: [DONE]\n\n")
    assert told.receipts == [Receipt.WRITTEN]

import pytest
from attrs import define
from edge.harness import ACCEPTED, STOPPED

from mix2api.edge.delivery import Delivery, LiveDeliveries, Patience
from mix2api.edge.scripted_dispatch import ScriptedDispatch, ScriptedRun
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import TextDelta
from mix2api.vocabulary import Detail, EndReason, Receipt


@define
class Wire:
    """A client's connection."""

    is_broken: bool = False
    cuts: int = 0

    def cut(self) -> None:
        self.cuts += 1


class Told:
    """A delivery and what it told the worker."""

    def __init__(self, *, stall_s: float = 3, keepalive_s: float = 2) -> None:
        self.aborts: list[Detail] = []
        self.receipts: list[Receipt] = []
        self.buffer = ReplyBuffer()
        self.reasons: list[EndReason | None] = []
        reader = ReplyReader(self.buffer, self.aborts.append, self.settled)
        self.live = LiveDeliveries(Patience(stall_s=stall_s, keepalive_s=keepalive_s, check_s=1))
        self.line = Wire()
        self.delivery = Delivery(reader, self.live, self.line)

    def settled(self, receipt: Receipt, reason: EndReason | None) -> None:
        self.receipts.append(receipt)
        self.reasons.append(reason)


async def test_what_was_written_is_told_once() -> None:
    told = Told()
    told.delivery.confirm(Receipt.WRITTEN, EndReason.STOP)
    told.delivery.close(Detail.HUNG_UP)
    told.delivery.give_up()
    assert (told.aborts, told.receipts, len(told.live)) == ([], [Receipt.WRITTEN], 0)
    assert told.reasons == [EndReason.STOP]


@pytest.mark.parametrize(
    ("cause", "receipts"),
    [
        (Detail.HUNG_UP, [Receipt.CLIENT_LEFT]),
        (Detail.DRAIN, []),
        (Detail.EDGE_LOST, []),
    ],
)
async def test_only_a_client_that_hung_up_is_said_to_have_left(
    cause: Detail, receipts: list[Receipt]
) -> None:
    told = Told()
    told.delivery.close(cause)
    told.delivery.confirm(Receipt.WRITTEN, EndReason.STOP)
    assert (told.aborts, told.receipts, len(told.live)) == ([cause], receipts, 0)


async def test_an_ending_that_was_not_taken_is_not_said_to_be_written() -> None:
    told = Told()
    told.line.is_broken = True
    told.delivery.confirm(Receipt.WRITTEN, EndReason.STOP)
    assert (told.receipts, told.reasons) == ([Receipt.CLIENT_LEFT], [None])


async def test_a_piece_that_is_not_taken_is_waited_for_until_the_limit() -> None:
    told = Told(stall_s=3)
    told.delivery.handed_over()
    told.live.look()  # sees the write
    told.live.look()
    told.live.look()
    assert told.aborts == []
    told.live.look()
    assert (told.aborts, told.receipts) == ([Detail.STALLED], [Receipt.CLIENT_LEFT])
    assert told.line.cuts == 1, "its connection is closed"


async def test_every_piece_that_is_taken_starts_the_wait_anew() -> None:
    told = Told(stall_s=2)
    for _ in range(10):
        told.delivery.handed_over()
        told.live.look()
        told.live.look()
    assert told.aborts == []


async def test_silence_nudges_the_reader_at_every_interval() -> None:
    told = Told(keepalive_s=2)
    told.live.look()
    told.live.look()
    assert await told.delivery.take() == []
    told.live.look()
    told.buffer.put([TextDelta("a")])
    assert await told.delivery.take() == [TextDelta("a")]
    told.live.look()
    assert await told.delivery.take() == []


async def test_a_piece_resets_the_silence() -> None:
    told = Told(keepalive_s=2)
    told.live.look()
    told.delivery.handed_over()
    told.delivery.writing = False
    told.live.look()
    told.live.look()
    told.buffer.put([TextDelta("a")])
    assert await told.delivery.take() == [TextDelta("a")]


async def test_the_workers_acceptance_is_remembered() -> None:
    told = Told()
    told.buffer.put([ACCEPTED, STOPPED])
    assert told.delivery.accepted is None
    await told.delivery.take()
    assert told.delivery.accepted == ACCEPTED


def test_limits_are_rounded_up_to_the_next_look() -> None:
    patience = Patience(stall_s=2.5, keepalive_s=0, check_s=1)
    assert (patience.passes(patience.stall_s), patience.passes(patience.keepalive_s)) == (3, 1)


def test_the_script_is_a_dispatch() -> None:
    assert ScriptedDispatch().waiting == 0
    assert ScriptedRun.__doc__

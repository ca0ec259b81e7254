import pytest
from edge.harness import ACCEPTED, STOPPED
from edge.test_stopwatch import begun
from msgspec.structs import replace

from mix2api.clock import SystemClock
from mix2api.edge.delivery import Delivery, LiveDeliveries
from mix2api.edge.scripted_dispatch import ScriptedDispatch, ScriptedRun
from mix2api.edge.stopwatch import Stopwatch
from mix2api.events.edge_times import EdgeTimes
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import TextDelta
from mix2api.vocabulary import Detail, EndReason, Receipt


class Told:
    """A delivery and what it told the worker."""

    def __init__(self, *, keepalive_s: float = 2) -> None:
        self.aborts: list[Detail] = []
        self.receipts: list[Receipt] = []
        self.buffer = ReplyBuffer()
        self.reasons: list[EndReason | None] = []
        reader = ReplyReader(self.buffer, self.aborts.append, self.settled)
        self.live = LiveDeliveries(keepalive_s, check_s=1)
        self.delivery = Delivery(reader, self.live, Stopwatch(SystemClock(), 0))

    def settled(self, receipt: Receipt, reason: EndReason | None, _times: EdgeTimes | None) -> None:
        self.receipts.append(receipt)
        self.reasons.append(reason)


async def test_what_was_written_is_told_once() -> None:
    told = Told()
    told.delivery.confirm(Receipt.WRITTEN, EndReason.STOP)
    told.delivery.close(Detail.HUNG_UP)
    told.delivery.close(Detail.STALLED)
    assert (told.aborts, told.receipts, len(told.live)) == ([], [Receipt.WRITTEN], 0)
    assert told.reasons == [EndReason.STOP]


@pytest.mark.parametrize(
    ("cause", "receipts"),
    [
        (Detail.HUNG_UP, [Receipt.CLIENT_LEFT]),
        (Detail.STALLED, [Receipt.CLIENT_LEFT]),
        (Detail.DRAIN, []),
        (Detail.EDGE_LOST, []),
    ],
)
async def test_only_a_client_that_hung_up_or_takes_nothing_is_said_to_have_left(
    cause: Detail, receipts: list[Receipt]
) -> None:
    told = Told()
    told.delivery.close(cause)
    told.delivery.confirm(Receipt.WRITTEN, EndReason.STOP)
    assert (told.aborts, told.receipts, len(told.live)) == ([cause], receipts, 0)


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
    told.delivery.writes += 1
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


async def test_the_word_of_a_run_s_account_is_no_second_acceptance() -> None:
    told, (clock, watch) = Told(), begun()
    told.delivery.watch = watch
    first = replace(ACCEPTED, run_id="run_a")
    moments = []
    for reply in (first, replace(first, account="a"), replace(first, run_id="run_b")):
        clock.ms += 10
        told.buffer.put([reply])
        await told.delivery.take()
        assert told.delivery.accepted == reply
        moments.append(watch.times(is_written=False).accepted)
    assert moments == [10, 10, 30]


class Nudged(ReplyReader):
    """Counts its nudges."""

    nudges = 0

    def nudge(self) -> None:
        self.nudges += 1


def test_the_limit_is_rounded_up_to_the_next_look() -> None:
    live = LiveDeliveries(keepalive_s=1.5, check_s=1)
    reader = Nudged(ReplyBuffer(), lambda _: None, lambda *_: None)
    Delivery(reader, live, Stopwatch(SystemClock(), 0))
    nudges = []
    for _ in range(4):
        live.look()
        nudges.append(reader.nudges)
    assert nudges == [0, 1, 1, 2]


def test_the_script_is_a_dispatch() -> None:
    assert ScriptedDispatch().waiting == 0
    assert ScriptedRun.__doc__

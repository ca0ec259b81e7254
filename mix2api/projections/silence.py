"""The ledger of silence: one request's wall time, cut into spans. The owner of a span is the party that it waited for.

The axis is milliseconds since the request's head, on the edge's clock. The edge's times (`mix2api.events.edge_times`) give the
borders around the runs. A run's events count from the run's own begin. `accepted` in the edge's times and `open` in the run's
events are the same moment nearly: the store had just confirmed the run. That joins the two clocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from attrs import frozen

from mix2api.events.edge_times import EdgeTimes
from mix2api.events.kinds import End, Event, Request, UpstreamChunk
from mix2api.vocabulary import ChunkKind, EndReason

LONG_MS: Final = 250
"""The page shows a longer gap with its owner. Users of a chat do not notice shorter ones."""


class Owner(StrEnum):
    """The party that a span of time was spent on."""

    CLIENT = "client"
    """Its body was on the way, or it did not take what was written."""
    QUEUE = "queue"
    """The turn waited for a slot, or for its session's turn before."""
    STORE = "store"
    SITE = "site"
    US = "us"


class Wait(StrEnum):
    """What a span of time went into. The value is English; other languages find their words by the name."""

    SENDING = "sending the request"
    READING = "reading the request"
    FINDING = "finding the session"
    HANDING_OVER = "handing the turn over"
    ACCEPTANCE = "waiting to be accepted"
    SLOT = "waiting for a slot or for its session"
    REQUEST_KEPT = "making the request durable"
    FIRST_PIECE = "waiting for the first piece"
    NEXT_PIECE = "between two pieces"
    ENDING_KEPT = "making the ending durable"
    TAKING = "taking the answer"
    TAKING_END = "taking the end of the answer"
    AGAIN = "beginning the turn again"
    LOSS_NOTICED = "until the lost process was noticed"


@frozen
class Span:
    """A part of the wall time."""

    from_ms: int
    to_ms: int
    owner: Owner
    what: Wait

    @property
    def ms(self) -> int:
        """Its length."""
        return self.to_ms - self.from_ms


@frozen(kw_only=True)
class Ledger:
    """All of the wall time."""

    wall_ms: int
    gaps: tuple[Span, ...]
    """Those above `LONG_MS`, in order."""
    short_ms: int
    """The others together."""
    by_owner: dict[Owner, int]
    """The spans of every length; together they are the wall time."""
    is_whole: bool
    """False: the edge's times are missing, and the ledger begins with the run."""


@frozen(kw_only=True)
class TimedRun:
    """What the ledger needs of a run."""

    began_ms: int
    """`at_ms` of its request: the wall clock of the worker."""
    call_ms: int | None
    """From its begin until the upstream was called. None: it was not."""
    pieces: tuple[int, ...]
    """When the upstream said something, since the run's begin."""
    total_ms: int
    was_lost: bool
    """Its process was lost: what came after the last piece was ours."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> "TimedRun | None":
        """A run by its events; None without its request."""
        began_ms = call_ms = None
        pieces: list[int] = []
        total_ms, was_lost = 0, False
        for event in events:
            match event:
                case Request():
                    began_ms = event.at_ms
                case UpstreamChunk(kind=ChunkKind.OPEN):
                    call_ms = event.at_ms
                case UpstreamChunk(kind=ChunkKind.CAUSE):
                    pass
                case UpstreamChunk():
                    pieces.append(event.at_ms)
                case End():
                    total_ms, was_lost = event.total_ms, event.end_reason is EndReason.WORKER_LOST
                case _:
                    pass
        if began_ms is None:
            return None
        total_ms = max([total_ms, call_ms or 0, *pieces])
        return cls(
            began_ms=began_ms, call_ms=call_ms, pieces=tuple(pieces), total_ms=total_ms, was_lost=was_lost
        )


def ledger(times: EdgeTimes | None, runs: Sequence[TimedRun], refused_by: Owner = Owner.US) -> Ledger:
    """The wall time of a request.

    Args:
        times: the edge's. None: the ledger tells of the runs alone.
        runs: in order; the last one answered. Empty: the request was refused.
        refused_by: who owns the wait of a turn that was handed over and never accepted.
    """
    line = _Line()
    if times is None:
        _add_runs(line, 0, runs)
    else:
        _add_request(line, times, runs, refused_by)
    spans = [span for span in line.spans if span.ms]
    if times is not None:
        for began, waited in times.waits:
            spans = list(_overlaid(spans, Span(began, began + waited, Owner.CLIENT, Wait.TAKING)))
    gaps = tuple(span for span in spans if span.ms > LONG_MS)
    by_owner = dict.fromkeys(Owner, 0)
    for span in spans:
        by_owner[span.owner] += span.ms
    wall_ms = line.at
    return Ledger(
        wall_ms=wall_ms,
        gaps=gaps,
        short_ms=wall_ms - sum(gap.ms for gap in gaps),
        by_owner=by_owner,
        is_whole=times is not None,
    )


class _Line:
    """Spans one behind the other, without holes."""

    def __init__(self) -> None:
        self.at = 0
        self.spans: list[Span] = []

    def until(self, border: int, owner: Owner, what: Wait) -> None:
        """The time up to a border. One that lies before the last border adds nothing: clocks differ by a little."""
        border = max(self.at, border)
        self.spans.append(Span(self.at, border, owner, what))
        self.at = border


def _add_request(line: _Line, times: EdgeTimes, runs: Sequence[TimedRun], refused_by: Owner) -> None:
    steps = (
        (times.body, Owner.CLIENT, Wait.SENDING),
        (times.understood, Owner.US, Wait.READING),
        (times.found, Owner.STORE, Wait.FINDING),
        (times.submitted, Owner.US, Wait.HANDING_OVER),
    )
    for border, owner, what in steps:
        if border is None:
            line.until(times.over, owner, what)
            return
        line.until(border, owner, what)
    if not runs:
        line.until(times.over, refused_by, Wait.ACCEPTANCE)
        return
    last = runs[-1]
    start = line.at if times.accepted is None else times.accepted - (last.call_ms or 0)
    first = start - (last.began_ms - runs[0].began_ms)
    line.until(first, Owner.QUEUE, Wait.SLOT)
    _add_runs(line, line.at, runs)
    if times.ended is not None:
        line.until(times.ended, Owner.STORE, Wait.ENDING_KEPT)
    # If the client gave an answer up, only the time of that is known.
    _end_at(line, times.over)


def _end_at(line: _Line, over: int) -> None:
    if over < line.at:
        line.spans = [
            Span(span.from_ms, min(span.to_ms, over), span.owner, span.what)
            for span in line.spans
            if span.from_ms < over
        ]
        line.at = over
        return
    line.until(over, Owner.CLIENT, Wait.TAKING_END)


def _add_runs(line: _Line, start: int, runs: Sequence[TimedRun]) -> None:
    for run in runs:
        begin = start + run.began_ms - runs[0].began_ms
        line.until(begin, Owner.US, Wait.AGAIN)
        _add_run(line, line.at, run)


def _add_run(line: _Line, begin: int, run: TimedRun) -> None:
    if run.call_ms is None:
        line.until(begin + run.total_ms, Owner.STORE, Wait.REQUEST_KEPT)
        return
    line.until(begin + run.call_ms, Owner.STORE, Wait.REQUEST_KEPT)
    what = Wait.FIRST_PIECE
    for at_ms in run.pieces:
        line.until(begin + at_ms, Owner.SITE, what)
        what = Wait.NEXT_PIECE
    if run.was_lost:
        line.until(begin + run.total_ms, Owner.US, Wait.LOSS_NOTICED)
    else:
        line.until(begin + run.total_ms, Owner.SITE, what)


def _overlaid(spans: Iterable[Span], over: Span) -> Iterator[Span]:
    """The spans with another one laid over them."""
    for span in spans:
        from_ms, to_ms = max(span.from_ms, over.from_ms), min(span.to_ms, over.to_ms)
        if from_ms >= to_ms:
            yield span
            continue
        pieces = (
            Span(span.from_ms, from_ms, span.owner, span.what),
            Span(from_ms, to_ms, over.owner, over.what),
            Span(to_ms, span.to_ms, span.owner, span.what),
        )
        yield from (piece for piece in pieces if piece.ms)

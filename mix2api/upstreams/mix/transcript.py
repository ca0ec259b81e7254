"""A stream's events and how it ends: the little that one frame alone cannot tell. Pure.

A stream is *closed* once the site has said how the turn ended (`finish`, `error`, `abort`) or `[DONE]`; what is cut
before that is a fault, what is cut after it is nothing.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.http import faults
from mix2api.upstreams.mix.frames import ONE_SKIPPED, MalformedFrame, TextDelta, decode, events_of, meant_by
from mix2api.upstreams.mix.surrogates import Halves
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    Reasoning,
    Started,
    Text,
    ToolInputAvailable,
    ToolInputStarted,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.upstreams.site_errors import refusal

_DONE: Final = b"[DONE]"
_CONTENT: Final = frozenset({Text, Reasoning, ToolInputStarted, ToolInputAvailable})


class Transcript:
    """The frames of one answer, in order.

    Args:
        status: of the answer, for faults.
        session_known: the turn continues a session: an `exchangeId` alone then does not stand for the session.
    """

    __slots__ = ("_halves", "_session_known", "_spoke", "_took", "closed", "done", "fault", "status")

    def __init__(self, status: int, *, session_known: bool) -> None:
        self.status = status
        self._session_known = session_known
        self._spoke = False
        self._took = False
        """The site said `start`."""
        self._halves = Halves()
        self.closed = False
        """The site said how the turn ended; nothing more is owed."""
        self.done = False
        """`[DONE]` came, or a fault: nothing more is read."""
        self.fault: UpstreamFault | None = None
        """To be raised once the events before it are delivered."""

    def add(self, payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """Takes whole frames and gives their events; what follows `[DONE]` or a fault is not read."""
        events: list[UpstreamEvent] = []
        for payload in payloads:
            try:
                frame = None if self._halves.waiting else decode(payload)
            except NOT_JSON:
                frame = None
            if type(frame) is TextDelta and frame.delta:
                events.append(Text(frame.delta))
                self._spoke = True
                continue
            self._take(frame, payload, events)
            if self.done:
                break
        return events

    def _take(self, frame: Struct | None, payload: bytes, events: list[UpstreamEvent]) -> None:
        """Adds what a frame says that is no piece of text.

        Args:
            frame: decoded; None if that was not possible, or if half a character waits.
            payload: the frame.
            events: what the frames before it said.
        """
        if payload == _DONE:
            self._end(events)
            return
        try:
            if frame is not None:
                said = meant_by(frame, payload)
            else:
                said = self._mended(payload) if self._halves.waiting else events_of(payload)
        except MalformedFrame:
            said = self._mended(payload)
        if not said:
            return
        if type(said[0]) in _CONTENT:
            self._spoke = True
        elif said[0] is not ONE_SKIPPED:
            self._note(said)
        events += said

    def body_ended(self) -> list[UpstreamEvent]:
        """The body is over: a fault if the site did not say how the turn ended. Nothing is left to be said."""
        if not self.closed:
            self._fail(faults.truncated(self.status))
        self.done = True
        return []

    def _mended(self, payload: bytes) -> list[UpstreamEvent]:
        """What a frame says that cannot be read as it is, or that comes while half a character waits; empty: nothing."""
        try:
            return [event for frame in self._halves.joined(payload) for event in events_of(frame)]
        except MalformedFrame:
            self._fail(faults.protocol("the upstream sent a frame that cannot be read", self.status))
            return []

    def _rest(self) -> list[UpstreamEvent]:
        """Halves of characters that the answer's end leaves alone."""
        return [event for frame in self._halves.rest() for event in events_of(frame)]

    def _note(self, events: list[UpstreamEvent]) -> None:
        """Changes in place what a frame that is no piece of the answer means at this point of it."""
        first = events[0]
        if isinstance(first, Started):
            self._took = True
            if first.session is None and not self._session_known:
                events[0] = Started(first.exchange, first.exchange)
        last = events[-1]
        match last:
            case ToolInputAvailable() | ToolInputStarted():
                self._spoke = True
            case Finished() if self.closed:
                events[-1] = ONE_SKIPPED
            case Failed() if last.status is not None:
                self._refused(last, last.status)
                events.pop()
            case Finished() | Failed() | AbortedByUpstream():
                self.closed = True
                events[:0] = self._rest()
            case _:
                pass

    def _refused(self, failed: Failed, status: int) -> None:
        """The error names an HTTP status: the site refused the turn under 200, and that is what it is."""
        self._fail(refusal(failed, status, started=self._spoke or self._took))

    def _end(self, events: list[UpstreamEvent]) -> None:
        """`[DONE]` came. Without a `finish` it is one if there was an answer, and a cut if there was none."""
        self.done = True
        if self.closed:
            return
        events += self._rest()
        if self._spoke:
            self.closed = True
            events.append(Finished(None))
        else:
            self._fail(faults.truncated(self.status))

    def _fail(self, fault: UpstreamFault) -> None:
        self.fault = fault
        self.done = True

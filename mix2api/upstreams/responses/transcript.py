"""A stream of the Responses API: its events, and how it ended. Pure.

The stream is good only with one of the endings `completed`, `incomplete` and `cancelled`. Without one it was cut, also where it
says `[DONE]`. A failure is the error that it names: before any content it is a refusal, as a status would be.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol

import msgspec

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.http import faults
from mix2api.upstreams.idle_frames import says_nothing
from mix2api.upstreams.port import AbortedByUpstream, Finished, Skipped, UpstreamEvent, UpstreamFault
from mix2api.upstreams.responses.server_event import (
    BEGINNINGS,
    DELTAS,
    ENDINGS,
    FAILURES,
    MalformedEvent,
    ServerEvent,
    decode,
    event_in,
    finish_in,
    object_in,
    usage_in,
)
from mix2api.upstreams.site_errors import failed, refusal, words_of

_DONE: Final = b"[DONE]"
_ONE_SKIPPED: Final = Skipped(1)
_CANCELLED: Final = "response.cancelled"
_TOGETHER: Final = 64
"""Pieces that go on as one: what such a one weighs in the buffer of a client is a third of what is written to it at once."""
_type_of: Final = attrgetter("type")


class Telling(Protocol):
    """What events say to the client."""

    def event(self, event: ServerEvent, payload: bytes) -> list[UpstreamEvent]:
        """The port's events for one of the server's, in order; those of an ending without the ending itself."""
        ...

    def pieces(self, events: Sequence[ServerEvent], payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """The port's events for several of one type in `DELTAS`: what `event` says of each, perhaps with fewer words."""
        ...


class ResponseTranscript:
    """The events of one answer, in order.

    Args:
        status: of the answer, for faults.
        telling: what its events say.
    """

    __slots__ = ("_held", "_spoke", "_telling", "closed", "done", "fault", "status")

    def __init__(self, status: int, telling: Telling) -> None:
        self.status = status
        self._telling = telling
        self._held: list[UpstreamEvent] = []
        """What the beginning says, until there is more: the server may still refuse, and then nothing has left."""
        self._spoke = False
        self.closed = False
        """An ending came; nothing more is owed."""
        self.done = False
        """The body is over, or a fault: nothing more is read."""
        self.fault: UpstreamFault | None = None
        """To be raised once the events before it are delivered."""

    def add(self, payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """Takes whole frames and gives their events; what follows an ending or a fault is not read."""
        events: list[UpstreamEvent] = []
        try:
            decoded = [*map(decode, payloads)] if len(payloads) > 1 and not self.closed else []
        except NOT_JSON:  # one is damaged, or `[DONE]`: there is another word for each
            decoded = []
        if decoded:
            self._hear_all(decoded, payloads, events)
            return events
        for payload in payloads:
            if payload == _DONE:
                events += self.body_ended()
            elif not self.closed:
                self._take(payload, events)
            if self.done:
                break
        return events

    def _hear_all(
        self, decoded: list[ServerEvent], payloads: Sequence[bytes], events: list[UpstreamEvent]
    ) -> None:
        """Adds what events say, and those that are pieces of content of one type in one go."""
        start = 0
        for kind, run in groupby(decoded, _type_of):
            alike = [*run]
            start, begun = start + len(alike), start
            if kind in DELTAS:
                self._say(alike, payloads[begun:start], events)
                continue
            for event, payload in zip(alike, payloads[begun:start], strict=True):
                self._hear(event, payload, events)
                if self.closed or self.done:
                    return

    def _say(self, pieces: list[ServerEvent], payloads: Sequence[bytes], events: list[UpstreamEvent]) -> None:
        """Adds what pieces of content of one type say."""
        self._spoke = True
        events += self._held
        self._held = []
        for start in range(0, len(pieces), _TOGETHER):
            stop = start + _TOGETHER
            events += self._telling.pieces(pieces[start:stop], payloads[start:stop])

    def body_ended(self) -> list[UpstreamEvent]:
        """The body is over: that is a fault if no ending came."""
        if not (self.closed or self.done):
            self.fault = faults.truncated(self.status)
        self.done = True
        return []

    def _take(self, payload: bytes, events: list[UpstreamEvent]) -> None:
        try:
            event = event_in(payload)
        except MalformedEvent:
            if says_nothing(payload):
                events.append(_ONE_SKIPPED)
            else:
                self._fail(faults.protocol("the upstream sent a frame that cannot be read", self.status))
            return
        self._hear(event, payload, events)

    def _hear(self, event: ServerEvent, payload: bytes, events: list[UpstreamEvent]) -> None:
        """Adds what one event says."""
        if event.type in FAILURES or not event.type:
            self._failed(event, payload, events)
            return
        said = self._telling.event(event, payload)
        if event.type in BEGINNINGS and not self._spoke:
            self._held += said
            events.append(_ONE_SKIPPED)
            return
        self._spoke = True
        events += [*self._held, *said] if said else [*self._held, _ONE_SKIPPED]
        self._held = []
        if event.type in ENDINGS:
            self._end(event, events)

    def _end(self, event: ServerEvent, events: list[UpstreamEvent]) -> None:
        self.closed = True
        response = object_in(event.response)
        if (usage := usage_in(response)) is not None:
            events.append(usage)
        events.append(AbortedByUpstream() if event.type == _CANCELLED else Finished(finish_in(response)))

    def _failed(self, event: ServerEvent, payload: bytes, events: list[UpstreamEvent]) -> None:
        """The response failed, or something stands there that is no event."""
        said = object_in(event.response).get("error") if event.type == "response.failed" else None
        failure = failed(words_of(msgspec.json.decode(payload) if said is None else {"error": said}))
        if failure.status is not None:
            self._fail(refusal(failure, failure.status, started=self._spoke))
            return
        self.closed = self.done = True
        events.append(failure)

    def _fail(self, fault: UpstreamFault) -> None:
        self.fault = fault
        self.done = True

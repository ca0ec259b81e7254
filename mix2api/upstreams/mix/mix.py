"""The `mix` upstream itself: puts a call, reads its answer, whichever form it comes in."""

from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import trio
from attrs import evolve

from mix2api.clock import Clock, SystemClock
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.exchange import Exchange
from mix2api.upstreams.http.head import AnswerHead, HttpRequest
from mix2api.upstreams.http.origin import Origin, split_url
from mix2api.upstreams.http.packed_body import is_unreadable
from mix2api.upstreams.mix.answer import MalformedAnswer, events_of_answer
from mix2api.upstreams.mix.form import Form, form_of
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.mix.refusal import REFUSAL_BODY_LIMIT, in_session, refusal_fault
from mix2api.upstreams.mix.request import request_body, request_headers
from mix2api.upstreams.mix.transcript import Transcript
from mix2api.upstreams.port import CONTENT, Failed, Opened, UpstreamCall, UpstreamEvent, UpstreamFault
from mix2api.upstreams.site_errors import refusal
from mix2api.wire.sse_frames import FrameTooLong, SseFrames
from mix2api.wire.turn import ChosenBase

_SUCCESSES: Final = range(200, 300)
_REFUSAL_BODY_S: Final = 2.0
"""Seconds; error bodies follow their heads at once, and a broken site must not hold a refused run."""


class MixUpstream:
    """The port `mix2api.upstreams.port.Upstream` over HTTP.

    Args:
        options: of the site.
        client: its connections; closed by whoever made it.
        clock: for `retry-after` dates.

    Raises:
        ValueError: `base_url` is none.
    """

    def __init__(self, options: MixOptions, client: HttpClient, clock: Clock | None = None) -> None:
        self._options = options
        self._client = client
        self._clock = clock if clock is not None else SystemClock()
        self._place = split_url(options.base_url)

    def open(self, call: UpstreamCall) -> "MixStream":
        """The answer as a context: entering connects and sends; the head is waited for by the first batch.

        The stream is read by the task that entered. After a time-out every further wait inside this context is
        cancelled: leave it before awaiting anything else.
        """
        options = self._options
        origin, base_path = self._place if call.turn.base is None else _place_of(call.turn.base)
        request = HttpRequest(
            origin=origin,
            path=base_path + options.chat_path,
            headers=request_headers(call, options),
            body=request_body(call, options),
            # Sent again, a session would hold the turn twice.
            once=call.session is not None,
        )
        session_known = call.session is not None
        return MixStream(self._client.send(request), options, self._clock, session_known=session_known)


def _place_of(base: ChosenBase) -> tuple[Origin, str]:
    """Where a chosen base URL leads: to the addresses that were checked, never to what its host resolves to now."""
    if not base.addresses:
        raise ValueError("a chosen base URL comes with the addresses that were checked")
    origin, path = split_url(base.url)
    return evolve(origin, addresses=base.addresses), path


class MixStream:
    """The port `mix2api.upstreams.port.UpstreamStream` over one exchange.

    Args:
        exchange: not begun.
        options: of the site.
        clock: for `retry-after` dates.
        session_known: the turn continues a session.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_exchange",
        "_first",
        "_frames",
        "_head",
        "_over",
        "_pieces",
        "_session_known",
        "_transcript",
    )

    def __init__(self, exchange: Exchange, options: MixOptions, clock: Clock, *, session_known: bool) -> None:
        self._exchange = exchange
        self._clock = clock
        self._session_known = session_known
        self._head: AnswerHead | None = None
        self._transcript: Transcript | None = None
        """Of an answer that is a stream of events."""
        self._frames = SseFrames(options.frame_limit)
        self._first = b""
        """The body's beginning, until it tells what the body is."""
        self._pieces: list[bytes] | None = None
        """Of a body that is one JSON value."""
        self._over = False

    async def __aenter__(self) -> Self:
        """Connects and sends.

        Raises:
            UpstreamFault: no connection.
        """
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """See `Exchange`."""
        await self._exchange.__aexit__(kind, exc, traceback)

    def __aiter__(self) -> Self:
        """Itself: there is one answer."""
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        """The next batch, never empty; the first begins with `Opened`.

        Raises:
            UpstreamFault: see the port.
        """
        if self._over:
            raise StopAsyncIteration
        while (transcript := self._transcript) is None:
            if events := await self._beginning():
                return events
        while not transcript.done:
            data = await (self._receive_late() if transcript.closed else self._exchange.receive())
            events = self._told(transcript, data) if data else self._ended(transcript)
            if events:
                return events
        self._over = True
        if transcript.fault is not None:
            raise self._seen(transcript.fault.again())
        raise StopAsyncIteration

    def pause(self) -> None:
        """Nobody reads until the next batch is asked for: that time is not the site's."""
        self._exchange.pause()

    async def aclose(self) -> None:
        """Cuts the connection now; a read under way in another task raises `trio.ClosedResourceError`."""
        self._over = True
        self._exchange.close()
        await trio.lowlevel.checkpoint()

    async def _beginning(self) -> list[UpstreamEvent]:
        """One step before it is known that the answer is a stream of events; gives what it says, perhaps nothing."""
        if self._head is None:
            return await self._opening()
        if self._pieces is not None:
            return await self._whole_answer(self._head, self._pieces)
        return self._begun(self._head, await self._exchange.receive())

    async def _opening(self) -> list[UpstreamEvent]:
        try:
            head = await self._exchange.head()
        except faults.Unanswered as fault:
            raise self._seen(fault) from None
        if head.status not in _SUCCESSES:
            raise self._seen(refusal_fault(head, await self._refusal_body(), self._clock.now_ms()))
        if "content-encoding" in head.headers and is_unreadable(head):
            raise faults.protocol(
                "the upstream's answer has a content-encoding that nobody asked for", head.status
            )
        self._head = head
        # The head is told at once: a stream that begins late must not look like a site that does not answer.
        opened: list[UpstreamEvent] = [Opened(head.status)]
        pending = self._exchange.receive_nowait()
        return opened + self._begun(head, pending) if pending else opened

    def _begun(self, head: AnswerHead, data: bytes) -> list[UpstreamEvent]:
        """Takes the body's first bytes, and with them decides what it is; gives what they say, perhaps nothing yet.

        Raises:
            UpstreamFault: it is neither a stream of events nor JSON.
        """
        self._first += data
        form = form_of(self._first, head, ended=not data)
        if form is None:
            return []
        first, self._first = self._first, b""
        match form:
            case Form.STREAM:
                self._head = None  # its fields are a fifth of what a held stream would hold
                self._transcript = Transcript(head.status, session_known=self._session_known)
                return self._told(self._transcript, first)
            case Form.JSON:
                self._pieces = [first]
                return []
        what = "a web page" if form is Form.PAGE else "neither a stream of events nor JSON"
        raise faults.protocol(f"the upstream's answer is {what}", head.status)

    async def _receive_late(self) -> bytes:
        """What follows the turn's ending, usually `[DONE]`: waited for but shortly, and no fault if it does not come."""
        with suppress(UpstreamFault), trio.move_on_after(self._exchange.drain_s):
            return await self._exchange.receive()
        self._exchange.close()
        return b""

    def _told(self, transcript: Transcript, data: bytes) -> list[UpstreamEvent]:
        try:
            payloads = self._frames.feed(data)
        except FrameTooLong:
            raise faults.too_large("the upstream sent a frame that is too long", transcript.status) from None
        events = transcript.add(payloads)
        if transcript.closed:
            self._exchange.satisfy()
        if not CONTENT.isdisjoint(map(type, events)):
            self._exchange.heard = True
        return events

    def _ended(self, transcript: Transcript) -> list[UpstreamEvent]:
        events = transcript.add(self._frames.end())
        transcript.body_ended()
        return events

    async def _whole_answer(self, head: AnswerHead, pieces: list[bytes]) -> list[UpstreamEvent]:
        while piece := await self._exchange.receive():
            pieces.append(piece)
        self._exchange.satisfy()
        self._over = True
        try:
            events = events_of_answer(b"".join(pieces), session_known=self._session_known)
        except MalformedAnswer:
            raise faults.protocol("the upstream sent an answer that cannot be read", head.status) from None
        last = events[-1]
        if isinstance(last, Failed) and last.status is not None:
            raise self._seen(refusal(last, last.status, started=False))
        return events

    def _seen(self, fault: UpstreamFault) -> UpstreamFault:
        return in_session(fault, session_known=self._session_known)

    async def _refusal_body(self) -> bytes:
        """As much of a refusal's body as comes soon: the status is known, the words are a courtesy."""
        body = b""
        with suppress(UpstreamFault), trio.move_on_after(_REFUSAL_BODY_S):
            while len(body) < REFUSAL_BODY_LIMIT and (piece := await self._exchange.receive()):
                body += piece
        return body[:REFUSAL_BODY_LIMIT]

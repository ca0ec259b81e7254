"""An upstream over HTTP: puts a call in the words of its dialect, and reads the answer in whichever form it comes.

All kinds that speak HTTP share this. A kind differs in its `Dialect`: what it is asked, and how it says its answer.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol, Self

import trio
from attrs import evolve, frozen

from mix2api.clock import Clock, SystemClock
from mix2api.upstreams.form import Form, begins_stream, form_of
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.exchange import Exchange
from mix2api.upstreams.http.head import AnswerHead, HttpRequest
from mix2api.upstreams.http.origin import Origin, split_url
from mix2api.upstreams.http.packed_body import is_unreadable
from mix2api.upstreams.port import CONTENT, Failed, Opened, UpstreamCall, UpstreamEvent, UpstreamFault
from mix2api.upstreams.refusal import REFUSAL_BODY_LIMIT, in_session, refusal_fault, words_fault
from mix2api.upstreams.site_errors import refusal
from mix2api.wire.sse_frames import FRAME_LIMIT, FrameTooLong, SseFrames
from mix2api.wire.turn import ChosenBase

_SUCCESSES: Final = range(200, 300)
_JSON_BEGINS: Final = frozenset({b"", b"{", b"["})
"""Of a body that is JSON, or was to be."""
_REFUSAL_BODY_S: Final = 2.0
"""Seconds; error bodies follow their heads at once, and a broken site must not hold a refused run."""


class MalformedAnswer(Exception):
    """A whole answer that is not JSON, is in no form that the dialect knows, or has more parts than one step can read."""


class Transcript(Protocol):
    """The frames of one streamed answer, in order, and how it ended. Pure."""

    status: int
    """Of the answer."""
    closed: bool
    """The site said how the turn ended; nothing more is owed."""
    done: bool
    """Nothing more is read: the stream's last word came, or a fault."""
    fault: UpstreamFault | None
    """To be raised once the events before it are delivered."""

    def add(self, payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """Takes whole frames and gives their events."""
        ...

    def body_ended(self) -> list[UpstreamEvent]:
        """The body is over: gives what was still to be said, or has a fault if the site did not say how the turn ended."""
        ...


class Transcribing(Protocol):
    """Makes the transcript of an answer."""

    def __call__(self, status: int, *, session_known: bool) -> Transcript:
        """For an answer with this status; `session_known`: the turn continues a session."""
        ...


class WholeReading(Protocol):
    """Reads an answer that is one JSON value."""

    def __call__(self, body: bytes, *, session_known: bool) -> list[UpstreamEvent]:
        """Its events, the ending among them.

        Raises:
            MalformedAnswer: see there.
        """
        ...


@frozen(kw_only=True)
class Dialect:
    """How a kind of upstream is asked, and how it answers."""

    path: str
    """Of its call, below the base URL's own path."""
    bare_path: str
    """The same where the base URL has no path."""
    headers: Callable[[UpstreamCall], tuple[tuple[str, str], ...]]
    body: Callable[[UpstreamCall], bytes]
    transcript: Transcribing
    whole: WholeReading
    frame_limit: int = FRAME_LIMIT
    """Bytes of one frame. Those of a whole answer are the HTTP client's to bound."""


class SiteUpstream:
    """The port `mix2api.upstreams.port.Upstream` over HTTP.

    Args:
        base_url: of the site.
        dialect: of its kind.
        client: its connections; closed by whoever made it.
        clock: for `retry-after` dates.

    Raises:
        ValueError: `base_url` is none.
    """

    def __init__(
        self, base_url: str, dialect: Dialect, client: HttpClient, clock: Clock | None = None
    ) -> None:
        self._dialect = dialect
        self._client = client
        self._clock = clock if clock is not None else SystemClock()
        self._place = split_url(base_url)

    def open(self, call: UpstreamCall) -> "SiteStream":
        """The answer as a context: entering connects and sends; the head is waited for by the first batch.

        The stream is read by the task that entered. After a time-out every further wait inside this context is
        cancelled: leave it before awaiting anything else.
        """
        dialect = self._dialect
        if call.turn.base is not None:
            origin, base_path = _place_of(call.turn.base)
        else:
            origin, base_path = self._place if call.base_url is None else split_url(call.base_url)
        path = base_path + dialect.path if base_path else dialect.bare_path
        operation = call.turn.operation
        headers = dialect.headers(call)
        if call.traceparent is not None:
            headers = (*headers, ("traceparent", call.traceparent))
        request = HttpRequest(
            origin=origin,
            path=path if operation is None else f"{path}/{operation.path}{operation.query}",
            method="POST" if operation is None else operation.method,
            headers=headers,
            body=dialect.body(call),
            # Sent again, a session would hold the turn twice.
            once=call.session is not None,
        )
        session_known = call.session is not None
        return SiteStream(self._client.send(request), dialect, self._clock, session_known=session_known)


def _place_of(base: ChosenBase) -> tuple[Origin, str]:
    """Where a chosen base URL leads: to the addresses that were checked, never to what its host resolves to now."""
    if not base.addresses:
        raise ValueError("a chosen base URL comes with the addresses that were checked")
    origin, path = split_url(base.url)
    return evolve(origin, addresses=base.addresses), path


class SiteStream:
    """The port `mix2api.upstreams.port.UpstreamStream` over one exchange.

    Args:
        exchange: not begun.
        dialect: of its kind.
        clock: for `retry-after` dates.
        session_known: the turn continues a session.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_dialect",
        "_exchange",
        "_first",
        "_frames",
        "_head",
        "_opened",
        "_over",
        "_pieces",
        "_session_known",
        "_transcript",
        "_words",
    )

    def __init__(self, exchange: Exchange, dialect: Dialect, clock: Clock, *, session_known: bool) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._clock = clock
        self._session_known = session_known
        self._head: AnswerHead | None = None
        self._transcript: Transcript | None = None
        """Of an answer that is a stream of events."""
        self._frames = SseFrames(dialect.frame_limit)
        self._opened: list[UpstreamEvent] = []
        """Tells of the head, until it was told: with what came behind the head, if anything did."""
        self._first = b""
        """The body's beginning, until it is known what the body is; of a stream, until it is read."""
        self._words = b""
        """The beginning of a body that is declared as a stream of events, does not begin like one, and has said nothing."""
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
        transcript, exchange = self._transcript, self._exchange
        if transcript is None or self._over:
            return await self._begin()
        while not transcript.done:
            data, self._first = self._first, b""
            if not data:
                data = await (self._receive_late() if transcript.closed else exchange.receive())
            try:
                said = transcript.add(self._frames.feed(data) if data else self._frames.end())
            except FrameTooLong:
                raise faults.too_large(
                    "the upstream sent a frame that is too long", transcript.status
                ) from None
            if not data:
                self._end(transcript, said)
            if transcript.closed:
                exchange.satisfy()
            if said or self._opened:
                opened, self._opened = self._opened, []
                self._words = b"" if said else self._words
                exchange.heard = exchange.heard or not CONTENT.isdisjoint(map(type, said))
                return opened + said
        self._over = True
        raise StopAsyncIteration if transcript.fault is None else self._seen(transcript.fault.again())

    def pause(self) -> None:
        """Nobody reads until the next batch is asked for: that time is not the site's."""
        self._exchange.pause()

    async def aclose(self) -> None:
        """Cuts the connection now; a read under way in another task raises `trio.ClosedResourceError`."""
        self._over = True
        self._exchange.close()
        await trio.lowlevel.checkpoint()

    async def _begin(self) -> list[UpstreamEvent]:
        """The next batch, as long as it is not known that the answer is a stream of events, or where it is none."""
        while not self._over:
            if self._head is None:
                await self._open()
            elif self._pieces is not None:
                return await self._whole_answer(self._head, self._pieces)
            else:
                self._take_first(self._head, await self._exchange.receive())
            if self._transcript is not None:
                return await anext(self)
            if self._opened:
                opened, self._opened = self._opened, []
                return opened
        raise StopAsyncIteration

    async def _open(self) -> None:
        """Waits for the head, and takes what came with it."""
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
        self._opened = [Opened(head.status)]
        pending = self._exchange.receive_nowait()
        if pending:
            self._take_first(head, pending)

    def _take_first(self, head: AnswerHead, data: bytes) -> None:
        """Takes the body's first bytes, and with them decides what it is, perhaps not yet.

        Raises:
            UpstreamFault: it is neither a stream of events nor JSON.
        """
        self._first += data
        form = form_of(self._first, head, ended=not data)
        if form is None:
            return
        first = self._first
        match form:
            case Form.STREAM:
                self._head = None  # its fields are a fifth of what a held stream would hold
                self._transcript = self._dialect.transcript(head.status, session_known=self._session_known)
                self._words = b"" if begins_stream(first.lstrip()) else first
                return
            case Form.JSON:
                self._pieces, self._first = [first], b""
                return
            case Form.UNKNOWN:
                raise self._seen(words_fault(first, head.status))
        what = "a web page" if form is Form.PAGE else "packed, and has no content-encoding that says so"
        raise faults.protocol(f"the upstream's answer is {what}", head.status)

    async def _receive_late(self) -> bytes:
        """What follows the turn's ending, usually `[DONE]`: waited for but shortly, and no fault if it does not come."""
        with suppress(UpstreamFault), trio.move_on_after(self._exchange.drain_s):
            return await self._exchange.receive()
        self._exchange.close()
        return b""

    def _end(self, transcript: Transcript, events: list[UpstreamEvent]) -> None:
        """The body is over: adds what was still to be said to the last events."""
        events += transcript.body_ended()
        if self._words and not events and transcript.fault is not None:
            transcript.fault = words_fault(self._words, transcript.status)

    async def _whole_answer(self, head: AnswerHead, pieces: list[bytes]) -> list[UpstreamEvent]:
        while piece := await self._exchange.receive():
            pieces.append(piece)
        self._exchange.satisfy()
        self._over = True
        body = b"".join(pieces)
        try:
            events = self._dialect.whole(body, session_known=self._session_known)
        except MalformedAnswer:
            if body.strip()[:1] not in _JSON_BEGINS:
                raise self._seen(words_fault(body[:REFUSAL_BODY_LIMIT], head.status)) from None
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

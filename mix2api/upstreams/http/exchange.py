"""One request and its answer: connects, sends, reads head and body, gives the connection back. Used by one task.

An exchange has four parts: entering its context connects and sends, then come the answer's head (`head`) and its body, piece
by piece (`receive`). Leaving the context decides what becomes of the connection.
"""

from collections.abc import Callable
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Final, Self

import trio
from attrs import frozen

from mix2api.clock import Clock
from mix2api.http_body import BodyDecoder
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.connection import Connection, Dialer
from mix2api.upstreams.http.head import (
    AnswerHead,
    HeadReader,
    HeadTooLarge,
    HttpRequest,
    MalformedHead,
    TooManyInterim,
    body_of,
)
from mix2api.upstreams.http.limits import Retries, Timeouts
from mix2api.upstreams.http.packed_body import unpacked_body_of
from mix2api.upstreams.http.pool import IdlePool
from mix2api.upstreams.http.retrying import REFUSALS, RETRYABLE, retry_after_s, wait_before_retry
from mix2api.upstreams.http.watch import Watch
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail

_DRAIN_READS: Final = 4
"""Pieces read over meanwhile: more is another answer, not an end."""


@frozen(kw_only=True)
class Services:
    """What all calls of one client share."""

    dialer: Dialer
    pool: IdlePool[Connection]
    timeouts: Timeouts
    retries: Retries
    clock: Clock
    draw: Callable[[], float]
    """Uniform in 0 to 1, for jitter."""
    answer_limit: int
    """Bytes of one answer's body, framing included."""


class Exchange:
    """One call: enter its context, then `head`, then `receive` until it gives nothing; all by one task.

    It is a context of its own, and no generator made into one: trio keeps a list of async generators, and a call would cost
    12 µs and 700 bytes more (ADR 25).

    Args:
        services: of the client.
        request: sent whole, and sent again in a further attempt.
    """

    __slots__ = (
        "__weakref__",
        "_attempts",
        "_body",
        "_body_bytes",
        "_connection",
        "_origin",
        "_pending",
        "_reader",
        "_request",
        "_reusable",
        "_satisfied",
        "_services",
        "_watch",
        "heard",
    )

    def __init__(self, services: Services, request: HttpRequest) -> None:
        self._services = services
        self._origin = request.origin
        self._request: HttpRequest | None = request
        """None once the answer's head is here: it is not sent again, and may be long."""
        self._watch = Watch(services.timeouts)
        self._attempts = 0
        self._connection: Connection | None = None
        self._reader: HeadReader | None = None
        """While the answer's head is read."""
        self._reusable = False
        self._body: BodyDecoder | None = None
        self._pending = b""
        self._body_bytes = 0
        self._satisfied = False
        self.heard = True
        """Set by the caller: the last payload had content in it, so the limit of silence begins anew with the next wait."""

    async def __aenter__(self) -> Self:
        """Connects, or takes an idle connection, and sends.

        Raises:
            UpstreamFault: `connect_failed` after the last attempt, or a time-out.
        """
        self._watch.__enter__()
        try:
            await self._start()
        except BaseException as fault:
            self._leave(fault)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keeps the connection if the body was read to its end, or if its end comes shortly; else closes it at once.

        Raises:
            UpstreamFault: `timeout`, if a wait of the caller's own was cancelled because a limit passed.
        """
        try:
            if exc is None:
                await self._drain()
        except BaseException as late:
            self._leave(late)
            raise
        self._leave(exc)

    def _leave(self, exc: BaseException | None) -> None:
        self._release()
        self._watch.__exit__(None if exc is None else type(exc), exc, None)

    # --- asking

    async def _start(self) -> None:
        while True:
            self._attempts += 1
            try:
                return await self._put(self._services.pool.take(self._origin))
            except UpstreamFault as fault:
                pause = self._pause_before_next(None)
                if fault.detail is not Detail.CONNECT_FAILED or pause is None:
                    raise
            await self._wait(pause)

    async def _put(self, idle: Connection | None) -> None:
        if self._request is None:
            raise trio.ClosedResourceError("the call has its answer")
        request = self._request.encoded()
        try:
            if idle is None:
                self._watch.begin(Detail.CONNECT, self._services.timeouts.connect)
                idle = await self._services.dialer.dial(self._origin)
            self._connection = idle
            self._reader = HeadReader()
            self._watch.sent = True
            self._watch.begin(Detail.FIRST_BYTE, self._services.timeouts.first_byte)
            await idle.send(request)
        except trio.Cancelled:
            self._watch.check()
            raise
        except UpstreamFault as fault:
            # An earlier attempt may have been read before its connection closed.
            fault.taken = self._watch.sent
            raise

    def _pause_before_next(self, head: AnswerHead | None) -> float | None:
        """Seconds until the next attempt, None if this was the last."""
        services = self._services
        asked_s = retry_after_s(head.headers, services.clock.now_ms()) if head is not None else None
        return wait_before_retry(services.retries, self._attempts, services.draw(), asked_s)

    async def _wait(self, pause_s: float) -> None:
        self._watch.begin(Detail.TOTAL, inf)
        try:
            await trio.sleep(pause_s)
        except trio.Cancelled:
            self._watch.check()
            raise

    # --- the answer's head

    async def head(self) -> AnswerHead:
        """Waits for the answer's head, in a further attempt if this one may and must be repeated.

        Raises:
            UpstreamFault: `first_byte`, `truncated`, `protocol`, `too_large`, `too_many`, or a failed further attempt.
            mix2api.upstreams.http.faults.Unanswered: see there.
        """
        while True:
            head = await self._read_head()
            if head is None:
                # The peer closed an idle connection while the request was on its way: nothing of an answer came, so a
                # connection of its own is tried, which cannot be stale.
                self.close()
                if self._request is not None and self._request.once:
                    raise faults.Unanswered
                await self._put(None)
                continue
            pause = self._pause_before_next(head) if self._may_repeat(head.status) else None
            if pause is None:
                return self._begin_body(head)
            self.close()
            await self._wait(pause)
            await self._start()

    def _may_repeat(self, status: int) -> bool:
        once = self._request is not None and self._request.once
        return status in (REFUSALS if once else RETRYABLE)

    async def _read_head(self) -> AnswerHead | None:
        """The head, or None if an idle connection turned out to be closed."""
        connection, reader = self._open_connection, self._reader
        if reader is None:
            raise trio.ClosedResourceError("the call has its answer")
        while True:
            try:
                raw = await connection.receive()
            except trio.Cancelled:
                self._watch.check()
                raise
            if not raw:
                if connection.used and not reader.began:
                    return None
                raise faults.truncated(None)
            head = _head_in(raw, reader)
            if head is not None:
                self._pending = reader.rest
                return head

    def _begin_body(self, head: AnswerHead) -> AnswerHead:
        self._request = self._reader = None
        self._watch.status = head.status
        self._reusable = head.reusable
        limit = self._services.answer_limit
        self._body = unpacked_body_of(head, limit) if "content-encoding" in head.headers else body_of(head)
        self._body_bytes = len(self._pending)
        self._pending = self._body.feed(self._pending)
        return head

    # --- its body

    def receive_nowait(self) -> bytes:
        """The payload that is here already, perhaps none."""
        pending, self._pending = self._pending, b""
        return pending

    async def receive(self) -> bytes:
        """Waits for payload: what one read of the socket gave of it. Nothing means that the body has ended.

        Raises:
            UpstreamFault: `idle`, `silent`, `total`, `truncated`, `too_large` or `protocol`.
            trio.ClosedResourceError: `close` was called.
        """
        body = self._body
        if self._pending or body is None or body.done:
            return self.receive_nowait()
        collect_until = self._watch.await_piece(heard=self.heard)
        self.heard = False
        payload = b""
        try:
            connection = self._connection
            if connection is None:
                raise trio.ClosedResourceError("the call is closed")
            if collect_until is not None and connection.collects:
                await trio.sleep_until(collect_until)
            while not payload and not body.done:
                if body.malformed:
                    raise self._misframed(body)
                raw = await connection.receive()
                self._body_bytes += len(raw)
                if not raw or self._body_bytes > self._services.answer_limit:
                    self._check_end(raw, body)
                payload = body.feed(raw)
        except trio.Cancelled:
            self._watch.check()
            raise
        return payload

    def _check_end(self, raw: bytes, body: BodyDecoder) -> None:
        """The peer has closed, or has sent more than may be read: a fault unless the body ends there."""
        if not raw and not body.close():
            raise faults.truncated(self._watch.status)
        if self._body_bytes > self._services.answer_limit:
            raise faults.too_large("the upstream's answer is too large", self._watch.status)

    def _misframed(self, body: BodyDecoder) -> UpstreamFault:
        if body.oversized:
            return faults.too_large(
                "a line between the upstream's chunks, or its trailers, are too long", self._watch.status
            )
        return faults.protocol("the upstream's answer is framed wrongly", self._watch.status)

    def pause(self) -> None:
        """The reader is about to wait for somebody else: no limit counts until it asks for the next payload."""
        self._watch.pause()

    # --- its end

    def satisfy(self) -> None:
        """The reader needs nothing more of the body, whose end is then waited for but shortly."""
        self._satisfied = True
        self._watch.lift()

    async def _drain(self) -> None:
        """Gives the body's end the chance to come: within `drain_s`, and only if the reader is satisfied."""
        if not self._satisfied or self._connection is None or self._body is None:
            return
        if self._body.done and not self._pending:
            return
        with suppress(UpstreamFault), trio.move_on_after(self.drain_s):
            for _ in range(_DRAIN_READS):
                if not await self.receive():
                    break

    def _release(self) -> None:
        """Gives the connection back to the pool if the body was read to its end, else closes it at once."""
        connection, body = self._connection, self._body
        if connection is not None and body is not None and self._reusable and body.done and not body.surplus:
            connection.used = True
            self._services.pool.give_back(connection)
            self._connection = None
        self.close()

    def close(self) -> None:
        """Cuts the connection at once. Repeats do nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def drain_s(self) -> float:
        """Seconds that the body's end is worth after the answer's last word."""
        return self._services.timeouts.drain

    @property
    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise trio.ClosedResourceError("the call is closed")
        return self._connection


def _head_in(raw: bytes, reader: HeadReader) -> AnswerHead | None:
    """The head, if it is whole now."""
    try:
        return reader.feed(raw)
    except MalformedHead:
        raise faults.protocol("the upstream's answer is not HTTP", None) from None
    except HeadTooLarge:
        raise faults.too_large("the head of the upstream's answer is too large", None) from None
    except TooManyInterim:
        raise faults.too_many("the upstream sent too many interim answers", None) from None

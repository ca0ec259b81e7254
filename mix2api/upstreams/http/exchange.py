"""One request and its answer: connects, sends, reads head and body, gives the connection back. Used by one task."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio
from attrs import frozen

from mix2api.clock import Clock
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.body import BodyDecoder
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
from mix2api.upstreams.http.pool import IdlePool
from mix2api.upstreams.http.retrying import RETRYABLE, retry_after_s, wait_before_retry
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
    """One call: `start`, then `head`, then `receive` until it gives nothing.

    Args:
        services: of the client.
        request: sent whole, and sent again in a further attempt.
        watch: over the scope that encloses the call.
    """

    def __init__(self, services: Services, request: HttpRequest, watch: Watch) -> None:
        self._services = services
        self._origin = request.origin
        self._request: HttpRequest | None = request
        """None once the answer's head is here: it is not sent again, and may be long."""
        self._watch = watch
        self._first_byte_at = 0.0
        self._attempts = 0
        self._connection: Connection | None = None
        self._reader = HeadReader()
        self._head: AnswerHead | None = None
        self._body: BodyDecoder | None = None
        self._pending = b""
        self._body_bytes = 0
        self._silent_at = 0.0
        self.heard = True
        """Set by the caller: the last payload had content in it, so the limit of silence begins anew with the next wait."""
        self.satisfied = False
        """Set by the caller: it needs nothing more of the body, whose end is then waited for but shortly."""

    async def start(self) -> None:
        """Connects, or takes an idle connection, and sends.

        Raises:
            UpstreamFault: `connect_failed` after the last attempt, or a time-out.
        """
        while True:
            self._attempts += 1
            try:
                return await self._put(self._services.pool.take(self._origin))
            except UpstreamFault as fault:
                pause = self._pause_before_next(None)
                if fault.detail is not Detail.CONNECT_FAILED or pause is None:
                    raise
            await self._wait(pause)

    async def head(self) -> AnswerHead:
        """Waits for the answer's head, in a further attempt if this one may and must be repeated.

        Raises:
            UpstreamFault: `first_byte`, `truncated`, `protocol`, `too_large`, `too_many`, or a failed further attempt.
        """
        while True:
            head = await self._read_head()
            if head is None:
                # The peer closed an idle connection while the request was on its way: nothing of an answer came, so a
                # connection of its own is tried, which cannot be stale.
                self.close()
                await self._put(None)
                continue
            pause = self._pause_before_next(head) if head.status in RETRYABLE else None
            if pause is None:
                return self._begin_body(head)
            self.close()
            await self._wait(pause)
            await self.start()

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
        if self._pending:
            return self.receive_nowait()
        body = self._body
        at, limit = self._patience()
        while body is not None and not body.done:
            if body.malformed:
                raise self._misframed(body)
            with self._watch.until(at, limit):
                raw = await self._open_connection.receive()
            if not raw and not body.close():
                raise faults.truncated(self._watch.status)
            self._body_bytes += len(raw)
            if self._body_bytes > self._services.answer_limit:
                raise faults.too_large("the upstream's answer is too large", self._watch.status)
            payload = body.feed(raw)
            if payload:
                return payload
        return b""

    def _patience(self) -> tuple[float, Detail]:
        """Until when the next payload is waited for, and the name of that limit."""
        now, timeouts = trio.current_time(), self._services.timeouts
        if self.heard:
            self.heard = False
            self._silent_at = now + timeouts.silent_or_inf
        idle_at = now + timeouts.idle
        return (idle_at, Detail.IDLE) if idle_at <= self._silent_at else (self._silent_at, Detail.SILENT)

    def _misframed(self, body: BodyDecoder) -> UpstreamFault:
        if body.oversized:
            return faults.too_large(
                "a line between the upstream's chunks, or its trailers, are too long", self._watch.status
            )
        return faults.protocol("the upstream's answer is framed wrongly", self._watch.status)

    def excuse(self, away_s: float) -> None:
        """For so many seconds the reader was elsewhere: they are not the peer's, and count in no limit."""
        self._watch.extend(away_s)
        self._silent_at += away_s

    async def drain(self) -> None:
        """Gives the body's end the chance to come: within `drain_s`, and only if the caller is satisfied."""
        if self._body is not None and self._body.done and not self._pending:
            return  # it came with the last word
        if self.satisfied and self._connection is not None:
            with suppress(UpstreamFault), trio.move_on_after(self.drain_s):
                for _ in range(_DRAIN_READS):
                    if not await self.receive():
                        break

    def release(self) -> None:
        """Gives the connection back to the pool if the body was read to its end, else closes it at once."""
        connection, head, body = self._connection, self._head, self._body
        if connection is None or head is None or body is None:
            return self.close()
        if head.reusable and body.done and not body.surplus:
            connection.used = True
            self._services.pool.give_back(connection)
            self._connection = None
        return self.close()

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

    async def _put(self, idle: Connection | None) -> None:
        if self._request is None:
            raise trio.ClosedResourceError("the call has its answer")
        connection = self._connection = idle if idle is not None else await self._dial()
        self._reader = HeadReader()
        request = self._reader.encode(self._request)
        self._watch.sent = True
        self._first_byte_at = trio.current_time() + self._services.timeouts.first_byte
        with self._watch.until(self._first_byte_at, Detail.FIRST_BYTE):
            await connection.send(request)

    async def _dial(self) -> Connection:
        try:
            with self._watch.until(trio.current_time() + self._services.timeouts.connect, Detail.CONNECT):
                return await self._services.dialer.dial(self._origin)
        except UpstreamFault as fault:
            # An earlier attempt may have been read before its connection closed.
            fault.taken = self._watch.sent
            raise

    async def _read_head(self) -> AnswerHead | None:
        """The head, or None if an idle connection turned out to be closed."""
        connection = self._open_connection
        while True:
            with self._watch.until(self._first_byte_at, Detail.FIRST_BYTE):
                raw = await connection.receive()
            if not raw:
                if connection.used and not self._reader.began:
                    return None
                raise faults.truncated(None)
            try:
                head = self._reader.feed(raw)
            except MalformedHead:
                raise faults.protocol("the upstream's answer is not HTTP", None) from None
            except HeadTooLarge:
                raise faults.too_large("the head of the upstream's answer is too large", None) from None
            except TooManyInterim:
                raise faults.too_many("the upstream sent too many interim answers", None) from None
            if head is not None:
                return head

    def _begin_body(self, head: AnswerHead) -> AnswerHead:
        self._head = head
        self._request = None
        self._watch.status = head.status
        self._body = body_of(head)
        self._body_bytes = len(self._reader.rest)
        self._pending = self._body.feed(self._reader.rest)
        return head

    def _pause_before_next(self, head: AnswerHead | None) -> float | None:
        """Seconds until the next attempt, None if this was the last."""
        services = self._services
        asked_s = retry_after_s(head.headers, services.clock.now_ms()) if head is not None else None
        return wait_before_retry(services.retries, self._attempts, services.draw(), asked_s)

    async def _wait(self, pause_s: float) -> None:
        with self._watch.until(float("inf"), Detail.TOTAL):
            await trio.sleep(pause_s)

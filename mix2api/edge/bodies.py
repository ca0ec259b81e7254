"""A request's body: read when it is asked for; where it is refused thrown away, so that the client reads the answer."""

from typing import Final, Protocol

import trio

from mix2api.edge.framing import Framing
from mix2api.errors import BodyTooLarge, RequestTimeout

DRAIN_BYTES: Final = 64 * 1024 * 1024
"""How much of a refused body is still read. A client that is cut off while it sends sees a reset instead of the 413 (or
401); one that sends more than this is not worth the traffic."""


class Source(Protocol):
    """Where the bytes of a body come from: the connection."""

    def take_ahead(self) -> bytes:
        """What has been read already, perhaps nothing."""
        ...

    async def receive(self) -> bytes:
        """The next bytes that the client sends, never none; the caller is cancelled if the client has left."""
        ...

    def unread(self, data: bytes) -> None:
        """Takes back what stands behind the body: the beginning of the next request."""
        ...


class RequestBody:
    """The body of one request.

    Args:
        length: bytes by the client's own word, or None (chunked).
        limit: bytes that are accepted.
        source: gives the bytes.
    """

    __slots__ = ("_framing", "_length", "_limit", "_source", "received")

    def __init__(self, length: int | None, limit: int, source: Source) -> None:
        self._framing = Framing(length)
        self._length = length or 0
        self._limit = limit
        self._source = source
        self.received = 0
        """Bytes of the body so far."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read, or thrown away: the next request may follow."""
        return self._framing.is_whole

    async def read(self, timeout_s: float) -> bytes:
        """The whole body, once. Nothing of it is kept here.

        Raises:
            BodyTooLarge: over the limit.
            RequestTimeout: not there after `timeout_s` seconds.
            NotHttp: it is not framed as the head says.
        """
        self._check_size(self._length)
        # Pieces, not one buffer: what a growing or shrinking one leaves behind is not overwritten.
        pieces = [self._take(self._source.take_ahead())]
        if not self._framing.is_whole:
            with trio.move_on_after(timeout_s):
                while not self._framing.is_whole:
                    self._check_size(self.received)
                    pieces.append(self._take(await self._source.receive()))
            if not self._framing.is_whole:
                raise RequestTimeout("The body did not arrive in time.")
        self._check_size(self.received)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def drain(self, limit_s: float) -> None:
        """Throws away what is there and what still comes, within bounds. For every answer that refuses.

        Raises:
            NotHttp: it is not framed as the head says.
        """
        if not self._framing.is_whole:
            self._take(self._source.take_ahead())
        with trio.move_on_after(limit_s):
            while not self._framing.is_whole and self.received <= DRAIN_BYTES:
                self._take(await self._source.receive())

    def _take(self, data: bytes) -> bytes:
        payload, rest = self._framing.feed(data)
        if rest:
            self._source.unread(rest)
        self.received += len(payload)
        return payload

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise BodyTooLarge(f"The body is too large: at most {self._limit} bytes are accepted.")

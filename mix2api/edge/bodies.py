"""A request's body: collected up to the limit; where it is refused thrown away, so that the client reads the answer."""

from typing import Final

import trio
from quart_trio.wrappers.request import TrioBody

from mix2api.errors import BodyTooLarge, RequestTimeout

DRAIN_BYTES: Final = 16 * 1024 * 1024
"""How much of a refused body is still read. A client that is cut off while it sends sees a reset instead of the 413 (or
401); one that sends more than this is not worth the traffic."""


class LimitedBody(TrioBody):
    """What Quart collects the body in: one per request, filled by the connection, read once by the handler.

    Args:
        expected_content_length: bytes by the client's own word, or None (chunked).
        max_content_length: bytes that are accepted.
    """

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(None, None)  # Quart's own limit would raise its own 413 and leave the rest unread.
        self._pieces: list[bytes] = []
        """Not one buffer: what a growing or shrinking one leaves behind is not overwritten."""
        self._held = 0
        """Bytes of these."""
        self._limit = max_content_length
        self._refused = max_content_length is not None and (expected_content_length or 0) > max_content_length
        self._dropped = 0
        self._settled = trio.Event()
        """Set when the body is whole or known to be too long."""
        self._drained = trio.Event()
        """Set when nothing more of it will be read."""
        if self._refused:
            self._settled.set()

    @property
    def received(self) -> int:
        """Bytes of the body so far."""
        return self._held + self._dropped

    def append(self, data: bytes) -> None:
        """A piece of the body, as the connection got it."""
        self._pieces.append(data)
        self._held += len(data)
        if self._limit is not None and self._held > self._limit:
            self._refused = True
        if self._refused:
            self._drop()

    def set_complete(self) -> None:
        """The client has sent all of it."""
        self._settled.set()
        self._drained.set()

    async def read(self, timeout_s: float) -> bytes:
        """The whole body, once: it is not kept beside what is made of it, for as long as the answer takes.

        Raises:
            BodyTooLarge: over the limit.
            RequestTimeout: not there after `timeout_s` seconds.
        """
        if not self._settled.is_set():
            with trio.move_on_after(timeout_s):
                await self._settled.wait()
        if self._refused:
            raise BodyTooLarge(f"The body is too large: at most {self._limit} bytes are accepted.")
        if not self._settled.is_set():
            raise RequestTimeout("The body did not arrive in time.")
        data = b"".join(self._pieces)
        self._drop()
        return data

    async def drain(self, limit_s: float) -> None:
        """Throws away what is there and what still comes, within bounds. For every answer that refuses."""
        self._refused = True
        self._drop()
        with trio.move_on_after(limit_s):
            await self._drained.wait()

    def _drop(self) -> None:
        self._dropped += self._held
        self._pieces, self._held = [], 0
        self._settled.set()
        if self._dropped > DRAIN_BYTES:
            self._drained.set()

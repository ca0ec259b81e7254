"""Between a run and the one reader of its replies: a buffer that never blocks the writer, and the reader's end of it.

The reader's end refers to the buffer and to the writer, and neither refers to the reader's end. A finished turn is
therefore no reference cycle: its content is gone as soon as the reader lets go.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import trio

from mix2api.sessions.dispatch import Reply
from mix2api.vocabulary import Detail, EndReason, Receipt


class ReplyBuffer:
    """The writer's end: what whoever runs the turn has for the reader."""

    def __init__(self) -> None:
        self._pending: list[Reply] = []
        self._ready = trio.Event()
        self._taken = trio.Event()
        self.committed = False
        """Whether status 200 has left."""

    def put(self, replies: list[Reply]) -> None:
        """Adds replies, in order, and wakes the reader."""
        self._pending += replies
        self._ready.set()

    @property
    def backlog(self) -> int:
        """Replies that nobody has taken yet."""
        return len(self._pending)

    async def wait_taken(self) -> None:
        """Waits until the reader has taken what is pending. The caller brings the deadline."""
        while self._pending:
            self._taken = trio.Event()
            await self._taken.wait()

    async def take(self) -> list[Reply]:
        """Waits for at least one reply, or a nudge, and gives all that are pending."""
        await self._ready.wait()
        taken, self._pending = self._pending, []
        self._ready = trio.Event()
        self._taken.set()
        return taken

    def nudge(self) -> None:
        """Wakes the reader though there may be nothing: its `take` then gives an empty list."""
        self._ready.set()

    def headers_sent(self) -> None:
        """Status 200 has left."""
        self.committed = True


class ReplyReader:
    """In-process form of `mix2api.sessions.dispatch.Replies`: the reader's end.

    Args:
        buffer: what is read.
        on_abort: told once when the reader gives up.
        on_settle: told once what became of the ending.
        on_headers: told when status 200 has left.
    """

    def __init__(
        self,
        buffer: ReplyBuffer,
        on_abort: Callable[[Detail], None],
        on_settle: Callable[[Receipt, EndReason | None], None],
        on_headers: Callable[[], None] | None = None,
    ) -> None:
        self._buffer = buffer
        self._on_abort: Callable[[Detail], None] | None = on_abort
        self._on_settle: Callable[[Receipt, EndReason | None], None] | None = on_settle
        self._on_headers = on_headers

    def take(self) -> Coroutine[Any, Any, list[Reply]]:
        """Waits for at least one reply, or a nudge, and gives all that are pending."""
        return self._buffer.take()

    def nudge(self) -> None:
        """Wakes the reader though there may be nothing: its `take` then gives an empty list."""
        self._buffer.nudge()

    def headers_sent(self) -> None:
        """Status 200 has left."""
        self._buffer.headers_sent()
        if self._on_headers is not None:
            self._on_headers()

    def abort(self, detail: Detail) -> None:
        """The client went away. Told once."""
        told, self._on_abort = self._on_abort, None
        if told is not None:
            told(detail)

    def settle(self, receipt: Receipt, told: EndReason | None = None) -> None:
        """What became of the ending, and under which reason the client was given it. Told once."""
        on_settle, self._on_settle = self._on_settle, None
        if on_settle is not None:
            on_settle(receipt, told)

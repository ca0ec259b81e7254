"""The buffer between a run and the one reader of its replies: takes all that is pending, never blocks the writer."""

from collections.abc import Callable

import trio

from mix2api.sessions.dispatch import Reply
from mix2api.vocabulary import Detail, Receipt


class ReplyBuffer:
    """In-process form of `mix2api.sessions.dispatch.Replies`, written by whoever runs the turn.

    Args:
        on_abort: told once when the reader gives up.
        on_settle: told once what became of the ending.
        on_headers: told when status 200 has left.
    """

    def __init__(
        self,
        on_abort: Callable[[Detail], None],
        on_settle: Callable[[Receipt], None],
        on_headers: Callable[[], None] | None = None,
    ) -> None:
        self._pending: list[Reply] = []
        self._ready = trio.Event()
        self._on_abort: Callable[[Detail], None] | None = on_abort
        self._on_settle: Callable[[Receipt], None] | None = on_settle
        self._on_headers = on_headers
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
        if self._on_headers is not None:
            self._on_headers()

    def abort(self, detail: Detail) -> None:
        """The client went away. Told once."""
        told, self._on_abort = self._on_abort, None
        if told is not None:
            told(detail)

    def settle(self, receipt: Receipt) -> None:
        """What became of the ending. Told once."""
        told, self._on_settle = self._on_settle, None
        if told is not None:
            told(receipt)

"""Between a run and the one reader of its replies: a buffer that never blocks the writer, and the reader's end of it.

The writer counts the bytes that wait in the buffer, and stops reading the upstream beyond `BACKLOG_BYTES` of them. The
reader's end refers to the buffer and to the writer, and neither refers to the reader's end. A finished turn is therefore
no reference cycle: its content is gone as soon as the reader lets go.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import trio

from mix2api.events.edge_times import EdgeTimes
from mix2api.sessions.worker_port import (
    Accepted,
    Ended,
    ReasoningDelta,
    Reply,
    Sink,
    TextDelta,
    ToolCallDelta,
)
from mix2api.vocabulary import Detail, EndReason, Receipt
from mix2api.wire.passed_on import PassedOn

BACKLOG_BYTES: Final = 1024 * 1024
"""Bytes that may wait for one client. A usual answer, of up to 4,000 deltas, fits: only a long one makes the site wait."""
PIECE_BYTES: Final = 65_536
"""Bytes that one `take` gives at most, if more than one reply waits: a slow client that takes such a piece within
`MIX2API_CLIENT_STALL_S` has not stalled."""
_EACH: Final = 256
"""Bytes that a reply counts beside its text: the frame around it, and the object in memory."""

_TEXTS: Final = (TextDelta, ReasoningDelta)
_NO_PIECES: Final = (Accepted, Ended)
_FEW: Final = 4
"""Pieces that a sink is given at most. Where one read of the site brings more, the process is busy: then a turn of the loop more lets
the next read bring more, too, and a chunk costs less."""


def bytes_of(replies: Iterable[Reply]) -> int:
    """UTF-8 bytes of the text in replies."""
    size = 0
    for reply in replies:
        if isinstance(reply, _TEXTS):
            text = reply.text
        elif isinstance(reply, ToolCallDelta):
            text = reply.arguments
        elif isinstance(reply, PassedOn):
            size += reply.size
            continue
        else:
            continue
        size += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size


def weight_of(replies: list[Reply]) -> int:
    """Bytes that replies count in a buffer."""
    return bytes_of(replies) + _EACH * pieces_in(replies)


def pieces_in(replies: Iterable[Reply]) -> int:
    """How many pieces replies are: events that came together count each."""
    return sum(reply.count if isinstance(reply, PassedOn) else 1 for reply in replies)


class ReplyBuffer:
    """The writer's end: what whoever runs the turn has for the reader.

    Args:
        on_taken: told of the bytes of every `take`.
        is_whole: the reader needs the answer as a whole. Pieces do not wake it until there are `PIECE_BYTES` of them.
    """

    __slots__ = (
        "_is_whole",
        "_pending",
        "_piece_ms",
        "_pieces",
        "_ready",
        "_taken",
        "committed",
        "held_bytes",
        "longest_gap_ms",
        "on_taken",
        "sink",
    )

    def __init__(self, on_taken: Callable[[int], None] | None = None, *, is_whole: bool = False) -> None:
        self._is_whole = is_whole
        self._pending: list[Reply] = []
        self._pieces = 0
        """How many pieces the pending replies are."""
        self._ready = trio.Event()
        self.on_taken = on_taken
        self.sink: Sink | None = None
        """Takes pieces at once while the reader waits."""
        self.held_bytes = 0
        """Bytes that nobody has taken yet: of the text, and an allowance for each reply."""
        self._taken: trio.Event | None = None
        """While the writer waits for a `take`."""
        self.committed = False
        """Whether status 200 has left."""
        self._piece_ms: float | None = None
        self.longest_gap_ms: int | None = None
        """The longest silence between two pieces of the answer. None: there were no two pieces."""

    def put(
        self,
        replies: list[Reply],
        size_bytes: int = 0,
        at_ms: float | None = None,
        *,
        pieces: int | None = None,
    ) -> None:
        """Adds replies, in order, and wakes the reader, unless they are pieces of an answer that it needs as a whole.

        Args:
            replies: what there is to tell.
            size_bytes: UTF-8 bytes of the text in them; the writer knows, and nothing is counted here.
            at_ms: when they came, on the monotonic clock, if they are a piece of the answer: what one read of the site's
                socket brought for the client.
            pieces: how many pieces they are; None: one each.
        """
        if at_ms is not None:
            if self._piece_ms is not None:
                self.longest_gap_ms = max(self.longest_gap_ms or 0, int(at_ms - self._piece_ms))
            self._piece_ms = at_ms
        if pieces is None:
            pieces = len(replies)
        if (
            self.sink is not None
            and not self._pending
            and pieces <= _FEW
            and size_bytes <= PIECE_BYTES
            and not isinstance(replies[-1], _NO_PIECES)
        ):
            if not self.sink(replies):
                self.sink = None  # the next piece comes behind what is left of this one
                self._ready.set()
            if self.on_taken is not None:
                self.on_taken(size_bytes + _EACH * pieces)
            return
        self._pending += replies
        self._pieces += pieces
        self.held_bytes += size_bytes + _EACH * pieces
        if at_ms is None or not self._is_whole or self.held_bytes > PIECE_BYTES:
            self._ready.set()

    async def wait_taken(self) -> None:
        """Waits for the reader's next `take`, not at all if nothing is pending. The caller brings the deadline."""
        if self._pending:
            taken = self._taken = trio.Event()
            await taken.wait()

    async def take(self) -> list[Reply]:
        """Waits for at least one reply, or a nudge, and gives those that are pending, of many the first `PIECE_BYTES`.

        What is pending is given at once, without a turn of the loop: the writer has to run before there is more. Of a
        backlog, others get a turn before each piece.
        """
        if not self._ready.is_set():
            await self._ready.wait()
        elif self.held_bytes > PIECE_BYTES:
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        taken, held = self._pending, self.held_bytes
        if held > PIECE_BYTES and len(taken) > 1:
            # Taken by number: of a burst the pieces are of one size, nearly.
            pieces = self._pieces
            count, its_pieces = self._leading(max(1, pieces * PIECE_BYTES // held))
            taken, self._pending = taken[:count], taken[count:]
            self.held_bytes -= held * its_pieces // pieces
            self._pieces -= its_pieces
        else:
            self._pending, self.held_bytes, self._pieces = [], 0, 0
            self._ready = trio.Event()
        if self._taken is not None:
            self._taken.set()
            self._taken = None
        if self.on_taken is not None:
            self.on_taken(held - self.held_bytes)
        return taken

    def _leading(self, most: int) -> tuple[int, int]:
        """How many replies have at most so many pieces, at least one reply; and how many pieces they have."""
        if self._pieces == len(self._pending):
            return most, most
        count = found = 0
        for reply in self._pending:
            its_pieces = reply.count if isinstance(reply, PassedOn) else 1
            if count and found + its_pieces > most:
                break
            count, found = count + 1, found + its_pieces
        return count, found

    def nudge(self) -> None:
        """Wakes the reader though there may be nothing: its `take` then gives an empty list."""
        self._ready.set()

    def headers_sent(self) -> None:
        """Status 200 has left."""
        self.committed = True


OnSettle = Callable[[Receipt, EndReason | None, EdgeTimes | None], None]
"""Told what became of an ending, the reason that its client was told, and the edge's times."""


class ReplyReader:
    """In-process form of `mix2api.sessions.worker_port.Replies`: the reader's end.

    Args:
        buffer: what is read.
        on_abort: told once when the reader gives up.
        on_settle: told once what became of the ending.
        on_headers: told when status 200 has left.
    """

    __slots__ = ("_buffer", "_on_abort", "_on_headers", "_on_settle", "take")

    def __init__(
        self,
        buffer: ReplyBuffer,
        on_abort: Callable[[Detail], None],
        on_settle: OnSettle,
        on_headers: Callable[[], None] | None = None,
    ) -> None:
        self._buffer = buffer
        self._on_abort: Callable[[Detail], None] | None = on_abort
        self._on_settle: OnSettle | None = on_settle
        self._on_headers = on_headers
        self.take: Callable[[], Coroutine[Any, Any, list[Reply]]] = buffer.take
        """Waits for at least one reply, or a nudge, and gives all that are pending."""

    def deliver_to(self, sink: Sink | None) -> None:
        """Has pieces given to a sink while a `take` waits."""
        self._buffer.sink = sink

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

    def settle(self, receipt: Receipt, told: EndReason | None = None, times: EdgeTimes | None = None) -> None:
        """What became of the ending, under which reason the client was given it, and when. Told once."""
        on_settle, self._on_settle = self._on_settle, None
        if on_settle is not None:
            on_settle(receipt, told, times)

"""What the edge knows of how an answer reaches its client, and where the worker is told of it.

Told once, by the first that knows: the ending was written (`confirm`), or the connection ended first (`close`). Silence is
no evidence: where the server itself is being stopped, the worker hears of that, and no receipt is given.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from mix2api.edge.stopwatch import Stopwatch
from mix2api.sessions.worker_port import Accepted, Replies, Reply
from mix2api.vocabulary import Detail, EndReason, Receipt

_CLIENT_S: Final = frozenset({Detail.HUNG_UP, Detail.STALLED})
"""Causes that are evidence that the client did not get the ending."""


class Delivery:
    """One run's way to its client."""

    __slots__ = ("_is_over", "_live", "accepted", "cause", "replies", "watch", "writes")

    def __init__(self, replies: Replies, live: "LiveDeliveries", watch: Stopwatch) -> None:
        self.replies = replies
        self._live = live
        self.watch = watch
        """Measures the request, for its receipt."""
        self._is_over = False
        self.writes = 0
        """Pieces that were begun to be sent so far."""
        self.cause: Detail | None = None
        """Why it was given up before its ending was written; None if it was not."""
        self.accepted: Accepted | None = None
        """The worker's word that the run is in the log; the last one before headers leave, for a turn may run twice; else
        the first one after."""
        live.add(self)

    async def take(self) -> list[Reply]:
        """The replies that are pending; none after a nudge. Cancelled, it has taken none."""
        replies = await self.replies.take()
        if self.accepted is None or not self.writes:
            for reply in replies:
                if isinstance(reply, Accepted):
                    if self.accepted is None or self.accepted.run_id != reply.run_id:
                        self.watch.accepted()  # else it only tells the run's account
                    self.accepted = reply
        return replies

    async def was_accepted(self) -> bool:
        """Whether the worker has said by now that the run is in the log, also where nobody has taken that yet. Does not block."""
        if self.accepted is None:
            self.replies.nudge()
            await self.take()
        return self.accepted is not None

    def confirm(self, receipt: Receipt, told: EndReason) -> None:
        """The kernel has taken the ending. A client that read it may have closed by now: no evidence against the receipt.

        Args:
            receipt: what is true of an ending that was written.
            told: the reason that this ending gives.
        """
        if not self._is_over:
            self._end()
            self.replies.settle(receipt, told, self.watch.times(is_written=True))

    def close(self, cause: Detail) -> None:
        """The connection is done with this answer. Without effect after `confirm`.

        Args:
            cause: `hung_up`: the client closed. `stalled`: it takes nothing any more. `drain`: the server is being stopped.
                `edge_lost`: a fault of ours.
        """
        if self._is_over:
            return
        self._end()
        self.cause = cause
        self.replies.abort(cause)
        if cause in _CLIENT_S:
            self.replies.settle(Receipt.CLIENT_LEFT, None, self.watch.times(is_written=False))

    def _end(self) -> None:
        self._is_over = True
        self._live.discard(self)


class PiecesAtOnce:
    """Writes pieces of a stream in the step of whoever has them, while the stream's task waits.

    A chunk then takes neither a turn of the loop nor a change of tasks. What goes wrong, and what the kernel does not take, is left
    to the task.

    Args:
        delivery: gives the pieces, and counts them.
        render: replies to frames.
        send_now: sends what the kernel takes, and gives the rest.
        send_rest: sends such a rest.
    """

    __slots__ = ("_delivery", "_fault", "_render", "_rest", "_send_now", "_send_rest")

    def __init__(
        self,
        delivery: Delivery,
        render: Callable[[list[Reply]], bytes],
        send_now: Callable[[bytes], bytes],
        send_rest: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._delivery = delivery
        self._render = render
        self._send_now = send_now
        self._send_rest = send_rest
        self._rest = b""
        self._fault: Exception | None = None

    async def take(self) -> list[Reply]:
        """The replies that are left to the task. None after a nudge, and where `finish` has something to do."""
        replies = self._delivery.replies
        replies.deliver_to(self._write)
        try:
            return await replies.take()
        finally:
            replies.deliver_to(None)

    async def finish(self) -> bool:
        """Sends what is left of the last piece. Gives whether there was something.

        Raises:
            Exception: the last piece could not be made.
        """
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
        rest, self._rest = self._rest, b""
        if rest:
            await self._send_rest(rest)
        return bool(rest)

    def _write(self, replies: list[Reply]) -> bool:
        try:
            piece = self._render(replies)
        except Exception as fault:  # noqa: BLE001 - the stream's, and not of whoever runs the turn: its task ends the stream
            self._fault = fault
            return False
        if piece:
            self._delivery.writes += 1
            self._rest = self._send_now(piece)
        return not self._rest


class LiveDeliveries:
    """All answers under way, looked at once in a while: long silences are filled with comments.

    One pass over all of them once a second, rather than a deadline around every piece: a cancel scope for each costs
    about 8 µs, where sending a piece costs about 30 in all.

    Args:
        keepalive_s: how long nothing may be written before a comment goes out; rounded up to the next look.
        check_s: how often all answers are looked at.
    """

    def __init__(self, keepalive_s: float, check_s: float) -> None:
        self._check_s = check_s
        self._silent_looks = max(1, math.ceil(keepalive_s / check_s))
        self._seen: dict[Delivery, tuple[int, int]] = {}
        """Delivery -> its `writes` at the last look, and for how many looks they have been as many."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, delivery: Delivery) -> None:
        """An answer begins."""
        self._seen[delivery] = (0, 0)

    def discard(self, delivery: Delivery) -> None:
        """An answer is over."""
        self._seen.pop(delivery, None)

    def look(self) -> None:
        """One pass."""
        for delivery, (writes, looks) in list(self._seen.items()):
            if delivery.writes != writes:
                self._seen[delivery] = (delivery.writes, 0)
                continue
            self._seen[delivery] = (writes, looks + 1)
            if (looks + 1) % self._silent_looks == 0:
                delivery.replies.nudge()

    async def watch(self) -> None:
        """Looks at every interval, until cancelled."""
        while True:
            await trio.sleep(self._check_s)
            self.look()

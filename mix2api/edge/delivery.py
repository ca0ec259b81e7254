"""What the edge knows of how an answer reaches its client, and where the worker is told of it.

Told once, by the first that knows: the ending was written (`confirm`), the connection ended first (`close`), or the
client stopped reading (`LiveDeliveries`). Silence is no evidence: where the server itself is being stopped, the worker
hears of that, and no receipt is given.
"""

import math
from typing import Protocol

import trio
from attrs import frozen

from mix2api.sessions.worker_port import Accepted, Replies, Reply
from mix2api.vocabulary import Detail, EndReason, Receipt


class Line(Protocol):
    """The client's connection, as far as a delivery is concerned."""

    @property
    def is_broken(self) -> bool:
        """Whether a write has failed."""
        ...

    def cut(self) -> None:
        """Closes it, a write that waits for the client included."""
        ...


class Delivery:
    """One run's way to its client."""

    def __init__(self, replies: Replies, live: "LiveDeliveries", line: Line) -> None:
        self.replies = replies
        self._live = live
        self._line = line
        self._over = False
        self.writes = 0
        """Pieces handed to the server so far."""
        self.writing = False
        """The last piece has not been taken by the kernel yet."""
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
                    self.accepted = reply
        return replies

    async def was_accepted(self) -> bool:
        """Whether the worker has said by now that the run is in the log, also where nobody has taken that yet. Does not block."""
        if self.accepted is None:
            self.replies.nudge()
            await self.take()
        return self.accepted is not None

    def handed_over(self) -> None:
        """A piece goes to the server now."""
        self.writes += 1
        self.writing = True

    def confirm(self, receipt: Receipt, told: EndReason) -> None:
        """The server has handed the ending to the kernel, or its connection is broken.

        A client that read the ending may have closed by now: that is no evidence against the receipt.

        Args:
            receipt: what is true of an ending that was written.
            told: the reason that this ending gives.
        """
        if self._line.is_broken:
            self._settle(Receipt.CLIENT_LEFT)
        else:
            self._settle(receipt, told)

    def close(self, cause: Detail) -> None:
        """The connection is done with this answer. Without effect after `confirm`.

        Args:
            cause: `hung_up`: the client closed. `drain`: the server is being stopped. `edge_lost`: a fault of ours.
        """
        if self._over:
            return
        self.cause = cause
        self.replies.abort(cause)
        if cause is Detail.HUNG_UP:
            self._settle(Receipt.CLIENT_LEFT)
        else:
            self._end()

    def give_up(self) -> None:
        """The client takes nothing any more: its connection is closed."""
        if not self._over:
            self.cause = Detail.STALLED
            self.replies.abort(Detail.STALLED)
            self._settle(Receipt.CLIENT_LEFT)
            self._line.cut()

    def _settle(self, receipt: Receipt, told: EndReason | None = None) -> None:
        if not self._over:
            self._end()
            self.replies.settle(receipt, told)

    def _end(self) -> None:
        self._over = True
        self._live.discard(self)


@frozen(kw_only=True)
class Patience:
    """Limits in seconds; both are rounded up to the next look."""

    stall_s: float
    """How long a piece may wait to be taken by the client."""
    keepalive_s: float
    """How long nothing may be written before a comment goes out."""
    check_s: float
    """How often all answers are looked at."""

    def passes(self, limit_s: float) -> int:
        """A limit as a number of looks."""
        return max(1, math.ceil(limit_s / self.check_s))


class LiveDeliveries:
    """All answers under way, looked at once in a while: for clients that stopped reading, and for long silences.

    One pass over all of them once a second, rather than a deadline around every piece: a cancel scope for each costs
    about 8 µs, where sending a piece costs about 50 in all.
    """

    def __init__(self, patience: Patience) -> None:
        self._check_s = patience.check_s
        self._stall_passes = patience.passes(patience.stall_s)
        self._silent_passes = patience.passes(patience.keepalive_s)
        self._seen: dict[Delivery, tuple[int, bool, int]] = {}
        """Delivery -> its `writes` and `writing` at the last look, and for how many looks they have been so."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, delivery: Delivery) -> None:
        """An answer begins."""
        self._seen[delivery] = (0, False, 0)

    def discard(self, delivery: Delivery) -> None:
        """An answer is over."""
        self._seen.pop(delivery, None)

    def look(self) -> None:
        """One pass."""
        for delivery, (writes, writing, passes) in list(self._seen.items()):
            if (delivery.writes, delivery.writing) != (writes, writing):
                self._seen[delivery] = (delivery.writes, delivery.writing, 0)
                continue
            self._seen[delivery] = (writes, writing, passes + 1)
            if writing and passes + 1 >= self._stall_passes:
                delivery.give_up()
            elif not writing and (passes + 1) % self._silent_passes == 0:
                delivery.replies.nudge()

    async def watch(self) -> None:
        """Looks at every interval, until cancelled."""
        while True:
            await trio.sleep(self._check_s)
            self.look()

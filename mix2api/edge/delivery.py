"""What the edge knows of how an answer reaches its client, and the one place where the worker is told of it.

Told once, by the first that knows: the ending was written (`confirm`), the connection ended first (`close`), or the
client stopped reading (`LiveDeliveries`). Silence is no evidence: where the server itself is being stopped, the worker
hears of that, and no receipt is given.
"""

import math

import trio

from mix2api.sessions.dispatch import Accepted, Replies, Reply
from mix2api.vocabulary import Detail, Receipt


class Delivery:
    """One run's way to its client."""

    def __init__(self, replies: Replies, live: "LiveDeliveries") -> None:
        self.replies = replies
        self._live = live
        self._over = False
        self.writes = 0
        """Pieces handed to the server so far."""
        self.writing = False
        """The last piece has not been taken by the kernel yet."""
        self.accepted: Accepted | None = None
        """The worker's word that the run is in the log; its first, if it comes at all."""
        live.add(self)

    async def take(self) -> list[Reply]:
        """The replies that are pending, at least one. Cancelled, it has taken none."""
        replies = await self.replies.take()
        if isinstance(replies[0], Accepted):
            self.accepted = replies[0]
        return replies

    def handed_over(self) -> None:
        """A piece goes to the server now."""
        self.writes += 1
        self.writing = True

    async def confirm(self, receipt: Receipt) -> None:
        """The ending has been handed to the server, which took it.

        Hypercorn tells of a broken send by a disconnect message that another task turns into our cancellation: one
        turn of the loop for that task, a second in which the cancellation reaches us here.
        """
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        self._settle(receipt)

    def close(self, cause: Detail) -> None:
        """The connection is done with this answer. Without effect after `confirm`.

        Args:
            cause: `hung_up`: the client closed. `drain`: the server is being stopped. `edge_lost`: a fault of ours.
        """
        if self._over:
            return
        self.replies.abort(cause)
        if cause is Detail.HUNG_UP:
            self._settle(Receipt.CLIENT_LEFT)
        else:
            self._end()

    def give_up(self) -> None:
        """The client takes nothing any more. The server's write stays where it is: it cannot be cancelled."""
        if not self._over:
            self.replies.abort(Detail.STALLED)
            self._settle(Receipt.CLIENT_LEFT)

    def _settle(self, receipt: Receipt) -> None:
        if not self._over:
            self._end()
            self.replies.settle(receipt)

    def _end(self) -> None:
        self._over = True
        self._live.discard(self)


class LiveDeliveries:
    """All answers under way, looked through at intervals for clients that stopped reading.

    One pass over all of them once a second, rather than a deadline or a task for every chunk.

    Args:
        limit_s: how long a piece may wait to be taken.
        check_s: the interval.
    """

    def __init__(self, limit_s: float, check_s: float) -> None:
        self._check_s = check_s
        self._passes = max(1, math.ceil(limit_s / check_s))
        self._seen: dict[Delivery, tuple[int, int]] = {}
        """Delivery -> the write that was under way at the last pass, and for how many passes."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, delivery: Delivery) -> None:
        """An answer begins."""
        self._seen[delivery] = (0, 0)

    def discard(self, delivery: Delivery) -> None:
        """An answer is over."""
        self._seen.pop(delivery, None)

    def look(self) -> None:
        """One pass: who stands at the same write as in all the last passes is given up."""
        for delivery, (write, passes) in list(self._seen.items()):
            if not delivery.writing or delivery.writes != write:
                self._seen[delivery] = (delivery.writes, 0)
            elif passes + 1 < self._passes:
                self._seen[delivery] = (write, passes + 1)
            else:
                delivery.give_up()

    async def watch(self) -> None:
        """Looks at every interval, until cancelled."""
        while True:
            await trio.sleep(self._check_s)
            self.look()

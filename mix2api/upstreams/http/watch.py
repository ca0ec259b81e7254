"""A call's limits in time: one cancel scope whose deadline is moved before each wait and lifted after it.

Moving the deadline there and back costs 3 µs, a scope for each wait 6 (ADR 0004), and a stream waits once per piece.
The price: the scope also encloses the caller's code, so once a limit has passed every further wait *inside* the call's
context is cancelled. The context's end raises the fault again in that case, so it cannot get lost.
"""

import math
from types import TracebackType
from typing import Self

import trio

from mix2api.upstreams.http import faults
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail


class Watch:
    """The deadline of whatever the call waits for at the moment: `with watch.until(at, limit): await ...`.

    Args:
        scope: entered by the task that waits, and exited by it when the call is over.
        total_s: seconds for the whole call from now on; infinity for none.
    """

    __slots__ = ("_limit", "_scope", "_total_at", "passed", "sent", "status")

    def __init__(self, scope: trio.CancelScope, total_s: float) -> None:
        self._scope = scope
        self._total_at = trio.current_time() + total_s
        self._limit = Detail.TOTAL
        self.sent = False
        """A byte of the request may have left."""
        self.status: int | None = None
        """Of the answer, once its head has come."""
        self.passed: Detail | None = None
        """The limit that passed, if one did; nothing can be waited for any more."""

    def fault(self) -> UpstreamFault:
        """A fault that names the passed limit. A new one each time: a kept one would keep the frames that raised it."""
        return faults.timed_out(self.passed or self._limit, sent=self.sent, status=self.status)

    def until(self, at: float, limit: Detail) -> Self:
        """Limits the wait inside the `with` block.

        Args:
            at: the moment on trio's clock.
            limit: its name, for the fault. The call's total limit applies besides.
        """
        self._limit = limit
        self._scope.deadline = min(at, self._total_at)
        return self

    def extend(self, by_s: float) -> None:
        """Moves the total limit: so long nobody waited for the peer."""
        self._total_at += by_s

    def __enter__(self) -> None:
        """Nothing to do: `until` has moved the deadline."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Lifts the deadline.

        Raises:
            UpstreamFault: `timeout`, if it was this scope that cancelled the wait, or would cancel the next one.
        """
        self._scope.deadline = math.inf
        if self._scope.cancel_called:
            self.passed = Detail.TOTAL if trio.current_time() >= self._total_at else self._limit
            raise self.fault() from None

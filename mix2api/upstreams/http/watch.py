"""A call's times: how long it may wait for what, and when it looks for the next piece.

One cancel scope stands around the call, and its deadline moves with what the call waits for.

To enter a scope for each wait costs 6 µs, to move a deadline there and back 3 (ADR 25), and a stream waits once per
piece. So the deadline stays where it is between two waits, and moves only where it would pass too early.

The price: the scope also encloses the caller's code. A caller that is about to wait for somebody else says so (`pause`).
Once a limit has passed, every further wait *inside* the call's context is cancelled; the context's end raises the fault
then, so that it cannot get lost.
"""

import math
from types import TracebackType
from typing import Final, Self

import trio

from mix2api.upstreams.http import faults
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail

_IDLE_SLACK: Final = 1 / 1024
"""The share of the idle limit by which that may pass too late, 0.2 s of 180: so seldom does the deadline have to move."""
_COLLECT_S: Final = 0.002
"""How long the pieces of a hurried peer collect before one wake-up takes them all. Nobody reads 500 pieces a second."""
_HURRIED_PIECES: Final = 8
"""Pieces in a row, each within `_COLLECT_S` of the one before, that make a peer a hurried one. Those that a site sends at
once at an answer's begin, or with each pause of its model, are fewer."""


class Watch:
    """The limit of whatever the call waits for at the moment. A context, entered and left by the task that waits.

    Args:
        timeouts: the limits. The total one begins now.
    """

    __slots__ = (
        "_asked_at",
        "_deadline",
        "_hurried",
        "_lifted",
        "_limit",
        "_paused_at",
        "_scope",
        "_silent_at",
        "_timeouts",
        "_total_at",
        "sent",
        "status",
    )

    def __init__(self, timeouts: Timeouts) -> None:
        self._scope = trio.CancelScope()
        self._timeouts = timeouts
        self._total_at = trio.current_time() + timeouts.total_or_inf
        self._silent_at = math.inf
        self._deadline = math.inf
        """The scope's, as it was set."""
        self._limit = Detail.TOTAL
        self._paused_at: float | None = None
        self._lifted = False
        self._asked_at = -math.inf
        """When the last piece was waited for."""
        self._hurried = 0
        """Pieces in a row that came within `_COLLECT_S` of being waited for."""
        self.sent = False
        """A byte of the request may have left."""
        self.status: int | None = None
        """Of the answer, once its head has come."""

    def __enter__(self) -> Self:
        """Enters the scope."""
        self._scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leaves the scope.

        Raises:
            UpstreamFault: `timeout`, if a wait of the caller's own was cancelled because a limit passed.
        """
        self._scope.__exit__(kind, exc, traceback)
        if self._scope.cancelled_caught:
            raise self._fault() from None

    def begin(self, limit: Detail, within_s: float) -> None:
        """Another part of the call begins, which may wait several times.

        Args:
            limit: its name, for the fault.
            within_s: seconds that all of it may take; infinity for no limit but the call's total one.
        """
        self._limit = limit
        self._set(min(trio.current_time() + within_s, self._total_at))

    def await_piece(self, *, heard: bool) -> float | None:
        """The next piece of the body is about to be waited for.

        Args:
            heard: the piece before had content in it, or there was none: the limit of silence begins anew.

        Returns:
            Until when the pieces of a hurried peer should collect, on trio's clock; None if it is a calm one.
        """
        now, timeouts = trio.current_time(), self._timeouts
        if self._paused_at is not None:
            self._resume(now - self._paused_at)
        if heard:
            self._silent_at = now + timeouts.silent_or_inf
        idle_at = now + timeouts.idle
        earliest = min(idle_at, self._silent_at, self._total_at)
        slack = timeouts.idle * _IDLE_SLACK
        if not self._lifted and not earliest <= self._deadline <= earliest + slack:
            self._set(min(idle_at + slack, self._silent_at, self._total_at))
        self._limit = Detail.IDLE if idle_at <= self._silent_at else Detail.SILENT
        previous, self._asked_at = self._asked_at, now
        if now - previous >= _COLLECT_S:
            self._hurried = 0
        elif self._hurried < _HURRIED_PIECES:
            self._hurried += 1
        else:
            self._asked_at = previous + _COLLECT_S
            return self._asked_at
        return None

    def pause(self) -> None:
        """The caller is about to wait for somebody else: until the next piece is asked for, no limit counts."""
        self._paused_at = trio.current_time()
        self._set(math.inf)

    def lift(self) -> None:
        """Nothing of the site is waited for any more, or only under a limit of the caller's."""
        self._lifted = True
        self._set(math.inf)

    def check(self) -> None:
        """Tells a limit of this call from other reasons to cancel a wait.

        Raises:
            UpstreamFault: `timeout`, if it was this scope that cancelled the wait.
        """
        if self._scope.cancel_called:
            raise self._fault() from None

    def _fault(self) -> UpstreamFault:
        """A fault that names the passed limit. A new one each time: a kept one would keep the frames that raised it."""
        limit = Detail.TOTAL if trio.current_time() >= self._total_at else self._limit
        return faults.timed_out(limit, sent=self.sent, status=self.status)

    def _resume(self, away_s: float) -> None:
        self._paused_at = None
        self._total_at += away_s
        self._silent_at += away_s

    def _set(self, deadline: float) -> None:
        self._deadline = self._scope.deadline = deadline

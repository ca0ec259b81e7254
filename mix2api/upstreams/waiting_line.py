"""The line of calls that wait for a place at an upstream or at one of its accounts. A place is given in the order of asking."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

_AGAIN_S: Final = 1
"""A place is free as soon as one of the calls ends."""


class WaitingLine:
    """Places for calls at once.

    Args:
        places: how many, at least 1.
        wait_s: the longest wait for a place.
        what: has the places, as the client reads it.
    """

    def __init__(self, places: int, wait_s: float, what: str) -> None:
        self._limiter = trio.CapacityLimiter(places)
        self._wait_s = wait_s
        self._what = what

    @property
    def is_full(self) -> bool:
        """Whether the next call would wait."""
        return self._limiter.available_tokens < 1

    @property
    def load(self) -> float:
        """Calls under way and waiting, for each place."""
        seen = self._limiter.statistics()
        return (seen.borrowed_tokens + seen.tasks_waiting) / seen.total_tokens

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for the block.

        Raises:
            UpstreamFault: `overloaded/deadline`: none was free in time. Nothing was sent.
        """
        holder = object()
        try:
            self._limiter.acquire_on_behalf_of_nowait(holder)
        except trio.WouldBlock:
            await self._wait(holder)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(holder)

    async def _wait(self, holder: object) -> None:
        with trio.move_on_after(self._wait_s):
            await self._limiter.acquire_on_behalf_of(holder)
            return
        raise UpstreamFault(
            EndReason.OVERLOADED,
            Detail.DEADLINE,
            f"{self._what} has as many calls under way as it may have",
            retry_after_s=_AGAIN_S,
            taken=False,
        )

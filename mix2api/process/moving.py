"""Replies of a turn that may move: refused here because its shard went to another process, it is put to that one instead.

The client sees nothing of it. A turn moves at most once, and only before it was accepted: then its run is in the log, and stays
where it runs.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import trio

from mix2api.actors import refusals
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.events.edge_times import EdgeTimes
from mix2api.sessions.worker_port import Ended, Replies, Reply
from mix2api.vocabulary import Detail, EndReason, Receipt

ELSEWHERE: Final = frozenset({Detail.NO_OWNER, Detail.DRAIN})
"""Refusals that say nothing of the turn: another process may take it."""


class MovingReplies:
    """`mix2api.sessions.worker_port.Replies` of a turn in this process, until it moves.

    Args:
        here: the replies of this process.
        move: puts the turn to another process; raises what `Dispatch.submit` raises.
        can_move: whether there is another process.
    """

    __slots__ = ("_aborted", "_can_move", "_headers_sent", "_move", "_now", "take")

    def __init__(
        self, here: Replies, move: Callable[[], Awaitable[Replies]], can_move: Callable[[], bool]
    ) -> None:
        self._now = here
        self._move: Callable[[], Awaitable[Replies]] | None = move
        self._can_move = can_move
        self._aborted: Detail | None = None
        self._headers_sent = False
        self.take: Callable[[], Coroutine[Any, Any, list[Reply]]] = self._take_first
        """Waits for at least one reply, or a nudge. Once it has begun, these are the replies' own: nothing stands between."""

    async def _take_first(self) -> list[Reply]:
        replies = await self._now.take()
        if not replies:
            return replies  # a nudge
        move, self._move = self._move, None
        if move is not None and _is_elsewhere(replies) and self._aborted is None and self._can_move():
            return await self._moved(move)
        self.take = self._now.take
        return replies

    async def _moved(self, move: Callable[[], Awaitable[Replies]]) -> list[Reply]:
        """Takes the turn to the other process. A reader that is cancelled has taken nothing: shielded, it comes to an end soon."""
        try:
            with trio.CancelScope(shield=True):
                self._now = await move()
        except Overloaded as fault:
            return [refusals.told(fault)]
        except StoreUnavailable:
            return [refusals.store_away()]
        self.take = self._now.take
        if self._headers_sent:
            self._now.headers_sent()
        if self._aborted is not None:
            self._now.abort(self._aborted)
        return await self._now.take()

    def nudge(self) -> None:
        """As the port says."""
        self._now.nudge()

    def headers_sent(self) -> None:
        """As the port says."""
        self._headers_sent = True
        self._now.headers_sent()

    def abort(self, detail: Detail) -> None:
        """As the port says."""
        self._aborted = self._aborted or detail
        self._now.abort(detail)

    def settle(self, receipt: Receipt, told: EndReason | None = None, times: EdgeTimes | None = None) -> None:
        """As the port says."""
        self._now.settle(receipt, told, times)


def _is_elsewhere(replies: list[Reply]) -> bool:
    first = replies[0]
    return isinstance(first, Ended) and first.detail in ELSEWHERE

"""What a process does itself: fresh sessions of its own channel on its own shards, turns of its own sessions through memory.

A turn that is refused here, because its shard went to another process, moves to that one. The client sees nothing of it. A
turn moves at most once, and only before it was accepted: then its run is in the log, and stays where it runs.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import trio
from attrs import define, field

from mix2api.actors import refusals
from mix2api.actors.worker import MemoryDispatch
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.events.edge_times import EdgeTimes
from mix2api.identity import Mint, shard_of
from mix2api.relay.dispatch import RelayDispatch
from mix2api.relay.fresh_shards import FreshShards
from mix2api.relay.room import Elsewhere
from mix2api.sessions.worker_port import Ended, Replies, Reply, Sink, Submission
from mix2api.store.heartbeat import Heartbeat
from mix2api.store.leases import Leases
from mix2api.vocabulary import Channel, Detail, EndReason, Receipt, SessionId, Shard


@define(eq=False)
class OwnShards:
    """Draws a shard of this process's own for a fresh session."""

    _leases: Leases
    _mint: Mint
    _held: tuple[Shard, ...] = field(default=(), init=False)
    _of: frozenset[Shard] = field(default=frozenset(), init=False)

    def __call__(self) -> Shard:
        """A shard that this process holds.

        Raises:
            Overloaded: it holds none.
        """
        held = self._leases.reached or self._leases.held
        if held is not self._of:
            self._of, self._held = held, tuple(held)
        if not self._held:
            raise Overloaded("this process owns no shard", detail=Detail.NO_OWNER)
        return self._mint.draw_one(self._held)


@define(eq=False, kw_only=True)
class NearestDispatch:
    """Memory where this process owns the session's shard, or any for a fresh one; else through Redis to whoever does.

    A fresh turn that the release's share gives to the other channel goes there. One for which no slot is free here goes to a
    process of this channel that has room, or where its caller gets a slot sooner.

    A turn that this process cannot begin, since its shard is handed over or the process drains, is dispatched once more: to the
    new owner, which may be this process again.
    """

    _memory: MemoryDispatch
    _relay: RelayDispatch
    _leases: Leases
    _heartbeat: Heartbeat
    _fresh: FreshShards
    _channel: Channel
    """Of this process."""
    _elsewhere: Elsewhere

    async def submit(self, submission: Submission) -> Replies:
        """Hands a turn to who runs it. What that raises is raised here."""
        if not self._is_ours(submission.session_id):
            return await self._relay.submit(submission)
        if submission.session_id is None:
            channel = self._fresh.channel()
            if channel is not self._channel:
                return await self._relay.submit(submission, channel=channel)
            if self._memory.is_full:
                placed = await self._elsewhere.place(channel, self._memory.newcomer(submission))
                if placed is not None:
                    return await self._relay.submit(submission, placed)
        try:
            here = await self._memory.submit(submission)
        except Overloaded as fault:
            if fault.detail not in refusals.ELSEWHERE or not self._can_move():
                raise
            return await self._submit_anew(submission)
        return MovingReplies(here, partial(self._submit_anew, submission), self._can_move)

    async def _submit_anew(self, submission: Submission) -> Replies:
        nearest = self._memory if self._is_ours(submission.session_id) else self._relay
        return await nearest.submit(submission)

    def _can_move(self) -> bool:
        """Whether any process takes shards, as far as is known."""
        return self._heartbeat.facts.takes or bool(self._heartbeat.peers.takers())

    def _is_ours(self, session_id: SessionId | None) -> bool:
        if session_id is None:
            return bool(self._leases.held)
        return self._leases.token(shard_of(session_id)) is not None


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

    def deliver_to(self, sink: Sink | None) -> None:
        """As the port says."""
        self._now.deliver_to(sink)

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
    return isinstance(first, Ended) and first.detail in refusals.ELSEWHERE

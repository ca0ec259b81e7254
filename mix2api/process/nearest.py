"""What a process does itself: fresh sessions on its own shards, turns of its own sessions through memory."""

from functools import partial

from attrs import define, field

from mix2api.actors.worker import MemoryDispatch
from mix2api.errors import Overloaded
from mix2api.identity import Mint, shard_of
from mix2api.process.moving import ELSEWHERE, MovingReplies
from mix2api.relay.dispatch import RelayDispatch
from mix2api.sessions.worker_port import Replies, Submission
from mix2api.store.heartbeat import Heartbeat
from mix2api.store.leases import Leases
from mix2api.vocabulary import Detail, SessionId, Shard


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
        held = self._leases.held
        if held is not self._of:
            self._of, self._held = held, tuple(held)
        if not self._held:
            raise Overloaded("this process owns no shard", detail=Detail.NO_OWNER)
        return self._mint.draw_one(self._held)


@define(eq=False)
class NearestDispatch:
    """Memory where this process owns the session's shard, or any for a fresh one; else through Redis to whoever does.

    A turn that this process cannot begin, since its shard is handed over or the process drains, is dispatched once more: to the
    new owner, which may be this process again.
    """

    _memory: MemoryDispatch
    _relay: RelayDispatch
    _leases: Leases
    _heartbeat: Heartbeat

    async def submit(self, submission: Submission) -> Replies:
        """Hands a turn to who runs it. What that raises is raised here."""
        if not self._is_ours(submission.session_id):
            return await self._relay.submit(submission)
        try:
            here = await self._memory.submit(submission)
        except Overloaded as fault:
            if fault.detail not in ELSEWHERE or not self._can_move():
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

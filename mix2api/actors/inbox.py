"""The worker's half of the relay: turns from other processes' edges into this worker, their replies into mail.

No consumer group: the owner of a shard reads from its last entry, a new owner from the start; what has begun already
is in the log and is not begun again. An entry is deleted by the append that makes its run's `end` durable.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Final, Protocol

import msgspec
import trio
from attrs import define, field

from mix2api.actors import refusals
from mix2api.actors.environment import Environment
from mix2api.actors.turns import PendingTurn
from mix2api.actors.worker import Worker
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.events.kinds import End, Request
from mix2api.identity import shard_of
from mix2api.relay.messages import RelayedTurn, ReplyBatch, decode_turn
from mix2api.relay.outbox import Outbox
from mix2api.replies import PIECE_BYTES, weight_of
from mix2api.sessions.worker_port import Accepted, Ended, ReasoningDelta, Reply, Submission, TextDelta
from mix2api.store.post import InboxEntry, is_ahead
from mix2api.supervision import contained, supervised
from mix2api.vocabulary import Detail, EndReason, ProcessId, RunId, SessionId, Shard
from mix2api.wire.passed_on import PassedOn

_START: Final = "0-0"
_FULL_PAGE: Final = 1000
"""Entries that one read gives at most: after so many there may be more."""
_EARLY: Final = 1000
"""Hang-ups that are remembered for turns not yet read: those of the few milliseconds by which mail is faster."""


class InboxReader(Protocol):
    """The store's inboxes, as far as an owner needs them."""

    async def read_inbox(self, shard: Shard, after: str = "0-0") -> list[InboxEntry]:
        """The entries after one, unsealed."""
        ...

    async def delete_inbox(self, shard: Shard, entry_ids: Iterable[str]) -> None:
        """Deletes entries that will not be run."""
        ...


@define(eq=False)
class _Relayed:
    turn: PendingTurn
    edge: ProcessId
    window_bytes: int
    reads_joined: bool
    """Whether the edge reads several passed events as one reply."""
    sent_bytes: int = 0
    taken_bytes: int = 0
    """As the edge says."""
    moved: trio.Event = field(factory=trio.Event)

    @property
    def is_full(self) -> bool:
        """Whether no more may be sent now. An ending never waits: nothing comes behind it."""
        ahead = self.sent_bytes - self.taken_bytes
        return 0 < self.window_bytes < ahead and not self.turn.over

    def stir(self) -> None:
        """There may be room now."""
        self.moved.set()

    async def wait_room(self) -> None:
        """Waits until its client has taken enough, or it ends: the run's own limits apply, that of stalled clients first."""
        while self.is_full:
            self.moved = trio.Event()
            await self.moved.wait()


@define(eq=False)
class _Reading:
    """How far the inbox of a shard was read while the shard was ours without a break.

    Who loses a shard, or gains one, begins anew with another object: a read that is still under way then writes into one
    that nobody looks at any more.
    """

    after: str = _START
    is_caught_up: bool = False
    """All that stood in it when the shard became ours was read: what comes now is new."""


class Inbox:
    """All inboxes of this process's shards.

    Args:
        environment: as the actors have it.
        worker: who runs the turns.
        reader: the inboxes.
        outbox: replies leave through it.
        is_alive: whether a process's heartbeat is there.
        period_s: how long an edge's heartbeat must have been absent until its runs are ended.
    """

    def __init__(
        self,
        environment: Environment,
        worker: Worker,
        reader: InboxReader,
        outbox: Outbox,
        is_alive: Callable[[ProcessId], Awaitable[bool]],
        period_s: float,
    ) -> None:
        self._env = environment
        self._worker = worker
        self._reader = reader
        self._outbox = outbox
        self._is_alive = is_alive
        self._period_s = period_s
        self._reading: dict[Shard, _Reading] = {}
        self._running: dict[RunId, _Relayed] = {}
        self._early: dict[RunId, Detail] = {}
        self._forwarded = trio.Event()
        self._send_wakes, self._wakes = trio.open_memory_channel[Shard](1_000_000)
        # As many wake-ups as mail can hold: one is an int, and losing one would strand a turn until its deadline.

    def wake(self, shard: Shard) -> None:
        """Something stands in that inbox."""
        self._send_wakes.send_nowait(shard)

    def gained(self, shard: Shard) -> None:
        """The shard has just become ours: its inbox is read from the start, for somebody else may have begun what stands there."""
        self._reading.pop(shard, None)
        self.wake(shard)

    def lost(self, shard: Shard) -> None:
        """The shard is another's: should it come back, its inbox is read from the start, its sessions anew."""
        self._reading.pop(shard, None)
        self._worker.lost(shard)

    def hang_up(self, run_id: RunId, detail: str) -> None:
        """The client of that run went away, says its edge. Mail may overtake the turn itself."""
        cause = Detail(detail) if detail in _DETAILS else Detail.HUNG_UP
        relayed = self._running.get(run_id)
        if relayed is not None:
            relayed.turn.abort(cause)
            return
        self._early[run_id] = cause
        if len(self._early) > _EARLY:
            del self._early[next(iter(self._early))]

    def headers_left(self, run_id: RunId) -> None:
        """The client of that run has been given status 200, says its edge."""
        relayed = self._running.get(run_id)
        if relayed is not None:
            relayed.turn.replies.headers_sent()

    def taken(self, run_id: RunId, total_bytes: int) -> None:
        """The client of that run has taken so much, says its edge."""
        relayed = self._running.get(run_id)
        if relayed is not None:
            relayed.taken_bytes = max(relayed.taken_bytes, total_bytes)
            relayed.stir()

    async def wait_forwarded(self) -> None:
        """Waits until the endings of all its runs are in the outbox. The caller brings the deadline."""
        while self._running:
            self._forwarded = trio.Event()
            await self._forwarded.wait()

    async def run(self) -> None:
        """Reads the inboxes that were woken and forwards replies, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervised, "inbox.edges", self._watch_edges, self._on_fault)
            async for shard in self._wakes:
                # A fault of one entry must not end the forwarding of all others, nor hide the entries behind it.
                reading = self._reading.setdefault(shard, _Reading())
                before = reading.after
                went_well = await contained(
                    "inbox", partial(self._read, shard, reading, nursery), self._on_fault
                )
                if not went_well and reading.after != before:
                    self.wake(shard)

    async def _read(self, shard: Shard, reading: _Reading, nursery: trio.Nursery) -> None:
        is_new = reading.is_caught_up
        try:
            entries = await self._reader.read_inbox(shard, reading.after)
            for entry in entries:
                # The shard may have been another's meanwhile, and may be ours again.
                known = is_new and self._reading.get(shard) is reading
                await self._take(shard, entry, reading, nursery, known=known)
        except StoreUnavailable:
            if self._reading.get(shard) is reading:
                del self._reading[shard]  # the next wake-up reads it from the start
            return
        if len(entries) >= _FULL_PAGE:
            self.wake(shard)
        else:
            reading.is_caught_up = True

    async def _take(
        self, shard: Shard, entry: InboxEntry, reading: _Reading, nursery: trio.Nursery, *, known: bool
    ) -> None:
        """Begins an entry's turn, unless it has begun already.

        Args:
            shard: whose inbox it stands in.
            entry: not read before, or read from the start.
            reading: how far the inbox was read.
            nursery: of the forwarding.
            known: whether all entries before this one were read by us; then this one is new.
        """
        if is_ahead(entry.entry_id, self._env.clock.now_ms()):
            known = False  # reading does not go on after it, so it may be met again
        else:
            reading.after = entry.entry_id
        try:
            relayed = decode_turn(entry.payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            await self._reader.delete_inbox(shard, [entry.entry_id])
            return
        if known or not await self._has_begun(relayed, entry.entry_id):
            self._begin(relayed, entry.entry_id, nursery)

    def _on_fault(self, _: str, fault: BaseException) -> None:
        self._env.on_fault(None, fault)

    async def _has_begun(self, relayed: RelayedTurn, entry: str) -> bool:
        """Whether the log has this run: then recovery, or the process that runs it, has the say."""
        if RunId(relayed.run_id) in self._running:
            return True
        kinds: set[type] = set()
        try:
            for session_id in await self._sessions_of(relayed):
                history = await self._env.log.history(session_id)
                kinds |= {
                    type(recorded.event)
                    for recorded in history.recorded
                    if isinstance(recorded.event, Request | End) and recorded.event.run_id == relayed.run_id
                }
        except UnreadableEvent:
            return True
        if End in kinds:  # recovery ended it, and knew of no entry
            await self._reader.delete_inbox(shard_of(SessionId(relayed.session_id)), [entry])
        return bool(kinds)

    async def _sessions_of(self, relayed: RelayedTurn) -> set[SessionId]:
        """Where its run may stand: in the session that it names, or in a fresh one, if that could not be continued."""
        digest = self._env.seal.digest(relayed.request_id, "request_id")
        runs = await self._env.log.runs_of_request(digest)
        return {SessionId(relayed.session_id)} | {
            session_id for run_id, session_id in runs if run_id == relayed.run_id
        }

    def _begin(self, relayed: RelayedTurn, entry: str, nursery: trio.Nursery) -> None:
        shard = shard_of(SessionId(relayed.session_id))
        left_ms = relayed.deadline_ms - self._env.clock.now_ms()
        turn = PendingTurn(
            submission=relayed.submission(),
            deadline_ms=self._env.clock.monotonic_ms() + left_ms,
            log=self._env.log,
            inbox_entry=entry,
            fresh_session=SessionId(relayed.session_id) if relayed.fresh else None,
        )
        run_id = turn.submission.run_id
        running = self._running[run_id] = _Relayed(
            turn, turn.submission.edge, relayed.window_bytes, relayed.reads_joined
        )
        turn.on_ending = running.stir
        nursery.start_soon(self._forward, running, shard, entry)
        if run_id in self._early:
            turn.abort(self._early.pop(run_id))
            return
        if left_ms <= 0:
            turn.end(refusals.expired())
            return
        try:
            self._worker.submit(turn)
        except Overloaded as fault:
            # A process that drains has handed the shard over: its new owner finds the entry.
            drains = fault.detail is Detail.DRAIN
            turn.end(refusals.not_owner() if drains else refusals.told(fault))

    async def _forward(self, relayed: _Relayed, shard: Shard, entry: str) -> None:
        """Mails a run's replies to its edge, in numbered batches, and no faster than its client takes them."""
        turn = relayed.turn
        submission = turn.submission
        number = 0
        ended: Ended | None = None
        while ended is None:
            await relayed.wait_room()
            replies = await _next_batch(turn)
            if not relayed.reads_joined:
                replies = [*_parted(replies)]
            relayed.sent_bytes += weight_of(replies)
            ended = _ending_in(replies)
            if not _is_another_s(turn, ended):
                number += 1
                batch = ReplyBatch(submission.run_id, 1, number, replies)
                # For the word that it was accepted alone, the client gets nothing.
                told_alone = len(replies) == 1 and isinstance(replies[0], Accepted)
                self._outbox.put(submission.edge, batch, may_wait=told_alone)
        turn.on_ending = None  # it leads back to the turn
        del self._running[submission.run_id]
        self._forwarded.set()
        if turn.session_id is None and not _is_another_s(turn, ended):
            await self._discard(shard, entry)
            await self._report_unheard(submission, ended)

    async def _report_unheard(self, submission: Submission, ended: Ended) -> None:
        """Reports a turn that was refused, where its edge is gone and cannot."""
        with suppress(StoreUnavailable):
            if not await self._is_alive(submission.edge):
                self._env.on_unheard(submission, ended)

    async def _discard(self, shard: Shard, entry: str) -> None:
        """Deletes the entry of a turn that was refused: no `end` will do it."""
        try:
            await self._reader.delete_inbox(shard, [entry])
        except StoreUnavailable:
            return  # it has a deadline: read again, it is refused as expired

    async def _watch_edges(self) -> None:
        """Ends the runs of edges that are gone: nobody is left to take their replies."""
        absent: set[ProcessId] = set()
        while True:
            await trio.sleep(self._period_s)
            edges = dict.fromkeys(relayed.edge for relayed in self._running.values())
            try:
                gone = {edge for edge in edges if not await self._is_alive(edge)}
            except StoreUnavailable:
                absent.clear()
                continue
            self._stop_runs_of(gone & absent)
            absent = gone

    def _stop_runs_of(self, edges: set[ProcessId]) -> None:
        """A function of its own: a loop variable of the watch would refer to the last turn until the next look."""
        for relayed in list(self._running.values()):
            if relayed.edge in edges:
                relayed.turn.stop(EndReason.WORKER_LOST, Detail.EDGE_LOST)


async def _next_batch(turn: PendingTurn) -> list[Reply]:
    """The replies to be mailed next. Of an answer that its client gets whole, pieces are no use: they are joined to a large one."""
    replies = await turn.replies.take()
    if turn.submission.turn.stream or any(isinstance(reply, Accepted) for reply in replies):
        return replies
    weight = weight_of(replies)
    while weight < PIECE_BYTES and _ending_in(replies) is None:
        more = await turn.replies.take()
        weight += weight_of(more)
        replies += more
    return _joined(replies)


def _joined(replies: list[Reply]) -> list[Reply]:
    """The same, with texts that follow one another as one."""
    joined: list[Reply] = []
    for kind, alike in groupby(replies, type):
        if kind is TextDelta or kind is ReasoningDelta:
            joined.append(kind("".join([reply.text for reply in alike if isinstance(reply, kind)])))
        else:
            joined += alike
    return joined


def _parted(replies: list[Reply]) -> Iterator[Reply]:
    """The same, with passed events each by itself."""
    for reply in replies:
        if isinstance(reply, PassedOn):
            yield from reply.each()
        else:
            yield reply


def _ending_in(replies: list[Reply]) -> Ended | None:
    """The ending comes last, if it is there."""
    last = replies[-1] if replies else None
    return last if isinstance(last, Ended) else None


def _is_another_s(turn: PendingTurn, ended: Ended | None) -> bool:
    """Whether the shard, and the turn with it, went to another process: that one finds the entry, and answers."""
    return turn.session_id is None and ended is not None and ended.detail == Detail.NO_OWNER


_DETAILS: Final = frozenset(Detail)

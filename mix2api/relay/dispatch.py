"""The edge's half of the `Dispatch` port through Redis: a turn goes to its shard's inbox, replies come by mail.

An edge owns its clients' endings: a run that is silent for too long is looked up in the log, and the client gets an
ending even if nobody is left who could send one.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import trio
from attrs import define, frozen

from mix2api.clock import Clock
from mix2api.errors import NoDescriptor, Overloaded, StoreUnavailable
from mix2api.events.codec import UnreadableEvent
from mix2api.events.edge_times import EdgeTimes
from mix2api.events.kinds import End, Event, Request
from mix2api.events.log import EventLog, GivenEnding
from mix2api.identity import Mint, shard_of
from mix2api.relay import endings
from mix2api.relay.messages import Hangup, HeadersLeft, RelayedTurn, ReplyBatch, Taken, WakeUp, encode_turn
from mix2api.relay.outbox import Outbox
from mix2api.replies import BACKLOG_BYTES, PIECE_BYTES, ReplyBuffer, ReplyReader, bytes_of
from mix2api.sessions.worker_port import Accepted, Ended, Replies, Reply, Submission
from mix2api.store.log import OpenEntry
from mix2api.store_watch import StoreWatch
from mix2api.vocabulary import (
    Detail,
    EndReason,
    ProcessId,
    Receipt,
    RequestId,
    RunId,
    SessionId,
    Shard,
)

_SILENT_PERIODS: Final = 4
"""Periods without a sign from anybody after which the edge ends its client's stream itself: a heartbeat needs one to
expire, its taker another to be sure, and the recovery's `end` a third to be found."""


_AWAY_LIMIT_MS: Final = 6000.0
"""A store that is away for longer than this ends the streams that come by it. It is known to be away after 3 s at the
latest (an idle edge asks it that often), and every client is to have its ending 10 s after it went away."""
_AWAY_LOOK_S: Final = 0.5
_ASKED_PER_PERIOD: Final = 50
_ASKED_FOR_OWNER: Final = 25
"""Half a period: leases are taken three times in one. Longer would keep clients waiting where no worker lives at all."""


class Inboxes(Protocol):
    """The store's inboxes, as far as an edge needs them."""

    async def put_inbox(self, shard: Shard, payload: bytes, deadline_ms: int) -> str:
        """Puts a turn into a shard's inbox and gives the entry's id."""
        ...

    async def lease_owner(self, shard: Shard) -> ProcessId | None:
        """The process that holds a shard now."""
        ...


class RunLog(EventLog, Protocol):
    """The event log with the look-up of running runs."""

    async def open_entries(self, shards: list[Shard]) -> list[OpenEntry]:
        """The accepted runs of these shards that have no end."""
        ...


@frozen(kw_only=True)
class RelayOptions:
    """Limits of the relay."""

    process: ProcessId
    period_s: float
    """A heartbeat's life (`MIX2API_LEASE_S`): after so much silence a run is looked up."""
    queue_timeout_s: float
    """How long a turn may wait to be begun (`MIX2API_QUEUE_TIMEOUT_MS`)."""
    backlog_bytes: int = BACKLOG_BYTES
    """Bytes that a worker may send ahead of a run's client (`MIX2API_STREAM_BACKLOG_BYTES`)."""


@define(eq=False, kw_only=True)
class _RemoteRun:
    run_id: RunId
    """By which it goes between the processes."""
    logged_as: RunId
    """By which the log has it: another where the turn ran again."""
    request_id: RequestId
    session_id: SessionId
    owner: ProcessId
    deadline_ms: int
    replies: ReplyBuffer
    heard_ms: float
    streams: bool
    due: int = 1
    has_content: bool = False
    """Something of the answer came."""
    accepted: bool = False
    taken_bytes: int = 0
    """Of its replies, by the edge's reader."""
    told_bytes: int = 0
    """Of those, told to the worker."""
    end_found: bool = False
    """Its `end` was in the log when it was last looked up: the reply may be in the mail."""
    refused: bool = False
    """It ended without having been accepted: there is nothing to write a receipt for."""


class RelayDispatch:
    """Turns on their way to another process and back.

    Args:
        options: limits.
        inboxes: where turns go.
        outbox: mail to owners.
        log: for receipts and look-ups.
        is_alive: whether a process's heartbeat is there.
        mint: makes ids and draws shards.
        clock: for deadlines.
        shards: how many there are.
        store: whether Redis answers.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one process, handed down once
        self,
        options: RelayOptions,
        inboxes: Inboxes,
        outbox: Outbox,
        log: RunLog,
        is_alive: Callable[[ProcessId], Awaitable[bool]],
        mint: Mint,
        clock: Clock,
        shards: int,
        store: StoreWatch,
    ) -> None:
        self._options = options
        self._inboxes = inboxes
        self._outbox = outbox
        self._log = log
        self._is_alive = is_alive
        self._mint = mint
        self._clock = clock
        self._shards = shards
        self._store = store
        self._runs: dict[RunId, _RemoteRun] = {}

    @property
    def count(self) -> int:
        """Runs that have not ended."""
        return len(self._runs)

    async def submit(self, submission: Submission) -> Replies:
        """Puts a turn into the inbox of its session's shard and wakes the owner.

        Raises:
            Overloaded: the shard has no owner.
            StoreUnavailable: Redis is away; as far as is known, nothing was accepted.
        """
        session_id = submission.session_id or self._mint.session_id(self._mint.draw_shard(self._shards))
        owner = None
        try:
            with self._store.patience():
                owner = await self._owner(shard_of(session_id))
                return await self._put(submission, session_id, owner)
            raise StoreUnavailable  # the wait was cut short
        except StoreUnavailable as fault:
            if not isinstance(fault, NoDescriptor):
                self._log.refused(1)
            if owner is not None:
                # The turn may stand in the inbox all the same. If it runs, the audit has to know what its client was told.
                run_id, told = submission.run_id, EndReason.UNAVAILABLE
                given = GivenEnding(session_id, run_id, submission.request_id, Receipt.ERROR_WRITTEN, told)
                self._log.receipt(given)
            raise

    async def _put(self, submission: Submission, session_id: SessionId, owner: ProcessId) -> Replies:
        shard = shard_of(session_id)
        run = self._enter(submission, session_id, owner)
        try:
            window_bytes = self._options.backlog_bytes
            turn = RelayedTurn.of(submission, session_id, run.deadline_ms, window_bytes)
            await self._inboxes.put_inbox(shard, encode_turn(turn), run.deadline_ms)
        except BaseException:
            # It may be there all the same, and nobody is left to take its replies.
            self._hang_up(run.run_id, Detail.EDGE_LOST)
            raise
        self._outbox.put(owner, WakeUp(shard))
        return ReplyReader(
            run.replies,
            lambda detail: self._hang_up(run.run_id, detail),
            lambda receipt, told, times: self._settle(run, receipt, told, times),
            lambda: self._headers_left(run),
        )

    async def _owner(self, shard: Shard) -> ProcessId:
        """The shard's owner. One that lost its lease with an emptied store, or is handing over, is waited for.

        Raises:
            Overloaded: nobody took the shard in time.
        """
        wait_s = self._options.period_s / _ASKED_PER_PERIOD
        for _ in range(_ASKED_FOR_OWNER):
            owner = await self._inboxes.lease_owner(shard)
            if owner is not None:
                return owner
            await trio.sleep(wait_s)
        raise Overloaded("no worker owns the session's shard; try again", detail=Detail.NO_OWNER)

    def _enter(self, submission: Submission, session_id: SessionId, owner: ProcessId) -> _RemoteRun:
        run_id = submission.run_id
        run = _RemoteRun(
            run_id=run_id,
            logged_as=run_id,
            request_id=submission.request_id,
            session_id=session_id,
            owner=owner,
            deadline_ms=self._clock.now_ms() + int(self._options.queue_timeout_s * 1000),
            replies=ReplyBuffer(lambda size_bytes: self._took(run_id, size_bytes)),
            heard_ms=self._clock.monotonic_ms(),
            streams=submission.turn.stream,
        )
        self._runs[run_id] = run
        return run

    def deliver(self, batch: ReplyBatch) -> None:
        """Takes replies that came by mail. Unknown runs (ended, or another life's) are ignored."""
        run = self._runs.get(RunId(batch.run_id))
        if run is None or batch.number < run.due:
            return
        if batch.number > run.due:
            self._end(run, endings.lost(Detail.MID_STREAM))
            return
        run.due += 1
        run.heard_ms = self._clock.monotonic_ms()
        self._note(run, batch.replies)
        run.replies.put(list(batch.replies), bytes_of(batch.replies))
        if batch.replies and isinstance(batch.replies[-1], Ended):
            run.refused = not (run.accepted or endings.is_in_doubt(batch.replies[-1]))
            self._runs.pop(run.run_id)

    def _headers_left(self, run: _RemoteRun) -> None:
        """Tells the worker that status 200 has left, unless it knows: a stream's headers leave with its first content."""
        if not (run.streams and run.has_content):
            self._outbox.put(run.owner, HeadersLeft(run.run_id))

    def _took(self, run_id: RunId, size_bytes: int) -> None:
        """The client's side took replies. The worker is told once in a while, and well before it has to wait."""
        run = self._runs.get(run_id)
        if run is None:
            return  # it has ended: nobody waits
        run.taken_bytes += size_bytes
        if run.taken_bytes - run.told_bytes >= min(PIECE_BYTES, self._options.backlog_bytes // 2):
            self._tell_taken(run)

    def _tell_taken(self, run: _RemoteRun) -> None:
        run.told_bytes = run.taken_bytes
        self._outbox.put(run.owner, Taken(run.run_id, run.taken_bytes))

    @staticmethod
    def _note(run: _RemoteRun, replies: list[Reply]) -> None:
        """Notes what replies say of the run."""
        for reply in replies:
            if not isinstance(reply, Accepted | Ended):
                run.has_content = True
            elif isinstance(reply, Accepted):
                # Perhaps another session than the one it was sent to: that could not be continued. Perhaps another
                # run: the site had lost the session, and the turn ran again.
                run.accepted, run.session_id = True, SessionId(reply.session_id)
                run.logged_as, run.end_found = RunId(reply.run_id or run.run_id), False

    async def watch(self) -> None:
        """Looks up silent runs, and ends all of them when Redis is away for too long; for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_store)
            while True:
                await trio.sleep(self._options.period_s)
                await self._look_up_silent()

    async def _watch_store(self) -> None:
        while True:
            await trio.sleep(_AWAY_LOOK_S)
            if not self._runs:
                continue
            self._store.look_soon()
            if self._store.away_ms >= _AWAY_LIMIT_MS:
                self._give_up()

    def _give_up(self) -> None:
        """Ends the streams whose replies cannot come. The workers hear of that once Redis is back."""
        for run in list(self._runs.values()):
            self._end(run, endings.store_away())

    async def _look_up_silent(self) -> None:
        silent_since = self._clock.monotonic_ms() - self._options.period_s * 1000
        silent = [run for run in self._runs.values() if run.heard_ms <= silent_since]
        for number, run in enumerate(silent):
            if run.run_id not in self._runs:
                continue
            try:
                verdict = await self._verdict(run)
            except StoreUnavailable:
                for unheard in silent[number:]:  # silence tells nothing while Redis is away
                    unheard.heard_ms = self._clock.monotonic_ms()
                return
            if verdict is not None:
                self._end(run, verdict)

    async def _verdict(self, run: _RemoteRun) -> Ended | None:
        """What a silent run's client is told now; None: it has to wait."""
        # The log first: a run that begins or ends between the two looks is then at least still open, or found ended
        # next time; the other way round it would seem to have been accepted by nobody.
        events = await self._events(run)
        end = next((event for event in events if isinstance(event, End)), None)
        if end is not None:
            if not run.end_found:
                run.end_found = True  # the reply may be in the mail
                return None
            return endings.of_end(end)
        shard = shard_of(run.session_id)
        for entry in await self._log.open_entries([shard]):
            if entry.run.run_id == run.logged_as:
                return await self._while_open(run, entry.run.process)
        if events:
            return endings.lost(Detail.MID_STREAM) if self._overdue(run) else None
        if self._clock.now_ms() > run.deadline_ms:
            return endings.expired()
        owner = await self._inboxes.lease_owner(shard)
        if owner is not None:
            run.owner = owner
            self._outbox.put(owner, WakeUp(shard))
        return None

    async def _while_open(self, run: _RemoteRun, process: ProcessId) -> Ended | None:
        if await self._is_alive(process):
            run.heard_ms = self._clock.monotonic_ms()
            if run.taken_bytes:
                self._tell_taken(run)  # should that mail have been lost, the worker waits for it
            return None
        if not self._overdue(run):
            return None
        return endings.lost(Detail.MID_STREAM if run.due > 1 else Detail.BEFORE_OUTPUT)

    def _overdue(self, run: _RemoteRun) -> bool:
        silent_ms = self._clock.monotonic_ms() - run.heard_ms
        return silent_ms > _SILENT_PERIODS * self._options.period_s * 1000

    async def _events(self, run: _RemoteRun) -> list[Event]:
        """What the session's log says of this run."""
        try:
            history = await self._log.history(run.session_id)
        except UnreadableEvent:
            return []
        return [
            recorded.event
            for recorded in history.recorded
            if isinstance(recorded.event, Request | End) and recorded.event.run_id == run.logged_as
        ]

    def _end(self, run: _RemoteRun, ended: Ended) -> None:
        if self._runs.pop(run.run_id, None) is not None:
            run.refused = ended.detail == Detail.EXPIRED
            # Whoever runs it must not go on with what its client was told is over. The client did not go away.
            self._outbox.put(run.owner, Hangup(run.run_id, Detail.EDGE_LOST.value))
            run.replies.put([ended])

    def _hang_up(self, run_id: RunId, detail: Detail) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None:
            self._outbox.put(run.owner, Hangup(run_id, detail.value))

    def _settle(
        self, run: _RemoteRun, receipt: Receipt, told: EndReason | None, times: EdgeTimes | None
    ) -> None:
        # A client may leave before the acceptance has been heard of, and its run end well all the same: unless it is
        # known that there is none, the receipt is written. An audit passes over receipts without a run.
        if not run.refused:
            given = GivenEnding(run.session_id, run.logged_as, run.request_id, receipt, told, times)
            self._log.receipt(given)

"""The edge's half of the `Dispatch` port through Redis: a turn goes to its shard's inbox, replies come by mail.

An edge owns its clients' endings: a run that is silent for too long is looked up in the log, and the client gets an
ending even if nobody is left who could send one.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio
from msgspec.structs import replace

from mix2api.clock import Clock
from mix2api.errors import NoDescriptor, Overloaded, StoreUnavailable
from mix2api.events.edge_times import EdgeTimes
from mix2api.events.log import GivenEnding
from mix2api.identity import Mint, shard_of
from mix2api.relay import endings
from mix2api.relay.fresh_shards import FreshShards
from mix2api.relay.look_up import LookUp
from mix2api.relay.messages import (
    Hangup,
    HeadersLeft,
    RelayedTurn,
    ReplyBatch,
    Taken,
    TakenOver,
    WakeUp,
    encode_mail,
    encode_turn,
)
from mix2api.relay.options import RelayOptions
from mix2api.relay.outbox import Outbox
from mix2api.relay.owners import Owners
from mix2api.relay.ports import Inboxes, RunLog
from mix2api.relay.remote_run import RemoteRun
from mix2api.relay.room import Elsewhere, Placed
from mix2api.replies import PIECE_BYTES, ReplyBuffer, ReplyReader, bytes_of, pieces_in
from mix2api.sessions.worker_port import Ended, Replies, Submission
from mix2api.store_watch import StoreWatch
from mix2api.vocabulary import (
    Channel,
    Detail,
    EndReason,
    ProcessId,
    Receipt,
    RunId,
    SessionId,
)

_AWAY_LIMIT_MS: Final = 6000.0
"""A store that is away for longer than this ends the streams that come by it. It is known to be away after 3 s at the
latest (an idle edge asks it that often), and every client is to have its ending 10 s after it went away."""
_AWAY_LOOK_S: Final = 0.5
_LOOKS_PER_PERIOD: Final = 3
"""A run that has been silent for a period is looked up so much later at most. While its process lives, it is looked up once."""


class RelayDispatch:
    """Turns on their way to another process and back.

    Args:
        options: limits.
        inboxes: where turns go.
        outbox: mail to owners.
        log: for receipts and look-ups.
        is_alive: whether a process's heartbeat is there.
        mint: makes ids.
        clock: for deadlines.
        fresh: draws the channel and the shard of a fresh session.
        store: whether Redis answers.
        is_silent: whether a process's heartbeat has said nothing new for a whole period.
        elsewhere: finds room for a fresh turn whose owner has none; None: every turn goes to the shard that is drawn.
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
        fresh: FreshShards,
        store: StoreWatch,
        is_silent: Callable[[ProcessId], bool] = lambda _: False,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._options = options
        self._inboxes = inboxes
        self._outbox = outbox
        self._log = log
        self._mint = mint
        self._clock = clock
        self._fresh = fresh
        self._store = store
        self._look_up = LookUp(
            period_s=options.period_s,
            log=log,
            inboxes=inboxes,
            outbox=outbox,
            clock=clock,
            is_alive=is_alive,
            is_silent=is_silent,
            on_alive=self._lives,
        )
        self.on_stop: Callable[[RunId, Detail], None] = lambda _run_id, _detail: None
        """Told of each run that nobody waits for any more: set to the inbox of the same process, where there is one."""
        self._again: list[RemoteRun] = []
        self._again_ready = trio.Event()
        self._runs: dict[RunId, RemoteRun] = {}
        self._owners = Owners(inboxes=inboxes, fresh=fresh, period_s=options.period_s)

    @property
    def count(self) -> int:
        """Runs that have not ended."""
        return len(self._runs)

    async def submit(
        self, submission: Submission, placed: Placed | None = None, channel: Channel | None = None
    ) -> Replies:
        """Puts a turn into the inbox of its session's shard and wakes the owner.

        Args:
            submission: the turn.
            placed: the place that was taken for a fresh session; None draws a shard.
            channel: whose shard is drawn for a fresh session; None draws it by the release's share.

        Raises:
            Overloaded: the shard has no owner.
            StoreUnavailable: Redis is away; as far as is known, nothing was accepted.
        """
        session_id = submission.session_id if placed is None else placed.session_id
        if session_id is None:
            channel = channel or self._fresh.channel()
            session_id = self._mint.session_id(self._fresh.of(channel))
        owner = placed.process if placed is not None else self._owners.known.get(shard_of(session_id))
        try:
            with self._store.patience():
                owner = owner or await self._owners.wait(shard_of(session_id))
                if channel and self._elsewhere is not None:
                    placed = await self._place(self._elsewhere, session_id, owner, channel)
                    if placed is not None:
                        session_id, owner = placed.session_id, placed.process
                return await self._submit_to(owner, submission, session_id, placed)
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

    @staticmethod
    async def _place(
        elsewhere: Elsewhere, session_id: SessionId, owner: ProcessId, channel: Channel
    ) -> Placed | None:
        """A place at the owner of the shard that was drawn, or at another process. None: no slot is free anywhere."""
        if elsewhere.room.take_place(owner):
            return Placed(session_id, owner, None)
        return await elsewhere.place(channel)

    async def _submit_to(
        self, owner: ProcessId, submission: Submission, session_id: SessionId, placed: Placed | None
    ) -> Replies:
        run = self._enter(submission, session_id, owner)
        run.placed = placed
        try:
            await self._put(run, submission)
        except Overloaded:
            self._forget(run.run_id)  # it is nowhere
            raise
        except BaseException:
            # It may be there all the same, and nobody is left to take its replies.
            self._hang_up(run.run_id, Detail.EDGE_LOST)
            raise
        return ReplyReader(
            run.replies,
            lambda detail: self._hang_up(run.run_id, detail),
            lambda receipt, told, times: self._settle(run, receipt, told, times),
            lambda: self._headers_left(run),
        )

    async def _put(self, run: RemoteRun, submission: Submission) -> None:
        """Puts a turn into the inbox of its session's shard, and wakes the owner.

        Raises:
            Overloaded: the shard has no owner.
            StoreUnavailable: it may or may not be there.
        """
        shard = shard_of(run.session_id)
        turn = RelayedTurn.of(submission, run.session_id, run.deadline_ms, self._options.backlog_bytes)
        payload, wake = encode_turn(turn), encode_mail(WakeUp(shard))
        while await self._inboxes.put_inbox(run.owner, shard, payload, run.deadline_ms, wake) is None:
            self._owners.known.pop(shard, None)
            run.owner = await self._owners.wait(shard)
        self._owners.known[shard] = run.owner

    def _enter(self, submission: Submission, session_id: SessionId, owner: ProcessId) -> RemoteRun:
        run_id = submission.run_id
        run = RemoteRun(
            run_id=run_id,
            logged_as=run_id,
            request_id=submission.request_id,
            session_id=session_id,
            owner=owner,
            deadline_ms=self._deadline_ms(),
            replies=ReplyBuffer(partial(self._took, run_id)),
            heard_ms=self._clock.monotonic_ms(),
            streams=submission.turn.stream,
            submission=submission if self._options.rerun else None,
        )
        self._runs[run_id] = run
        return run

    def _deadline_ms(self) -> int:
        return self._clock.now_ms() + int(self._options.queue_timeout_s * 1000)

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
        run.note(batch.replies)
        replies = list(batch.replies)
        if replies and isinstance(ended := replies[-1], Ended):
            run.refused = not (run.accepted or endings.is_in_doubt(ended))
            replies[-1] = ended if run.accepted else self._refused(run, ended)
            self._forget(run.run_id)
        run.replies.put(replies, bytes_of(replies), pieces=pieces_in(replies))

    def _refused(self, run: RemoteRun, ended: Ended) -> Ended:
        """The ending of a turn that its worker refused or left unbegun, with the channel of that worker."""
        return replace(ended, worker_channel=self._fresh.channel_of(shard_of(run.session_id)))

    def _headers_left(self, run: RemoteRun) -> None:
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

    def _tell_taken(self, run: RemoteRun) -> None:
        run.told_bytes = run.taken_bytes
        self._outbox.put(run.owner, Taken(run.run_id, run.taken_bytes))

    def taken_over(self, message: TakenOver) -> None:
        """A run's process is lost, and its `end` was written by another: its client is told, or its turn runs once more."""
        run_id = RunId(message.run_id)
        known = self._runs.get(run_id)
        runs = self._runs.values() if known is None else [known]
        run = next((run for run in runs if run.logged_as == run_id), None)
        if run is not None:
            self._lose(run, message.ended)

    def _lose(self, run: RemoteRun, ended: Ended) -> None:
        """The process of a run is lost. Where its client has seen nothing, the turn runs once more, on a fresh session."""
        if run.submission is None or ended.end_reason is not EndReason.WORKER_LOST:
            self._end(run, ended)
            return
        # Should its process only have slept, it must not go on.
        self._stop(run.owner, run.run_id, Detail.EDGE_LOST)
        del self._runs[run.run_id]
        # In the same shard: who has ended the run owns it.
        session_id = self._mint.session_id(shard_of(run.session_id))
        run.begin_again(self._mint.run_id(), session_id, self._deadline_ms())
        run.replies.on_taken = partial(
            self._took, run.run_id
        )  # with the run itself, the two would be a cycle
        self._runs[run.run_id] = run
        self._again.append(run)
        self._again_ready.set()

    async def _run_again(self) -> None:
        """Puts the turns that run once more into their inboxes, for ever."""
        while True:
            await self._again_ready.wait()
            self._again_ready = trio.Event()
            while self._again:
                await self._put_again(self._again.pop())

    async def _put_again(self, run: RemoteRun) -> None:
        submission, run.submission = run.submission, None
        if submission is None or run.run_id not in self._runs:
            return  # its client left
        shard = shard_of(run.session_id)
        run.heard_ms = self._clock.monotonic_ms()
        try:
            run.owner = await self._owners.wait(shard)
            await self._put(run, submission)
        except (Overloaded, StoreUnavailable):
            run.go_back()
            self._end(run, endings.lost(Detail.BEFORE_OUTPUT))
            return
        if run.first is not None:
            first, session_id = run.first
            self._log.receipt(GivenEnding(session_id, first, run.request_id, Receipt.RERUN))

    async def watch(self) -> None:
        """Looks up silent runs, and ends all of them when Redis is away for too long; for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_store)
            nursery.start_soon(self._run_again)
            while True:
                await trio.sleep(self._options.period_s / _LOOKS_PER_PERIOD)
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
            asked = run.run_id
            if asked not in self._runs or run.waits:
                continue
            try:
                verdict = await self._look_up.verdict(run)
            except StoreUnavailable:
                for unheard in silent[number:]:  # silence tells nothing while Redis is away
                    unheard.heard_ms = self._clock.monotonic_ms()
                return
            # Where the id has changed, mail was faster: the turn has begun again, and the verdict is on its first run.
            if verdict is not None and run.run_id == asked:
                self._lose(run, verdict)

    def _lives(self, run: RemoteRun) -> None:
        """A silent run is under way at a process that lives."""
        run.heard_ms = self._clock.monotonic_ms()
        if run.taken_bytes:
            self._tell_taken(run)  # should that mail have been lost, the worker waits for it

    def _end(self, run: RemoteRun, ended: Ended) -> None:
        if self._forget(run.run_id) is not None:
            # Whoever runs it must not go on with what its client was told is over. The client did not go away.
            self._stop(run.owner, run.run_id, Detail.EDGE_LOST)
            is_unbegun = ended.detail == Detail.EXPIRED
            run.replies.put([self._refused(run, ended) if is_unbegun else ended])

    def _hang_up(self, run_id: RunId, detail: Detail) -> None:
        run = self._forget(run_id)
        if run is not None:
            self._stop(run.owner, run_id, detail)

    def _forget(self, run_id: RunId) -> RemoteRun | None:
        """A run has ended, as far as this process is concerned. None: it had before."""
        run = self._runs.pop(run_id, None)
        if run is not None and run.placed is not None and self._elsewhere is not None:
            self._elsewhere.room.give_back(run.placed.process, run.placed.caller)
        return run

    def _stop(self, owner: ProcessId, run_id: RunId, detail: Detail) -> None:
        """Tells a run's process that nobody waits for it. This one may have become it, and reads the turn before the mail."""
        self.on_stop(run_id, detail)
        self._outbox.put(owner, Hangup(run_id, detail.value))

    def _settle(
        self, run: RemoteRun, receipt: Receipt, told: EndReason | None, times: EdgeTimes | None
    ) -> None:
        # A client may leave before the acceptance has been heard of, and its run end well all the same: unless it is
        # known that there is none, the receipt is written. An audit passes over receipts without a run.
        if not run.refused:
            given = GivenEnding(run.session_id, run.logged_as, run.request_id, receipt, told, times)
            self._log.receipt(given)

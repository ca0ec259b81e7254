"""What the log tells an edge of a run of which nothing was heard for a while."""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define

from mix2api.clock import Clock
from mix2api.events.codec import UnreadableEvent
from mix2api.events.kinds import End, Event, Request
from mix2api.identity import shard_of
from mix2api.relay import endings
from mix2api.relay.messages import WakeUp
from mix2api.relay.outbox import Outbox
from mix2api.relay.ports import Inboxes, RunLog
from mix2api.relay.remote_run import RemoteRun
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import SUCCESSES, Detail, ProcessId, Shard

_SILENT_PERIODS: Final = 4
"""Periods without a sign from anybody after which the edge ends its client's stream itself, where the heartbeats tell nothing:
a heartbeat needs two to expire, its taker another to be sure, and the recovery's `end` a fourth to be found."""
_UNOWNED_LOOKS: Final = 3
"""Looks at a silent process's run whose shard no living process owns, before the edge ends its client's stream itself. Owners
look at heartbeats three times a period, as edges do, so that a survivor takes the shard before the edge's second look; a sweep
that ends the run follows within a third of a period."""


@define(eq=False, kw_only=True)
class LookUp:
    """Looks runs up.

    Args:
        period_s: as `RelayOptions` has it.
        log: the event log.
        inboxes: where turns wait.
        outbox: wakes owners.
        clock: for deadlines.
        is_alive: whether a process's heartbeat is there.
        is_silent: whether a heartbeat has said nothing new for a whole period.
        on_alive: told of a run that is under way at a living process.
    """

    _period_s: float
    _log: RunLog
    _inboxes: Inboxes
    _outbox: Outbox
    _clock: Clock
    _is_alive: Callable[[ProcessId], Awaitable[bool]]
    _is_silent: Callable[[ProcessId], bool]
    _on_alive: Callable[[RemoteRun], None]

    async def verdict(self, run: RemoteRun) -> Ended | None:
        """What a silent run's client is told now; None: it has to wait.

        Raises:
            mix2api.errors.StoreUnavailable: silence tells nothing now.
        """
        # The log first: a run that begins or ends between the two looks is then at least still open, or found ended
        # next time; the other way round it would seem to have been accepted by nobody.
        events = await self._events(run)
        end = next((event for event in events if isinstance(event, End)), None)
        if end is not None:
            return self._of_end(run, end)
        shard = shard_of(run.session_id)
        for entry in await self._log.open_entries([shard]):
            if entry.run.run_id == run.logged_as:
                return await self._while_open(run, entry.run.process)
        if events:
            return endings.lost(Detail.MID_STREAM) if self._overdue(run) else None
        return await self._not_begun(run, shard)

    def _of_end(self, run: RemoteRun, end: End) -> Ended | None:
        now_ms = self._clock.monotonic_ms()
        if run.end_found_ms is None:
            run.end_found_ms = now_ms
        if now_ms - run.end_found_ms < self._period_s * 1000:
            return None  # the reply may be in the mail
        if end.end_reason in SUCCESSES:
            run.submission = None  # it has run to its end, and does not run again
        return endings.of_end(end)

    async def _while_open(self, run: RemoteRun, process: ProcessId) -> Ended | None:
        if self._is_silent(process):
            # Who owns the shard now ends the run by what the log has of it, and tells this edge.
            if not self._overdue(run) and await self._is_recovered(run):
                return None
        else:
            run.unowned_looks = 0
            if await self._is_alive(process):
                self._on_alive(run)
                return None
            if not self._overdue(run):
                return None
        return endings.lost(Detail.MID_STREAM if run.due > 1 else Detail.BEFORE_OUTPUT)

    async def _is_recovered(self, run: RemoteRun) -> bool:
        """Whether a living owner of the shard will end a silent process's run, or may still come."""
        owner = await self._inboxes.lease_owner(shard_of(run.session_id))
        has_owner = owner is not None and not self._is_silent(owner)
        run.unowned_looks = 0 if has_owner else run.unowned_looks + 1
        return run.unowned_looks < _UNOWNED_LOOKS

    async def _not_begun(self, run: RemoteRun, shard: Shard) -> Ended | None:
        if self._clock.now_ms() > run.deadline_ms:
            return endings.expired()
        owner = await self._inboxes.lease_owner(shard)
        if owner is not None:
            run.owner = owner
            self._outbox.put(owner, WakeUp(shard))
        return None

    def _overdue(self, run: RemoteRun) -> bool:
        silent_ms = self._clock.monotonic_ms() - run.heard_ms
        return silent_ms > _SILENT_PERIODS * self._period_s * 1000

    async def _events(self, run: RemoteRun) -> list[Event]:
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

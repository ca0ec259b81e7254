"""Ends the runs that nobody is at: what is `open` on our shards and whose process's heartbeat is gone, or that is our own stray.

A stray is a run of this process that none of its actors is at. A store that came back without its last second leaves some: the
run was fenced for want of the events before, and its `request` stands.

Gone means: seen silent or absent by us for a full period during which the store answered; after an outage live processes
re-assert themselves first (`mix2api.store.peers`). What a run ends with is decided by its own events (`mix2api.sessions.decide`).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from attrs import evolve

from mix2api.actors.environment import Completed, Environment
from mix2api.errors import StoreUnavailable
from mix2api.events.audit_entry import end_summary, read_request_summary
from mix2api.events.codec import UnreadableEvent
from mix2api.events.kinds import End, Event, Request, SessionNote
from mix2api.events.log import Append, Closing, EventLog, OpenRun, Outcome
from mix2api.sessions.commands import RecoverRun
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import IllegalEvent
from mix2api.sessions.snapshot import state_of
from mix2api.sessions.state import SessionState
from mix2api.store.open_runs import OpenEntry
from mix2api.vocabulary import ClientName, EndReason, ProcessId, RequestId, RunId, SessionWord, Shard


class OpenRuns(EventLog, Protocol):
    """The event log with what an owner of shards needs beside it."""

    async def open_entries(self, shards: list[Shard]) -> list[OpenEntry]:
        """The accepted runs of these shards that have no end."""
        ...

    async def seize(self, run: OpenRun) -> bool:
        """Takes a lost process's run over; False if it is not to be had."""
        ...


class Recovery:
    """Looks over this process's shards.

    Args:
        environment: as the actors have it.
        log: with `open` entries.
        is_alive: whether a process's heartbeat is there.
        period_s: how long a heartbeat must have been absent.
        running: the runs that this process's actors are at.
        is_silent: whether a process's heartbeat has said nothing new for a whole period.
        tell_edge: told of every run that was ended, and of its end: its client may wait at an edge that lives.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one process, handed down once
        self,
        environment: Environment,
        log: OpenRuns,
        is_alive: Callable[[ProcessId], Awaitable[bool]],
        period_s: float,
        running: Callable[[], frozenset[RunId]] | None = None,
        is_silent: Callable[[ProcessId], bool] = lambda _: False,
        tell_edge: Callable[[OpenRun, End], None] = lambda _run, _end: None,
    ) -> None:
        self._env = environment
        self._log = log
        self._is_alive = is_alive
        self._period_ms = period_s * 1000
        self._absent_since: dict[ProcessId, float] = {}
        self._running = running
        self._is_silent = is_silent
        self._tell_edge = tell_edge
        self._stray_since: dict[RunId, float] = {}
        self._seized: set[RunId] = set()
        self._broken: set[RunId] = set()
        """Runs whose end failed for a fault of ours, which was told: they are tried again in silence."""

    def forget_absences(self) -> None:
        """To be called when the store was away: nobody could show that he lives."""
        self._absent_since.clear()

    async def sweep(self, shards: Iterable[Shard]) -> int:
        """Ends what lost processes left on these shards.

        Returns:
            How many runs were ended.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ended = 0
        entries = await self._log.open_entries(sorted(shards))
        self._seized |= self._strays(entries)
        lost = await self._lost(entries)
        self._broken &= {entry.run.run_id for entry in lost}
        for entry in lost:
            try:
                ended += await self._take_over(entry)
            except StoreUnavailable:
                raise
            except Exception as fault:  # noqa: BLE001 - a supervisor: one run's fault must not cost the others their ends
                if entry.run.run_id not in self._broken:
                    self._broken.add(entry.run.run_id)
                    self._env.on_fault(entry.run.session_id, fault)
        return ended

    async def _take_over(self, entry: OpenEntry) -> bool:
        """Ends a lost run, if it is to be had; gives whether it did."""
        run = entry.run
        if run.run_id not in self._seized and not await self._log.seize(run):
            return False
        # Ours from now on: should the store fail here, the next sweep must not take it for one that we run.
        self._seized.add(run.run_id)
        ended = await self._end(entry)
        self._seized.discard(run.run_id)
        return ended

    def _strays(self, entries: list[OpenEntry]) -> set[RunId]:
        """Runs of ours that nobody has been at for a period: until then their `end` may still be on its way."""
        if self._running is None:
            return set()
        ours = {entry.run.run_id for entry in entries if entry.run.process == self._env.process}
        now_ms = self._env.clock.monotonic_ms()
        left = ours - self._running() - self._seized
        self._stray_since = {run: self._stray_since.get(run, now_ms) for run in left}
        return {run for run, since in self._stray_since.items() if now_ms - since >= self._period_ms}

    async def _lost(self, entries: list[OpenEntry]) -> list[OpenEntry]:
        """The runs that nobody works at: those of processes that are gone, and those seized and not yet ended."""
        ours = self._env.process
        processes = dict.fromkeys(entry.run.process for entry in entries if entry.run.process != ours)
        self._absent_since = {
            process: since for process, since in self._absent_since.items() if process in processes
        }
        gone = {process for process in processes if await self._is_gone(process)}
        return [entry for entry in entries if entry.run.process in gone or entry.run.run_id in self._seized]

    async def _is_gone(self, process: ProcessId) -> bool:
        if self._is_silent(process):
            return True
        if await self._is_alive(process):
            self._absent_since.pop(process, None)
            return False
        now_ms = self._env.clock.monotonic_ms()
        since = self._absent_since.setdefault(process, now_ms)
        return now_ms - since >= self._period_ms

    async def _end(self, entry: OpenEntry) -> bool:
        run = entry.run
        state, request = await self._read(run)
        if state is not None and state.run is not None and state.run.seq >= run.next_seq:
            # Events arrived between the reading of the entry and the seizing: the log is the truth.
            if await self._append_end(entry, evolve(run, next_seq=state.run.seq + 1), state, request):
                return True
            state = None  # the log goes further than the store says: it is damaged
        return await self._append_end(entry, run, state, request)

    async def _append_end(
        self, entry: OpenEntry, run: OpenRun, state: SessionState | None, request: Request | None
    ) -> bool:
        at_ms = max(0, self._env.clock.now_ms() - run.started_ms)
        recover = RecoverRun(run_id=run.run_id, at_ms=at_ms, process=self._env.process)
        events = () if state is None else decide(state, recover)
        if not events:
            events = _without_evidence(run, at_ms)
        end = next(event for event in events if isinstance(event, End))
        ended = end_summary(end)
        ticket = self._log.submit(
            Append(
                session_id=run.session_id,
                run_id=run.run_id,
                first_seq=run.next_seq,
                events=events,
                closing=Closing(summary=ended),
            )
        )
        appended = await ticket.wait() in {Outcome.APPENDED, Outcome.ALREADY}
        if appended:
            self._env.on_audited(entry.summary, ended)
            self._tell_edge(run, end)
            told = request or _request_of(entry, self._env.process)
            self._env.on_completed(
                Completed(session_id=run.session_id, request=told, end=end, chunks=end.frames)
            )
        return appended

    async def _read(self, run: OpenRun) -> tuple[SessionState | None, Request | None]:
        try:
            history = await self._log.history(run.session_id)
            state = state_of(history)
        except (UnreadableEvent, IllegalEvent):
            return None, None
        events = (recorded.event for recorded in history.recorded)
        request = next(
            (event for event in events if isinstance(event, Request) and event.run_id == run.run_id), None
        )
        known = state.run is not None and state.run.run_id == run.run_id and state.run.seq + 1 >= run.next_seq
        return (state if known else None), request


def _request_of(entry: OpenEntry, worker: ProcessId) -> Request:
    """What rests in `open` of a request whose event cannot be read: enough for its canonical line."""
    run, asked = entry.run, read_request_summary(entry.summary)
    return Request(
        run_id=run.run_id,
        seq=1,
        request_id=RequestId("unknown" if asked is None else asked.request_id),
        at_ms=run.started_ms,
        client=ClientName.OTHER if asked is None else asked.client,
        model="unknown" if asked is None else asked.model,
        stream=asked is not None and asked.stream,
        tools_present=asked is not None and asked.tools_present,
        messages_all=0,
        messages_new=0,
        body_bytes=0,
        edge=run.edge,
        worker=worker,
    )


def _without_evidence(run: OpenRun, at_ms: int) -> tuple[Event, ...]:
    """The end of a run whose events cannot be read: nothing is claimed, and the audit shows it."""
    end = End(
        run_id=run.run_id,
        seq=run.next_seq,
        end_reason=EndReason.UNKNOWN,
        http_status=500,
        total_ms=at_ms,
    )
    return (end, SessionNote(word=SessionWord.RETIRED, why="unreadable", run_id=run.run_id))

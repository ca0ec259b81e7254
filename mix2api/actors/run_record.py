"""One run's way into the log: what follows from a command is numbered, handed over, folded into the state, and waited for.

While the store answers, a run waits for its word; once the store is away, it does not. A store that is away and a process that
is slow look alike from the clock alone: both leave an append unanswered. A client must be refused soon in the first case and
not at all in the second.
"""

from enum import Enum, auto
from itertools import chain, repeat
from typing import Final

import trio

from mix2api.events.kinds import Event, UpstreamChunk
from mix2api.events.log import Append, Closing, EventLog, Opening, Outcome, Ticket
from mix2api.sessions.commands import Command
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import evolve
from mix2api.sessions.state import SessionState
from mix2api.store_watch import LateLooks
from mix2api.vocabulary import ChunkKind, RunId, SessionId

_DELTAS: Final = frozenset({ChunkKind.TEXT, ChunkKind.REASONING, ChunkKind.TOOL_INPUT})

_FIRST_LOOKS_S: Final = (0.44, 0.04)
"""Seconds until the first look at the store, and from there to the second. The store counts as away 0.4 s after a command
that it leaves unanswered was sent, and a client has to have its 503 within 0.5 s (ADR 17)."""
_LATER_LOOKS_S: Final = 0.5
"""Seconds between further looks. Thousands may wait in a burst, and each look costs some 10 µs."""
_AFTER_LATE_S: Final = 0.1
"""Seconds from a look that came late to the next one: on a busy machine a process waits so long for the CPU."""
PATIENCE_S: Final = sum(_FIRST_LOOKS_S)
"""Seconds after which nobody waits for a store that was away from the beginning."""


class RunPhase(Enum):
    """Where a run stands with the log."""

    ACCEPTING = auto()
    """Its `request` is on its way, or was refused."""
    RUNNING = auto()
    """The log has its `request`."""
    ENDED = auto()
    """Its `end` was handed over: nothing more is said to the log."""
    FENCED = auto()
    """Another process has the session: nothing more is said to the log, and no finish to the client."""


class RunRecord:
    """The session's state during a run.

    Args:
        log: where events go.
        session_id: the session.
        run_id: the run.
        state: the session before it.
    """

    def __init__(self, log: EventLog, session_id: SessionId, run_id: RunId, state: SessionState) -> None:
        self._log = log
        self._session_id = session_id
        self._run_id = run_id
        self._last: Ticket | None = None
        self.state = state
        self.asked = self.ended = b""
        """The halves of the run's audit entry, once they were handed to the log."""

    @property
    def fenced(self) -> bool:
        """Whether the log is known to be another's: a process that took the run over ended it there."""
        return self._last is not None and self._last.outcome is Outcome.FENCED

    async def is_forgotten(self) -> bool:
        """Whether a fenced run is no longer in the log: that was emptied, and nobody else will ever report the run.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
            mix2api.events.codec.UnreadableEvent: what is there now cannot be read.
        """
        history = await self._log.history(self._session_id)
        return all(recorded.event.run_id != self._run_id for recorded in history.recorded)

    def note(self, commands: list[Command]) -> bool:
        """Logs what follows from commands, waiting for nothing. False: nothing did.

        Raises:
            RefusedCommand: what `decide` refuses; nothing is logged.
        """
        events, state = self.decided(commands)
        if events:
            kept = [
                event for event in events if not (isinstance(event, UpstreamChunk) and event.kind in _DELTAS)
            ]
            self._last = self.submit(events, state, droppable=not kept)
        return bool(events)

    def decided(self, commands: list[Command]) -> tuple[tuple[Event, ...], SessionState]:
        """What follows from commands: the events in order, and the state after them. Nothing is changed yet.

        Raises:
            RefusedCommand: what `decide` refuses.
        """
        state = self.state
        decided: list[Event] = []
        for command in commands:
            for event in decide(state, command):
                state = evolve(state, event)
                decided.append(event)
        return tuple(decided), state

    def submit(
        self,
        events: tuple[Event, ...],
        state: SessionState,
        *,
        opening: Opening | None = None,
        closing: Closing | None = None,
        droppable: bool = False,
    ) -> Ticket:
        """Hands decided events to the log; only then is the state theirs, so that a fault leaves no hole in the numbers."""
        if opening is not None:
            self.asked = opening.summary
        if closing is not None:
            self.ended = closing.summary
        ticket = self._log.submit(
            Append(
                session_id=self._session_id,
                run_id=self._run_id,
                first_seq=1 if self.state.run is None else self.state.run.seq + 1,
                events=events,
                opening=opening,
                closing=closing,
                droppable=droppable,
            )
        )
        self.state = state
        return ticket


async def wait_durable(ticket: Ticket, limit_s: float, *, shield: bool = False) -> Outcome | None:
    """Waits for what becomes of an append.

    Args:
        ticket: of the append.
        limit_s: the longest wait while the store answers, in seconds.
        shield: whether nothing else may interrupt the wait.

    Returns:
        The outcome. None if the store is away (`Ticket.is_down`) or the limit has passed.
    """
    ends = trio.current_time() + limit_s
    pauses, late = chain(_FIRST_LOOKS_S, repeat(_LATER_LOOKS_S)), LateLooks()
    pause_s = next(pauses)
    while True:
        due = min(ends, trio.current_time() + pause_s)
        with trio.move_on_at(due, shield=shield):
            return await ticket.wait()
        if ticket.outcome is not None:
            return ticket.outcome
        is_down, is_doubtful = ticket.is_down, late.doubts(due)
        if is_down and is_doubtful:
            pause_s = _AFTER_LATE_S
            ends = max(ends, trio.current_time() + pause_s)
        elif is_down or trio.current_time() >= ends:
            return None
        else:
            pause_s = next(pauses)

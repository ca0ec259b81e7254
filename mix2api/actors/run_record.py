"""One run's way into the log: what follows from a command is numbered, handed over, and folded into the state."""

from typing import Final

from mix2api.events.kinds import Event, SessionNote, UpstreamChunk
from mix2api.events.log import Append, Closing, EventLog, Opening, Outcome, Ticket
from mix2api.sessions.commands import Command
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import evolve
from mix2api.sessions.state import SessionState
from mix2api.vocabulary import ChunkKind, RunId, SessionId

_DELTAS: Final = frozenset({ChunkKind.TEXT, ChunkKind.REASONING, ChunkKind.TOOL_INPUT})


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
            self._last = self.submit(events, state, droppable=all(map(_is_delta, events)))
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
        first = next(event for event in events if not isinstance(event, SessionNote))
        ticket = self._log.submit(
            Append(
                session_id=self._session_id,
                run_id=self._run_id,
                first_seq=first.seq,
                events=events,
                opening=opening,
                closing=closing,
                droppable=droppable,
            )
        )
        self.state = state
        return ticket


def _is_delta(event: Event) -> bool:
    return isinstance(event, UpstreamChunk) and event.kind in _DELTAS

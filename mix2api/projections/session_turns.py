"""The turns of one session, as a person reads them: why each continued or was fresh, and how it ended. A fold over its log."""

from attrs import define, evolve, field, frozen

from mix2api.events.kinds import End, Event, Request, SessionNote, ToolCall, UpstreamChunk
from mix2api.vocabulary import RunId, SessionWord


@frozen(kw_only=True)
class SessionTurn:
    """One run of the session."""

    run_id: RunId
    request_id: str
    at_ms: int
    """When it was accepted: Unix milliseconds, its process's clock."""
    model: str
    attempt: int
    resolution: str
    reason: str
    messages_new: int
    withheld: int
    """Messages that the site was not given, or not whole."""
    used: int | None
    """Tokens that the session holds with it. None: it was not counted."""
    budget: int | None
    calls: int = 0
    """Tools that the site called."""
    account: str | None = None
    end_reason: str | None = None
    """None: it has not ended."""
    detail: str | None = None
    total_ms: int | None = None
    first_ms: int | None = None


@define
class SessionTurns:
    """All of them, as far as the log goes back. Changed in place: a session may have thousands."""

    turns: list[SessionTurn] = field(factory=list, init=False)
    retired_why: str | None = field(default=None, init=False)
    """Why it was retired. None: it was not."""
    gaps: int = field(default=0, init=False)
    """Marks of lost events."""

    def add(self, event: Event) -> None:
        """The next event of the log. One of a run whose `request` was trimmed away changes nothing."""
        match event:
            case Request():
                self.turns.append(_turn(event))
            case SessionNote():
                self._note(event)
            case _:
                if self.turns and self.turns[-1].run_id == event.run_id:
                    self.turns[-1] = _told(self.turns[-1], event)

    def _note(self, event: SessionNote) -> None:
        if event.word is SessionWord.RETIRED:
            self.retired_why = event.why
        if event.word is SessionWord.GAP:
            self.gaps += 1


def _turn(event: Request) -> SessionTurn:
    return SessionTurn(
        run_id=event.run_id,
        request_id=event.request_id,
        at_ms=event.at_ms,
        model=event.model,
        attempt=event.attempt,
        resolution=event.resolution,
        reason=event.resolution_reason,
        messages_new=event.messages_new,
        withheld=event.messages_withheld,
        used=event.input_tokens,
        budget=event.input_budget,
    )


def _told(turn: SessionTurn, event: Event) -> SessionTurn:
    match event:
        case ToolCall():
            return evolve(turn, calls=turn.calls + 1)
        case UpstreamChunk() if event.account is not None:
            return evolve(turn, account=event.account)
        case End():
            return evolve(
                turn,
                end_reason=event.end_reason.value,
                detail=event.detail,
                total_ms=event.total_ms,
                first_ms=event.first_token_ms,
            )
        case _:
            return turn

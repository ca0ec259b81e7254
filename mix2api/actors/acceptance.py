"""A run becomes durable before anything is done for it, within a time that a client will wait."""

from collections.abc import Callable
from enum import Enum, auto

from mix2api.actors import refusals
from mix2api.actors.environment import Environment
from mix2api.actors.request_facts import tool_results
from mix2api.actors.run_record import PATIENCE_S, RunRecord, wait_durable
from mix2api.actors.turns import PendingTurn
from mix2api.events.audit_entry import request_summary
from mix2api.events.kinds import Request
from mix2api.events.log import DURABLE, Opening, Outcome
from mix2api.sessions.commands import AcceptTurn
from mix2api.sessions.worker_port import Ended
from mix2api.stepping import in_turn
from mix2api.vocabulary import EndReason


class Acceptance(Enum):
    """What became of a `request` event."""

    ACCEPTED = auto()
    """It is in the log."""
    REFUSED = auto()
    """It is not, and its client has been told."""
    FENCED = auto()
    """It is not: another process holds the shard, and what this one knows of the session may be old."""


async def accept(
    environment: Environment,
    turn: PendingTurn,
    request: Request,
    record: RunRecord,
    on_late: Callable[[Ended], None],
) -> Acceptance:
    """Logs the request with the tool results that came with it.

    A store that answers is waited for until the turn's deadline, however busy it or this process is.

    Args:
        environment: ports and limits.
        turn: whose run it is.
        request: its event.
        record: where it goes.
        on_late: told what the client is refused with while the store may still take the request.

    Returns:
        `ACCEPTED` late too: such a run has been logged, and is to be ended.
    """
    results = await in_turn(tool_results(environment, turn.submission))
    opening = Opening(
        edge=turn.submission.edge,
        request_digest=environment.seal.digest(request.request_id, "request_id"),
        summary=request_summary(request, results),
        bind=turn.submission.bind,
        inbox_entry=turn.inbox_entry,
    )
    events, state = record.decided([AcceptTurn(request=request, results=results)])
    ticket = record.submit(events, state, opening=opening)
    left_s = (turn.deadline_ms - environment.clock.monotonic_ms()) / 1000
    outcome = await wait_durable(ticket, max(PATIENCE_S, left_s))
    refusal = None
    if outcome is None:
        refusal = refusals.not_logged(away=ticket.is_down, starved=environment.log.is_starved)
        ticket.withdraw()
        if ticket.outcome is None:
            on_late(refusal)
        turn.end(refusal)
        outcome = await ticket.wait()
    if outcome in DURABLE:
        return Acceptance.ACCEPTED
    fenced = outcome is Outcome.FENCED
    if refusal is None and not fenced:
        refusal = refusals.store_away()  # it has no room, or took the append for damage: nothing was written
        turn.end(refusal)
    if refusal is not None and refusal.end_reason is EndReason.UNAVAILABLE:
        environment.log.refused(1)
    return Acceptance.FENCED if fenced else Acceptance.REFUSED

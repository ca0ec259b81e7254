"""A run becomes durable before anything is done for it, within a time that a client will wait."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import trio

from mix2api.actors import refusals
from mix2api.actors.environment import ACCEPT_LIMIT_S, Environment
from mix2api.actors.request_facts import tool_results
from mix2api.actors.run_record import RunRecord
from mix2api.actors.turns import PendingTurn
from mix2api.events.kinds import Request
from mix2api.events.log import Opening, Outcome
from mix2api.projections.summary import request_summary
from mix2api.sessions.commands import AcceptTurn

DURABLE: Final = frozenset({Outcome.APPENDED, Outcome.ALREADY})


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
    on_late: Callable[[], None],
) -> Acceptance:
    """Logs the request with the tool results that came with it.

    Args:
        environment: ports and limits.
        turn: whose run it is.
        request: its event.
        record: where it goes.
        on_late: told when the store has not answered in time; the client is refused then, whatever the store did.

    Returns:
        `ACCEPTED` late too: such a run has been logged, and is to be ended.
    """
    results = tool_results(environment, turn.submission)
    opening = Opening(
        edge=turn.submission.edge,
        request_digest=environment.seal.digest(request.request_id, "request_id"),
        summary=request_summary(request, results),
        bind=turn.submission.bind,
    )
    events, state = record.decided([AcceptTurn(request=request, results=results)])
    ticket = record.submit(events, state, opening=opening)
    outcome = None
    with trio.move_on_after(ACCEPT_LIMIT_S):
        outcome = await ticket.wait()
    late = outcome is None
    if outcome is None:
        on_late()
        turn.end(refusals.store_away())
        ticket.withdraw()
        outcome = await ticket.wait()
    if outcome in DURABLE:
        return Acceptance.ACCEPTED
    fenced = outcome is Outcome.FENCED
    if late or not fenced:
        environment.log.refused(1)
        turn.end(refusals.store_away())
    return Acceptance.FENCED if fenced else Acceptance.REFUSED

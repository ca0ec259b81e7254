"""A session that is never to be continued again, because an operator says so or because it is full."""

from typing import Final

import trio

from mix2api.actors.environment import END_LIMIT_S
from mix2api.events.kinds import SessionNote
from mix2api.events.log import EventLog, Outcome, remark
from mix2api.sessions.commands import RetireSession
from mix2api.sessions.decide import RefusedCommand, decide
from mix2api.sessions.state import SessionState, Stage
from mix2api.vocabulary import Retirement, SessionId

_OUTCOMES: Final = {
    Outcome.APPENDED: Retirement.RETIRED,
    Outcome.ALREADY: Retirement.RETIRED,
    Outcome.FENCED: Retirement.NOT_OWNER,
    Outcome.DROPPED: Retirement.UNAVAILABLE,
}


async def retire(
    log: EventLog, session_id: SessionId, state: SessionState, why: str = "operator"
) -> Retirement:
    """Writes into the session's log that it is retired. Only for the holder of its shard, between two turns.

    Waits for the store no longer than `END_LIMIT_S`.

    Args:
        log: the event log.
        session_id: whose.
        state: the session's, as its log has it now.
        why: a word for the log.
    """
    try:
        notes = decide(state, RetireSession(why=why))
    except RefusedCommand:
        return Retirement.BUSY
    if not notes:
        return Retirement.ALREADY if state.stage is Stage.RETIRED else Retirement.VACANT
    ticket = log.submit(remark(session_id, tuple(note for note in notes if isinstance(note, SessionNote))))
    outcome = Outcome.DROPPED
    with trio.move_on_after(END_LIMIT_S):
        outcome = await ticket.wait()
    ticket.withdraw()
    return _OUTCOMES[outcome]

"""Everything that rests beside a conversation's log, made anew of the log. Pure."""

from collections.abc import Iterable

from attrs import frozen

from mix2api.conversations.events import ConversationEvent, PlanMade, TurnCreated
from mix2api.conversations.evolve import fold
from mix2api.conversations.snapshots import (
    SESSION_FIELD,
    message_field,
    start_field,
    state_bytes,
    turn_state_field,
)
from mix2api.conversations.state import Session, Turn

FIRST = "0-0"
"""Before the first entry of a log."""


@frozen
class Rebuilt:
    """What the log says."""

    session: Session
    turns: dict[int, Turn]
    fields: dict[str, str | bytes | int]
    """Of the states: those of session and turns, where turns begin, and the turns of callers' message ids."""
    plans: tuple[int, ...]
    """The turns with a plan, in the order of the plans."""


def rebuilt(entries: Iterable[tuple[str, ConversationEvent]]) -> Rebuilt:
    """Folds a log.

    Args:
        entries: all of them, with their ids.

    Raises:
        mix2api.conversations.evolve.IllegalEvent: the log is damaged.
    """
    listed = list(entries)
    session, turns = fold(event for _, event in listed)
    fields: dict[str, str | bytes | int] = {SESSION_FIELD: state_bytes(session)}
    fields |= {turn_state_field(number): state_bytes(turn) for number, turn in turns.items()}
    plans: list[int] = []
    before = FIRST
    for position, event in listed:
        if isinstance(event, TurnCreated):
            fields[start_field(event.turn)] = before
            if event.client_message is not None:
                fields[message_field(event.client_message)] = event.turn
        elif isinstance(event, PlanMade):
            plans.append(event.turn)
        before = position
    return Rebuilt(session, turns, fields, tuple(plans))

"""A history as units that stay or go as a whole, so that no call loses its result and no result its call. Pure, linear.

A *chain* is an assistant's message with calls and all that follows it up to the last result of these calls. Every other
message is a unit by itself. Counting suffices to find a chain's end: the request was checked
(`mix2api.tools.results`), so each result answers one call that waits.
"""

from collections.abc import Sequence
from enum import StrEnum

from attrs import evolve, frozen

from mix2api.sessions.canonical import answer_piece, leading_instructions
from mix2api.wire.turn import RESULT_ROLES, Message


class UnitKind(StrEnum):
    """What a unit is made of."""

    INSTRUCTIONS = "instructions"
    """One leading system or developer message."""
    WORDS = "words"
    """One message without calls."""
    CHAIN = "chain"
    """Calls with their results, and what stands between them."""


@frozen
class Unit:
    """Messages from `start` up to, not including, `end`."""

    kind: UnitKind
    start: int
    end: int
    must_stay: bool = False
    """Leading instructions, the newest user message, the open chain: the turn means nothing without them."""


def units_of(messages: list[Message]) -> tuple[Unit, ...]:
    """The units of a history, in order, without gaps."""
    leading = len(leading_instructions(messages))
    units = [Unit(UnitKind.INSTRUCTIONS, place, place + 1, must_stay=True) for place in range(leading)]
    place = leading
    while place < len(messages):
        end = _end_of_chain(messages, place)
        kind = UnitKind.WORDS if end is None else UnitKind.CHAIN
        units.append(Unit(kind, place, end or place + 1))
        place = units[-1].end
    return _with_needed(units, messages)


def _calls(message: Message) -> int:
    return len(message.tool_calls or ()) or int(message.function_call is not None)


def _end_of_chain(messages: Sequence[Message], start: int) -> int | None:
    """The place behind the chain that begins here; None if none does. It never reaches over a user's message."""
    message = messages[start]
    waiting = _calls(message) if message.role == "assistant" else 0
    if not waiting and message.role not in RESULT_ROLES:
        return None
    end = start + 1
    while end < len(messages) and messages[end].role != "user":
        follower = messages[end]
        is_result = follower.role in RESULT_ROLES
        if not waiting and not is_result:
            break
        waiting += _calls(follower) if follower.role == "assistant" else 0
        waiting -= is_result and waiting > 0
        end += 1
    return end


def _with_needed(units: list[Unit], messages: list[Message]) -> tuple[Unit, ...]:
    """Marks the newest user message and the open chain: the one behind which the assistant said nothing any more."""
    user_found = answer_found = False
    for place in range(len(units) - 1, -1, -1):
        unit = units[place]
        first = messages[unit.start]
        is_newest = unit.kind is UnitKind.WORDS and first.role == "user" and not user_found
        is_open = unit.kind is UnitKind.CHAIN and not answer_found
        if is_newest or is_open:
            units[place] = evolve(unit, must_stay=True)
        user_found = user_found or is_newest
        answer_found = answer_found or unit.kind is UnitKind.CHAIN or _is_answer(first)
        if user_found and answer_found:
            break
    return tuple(units)


def _is_answer(message: Message) -> bool:
    return message.role == "assistant" and answer_piece([message]) is not None

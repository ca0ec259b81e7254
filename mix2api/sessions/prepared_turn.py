"""A turn as it was read once: what every later step needs to know of its messages and tools. Pure.

The edge prepares a turn when it has checked it, and the value travels with the turn to whoever runs it and to the upstream.
Nobody behind the edge walks the whole history again. A turn that comes from another process is prepared anew where it arrives,
for only the turn travels.
"""

from collections.abc import Mapping

from attrs import field, frozen

from mix2api.sessions.canonical import answer_piece, leading_instructions
from mix2api.tools.offer import NO_OFFER, Offer, offer_of
from mix2api.tools.results import names_of_calls
from mix2api.wire.turn import RESULT_ROLES, Message, Turn


@frozen(kw_only=True)
class PreparedTurn:
    """One turn, read. Content lives here, as in `Turn`."""

    turn: Turn = field(repr=False)
    leading: int
    """How many system and developer messages it begins with."""
    answered: int
    """How many messages there are up to its last answer, that one included; 0 if it has none. An assistant message with
    nothing in it is no answer, as it is none in the lineage."""
    uses_tools: bool
    """Whether a call or a result stands anywhere in its history."""
    names: Mapping[str, str] = field(repr=False)
    """What results may name (`mix2api.tools.results.result_key`) -> the called function's name, for all calls of the history."""
    offer: Offer = field(repr=False)
    """What it offers, as its client says."""


def prepare(turn: Turn) -> PreparedTurn:
    """Reads a turn: one pass over its messages, one over its tools, and one over its calls if it has any.

    Raises:
        mix2api.errors.InvalidRequest: param `tool_choice`: a call is demanded that nothing is offered for.
    """
    messages = turn.messages
    offer = NO_OFFER if turn.tools is None and turn.tool_choice is None else offer_of(turn)
    uses_tools = False
    for message in messages:
        if message.tool_calls or message.function_call is not None or message.role in RESULT_ROLES:
            uses_tools = True
            break
    return PreparedTurn(
        turn=turn,
        leading=len(leading_instructions(messages)),
        answered=_answered(messages),
        uses_tools=uses_tools,
        names=names_of_calls(messages) if uses_tools else {},
        offer=offer,
    )


def _answered(messages: list[Message]) -> int:
    for position in range(len(messages), 0, -1):
        message = messages[position - 1]
        if message.role == "assistant" and answer_piece([message]) is not None:
            return position
    return 0

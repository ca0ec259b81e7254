"""A change of a conversation: events, and the content that is kept with them. Whatever ends a turn brings its message. Pure."""

from collections.abc import Mapping, Sequence
from functools import reduce

from attrs import field, frozen

from mix2api.conversations.commands import TurnCommand
from mix2api.conversations.content import AnswerWords, answer_field, words_bytes
from mix2api.conversations.decide import decide
from mix2api.conversations.events import ConversationEvent
from mix2api.conversations.evolve import Pair, evolve
from mix2api.conversations.failure_message import failure_message
from mix2api.conversations.states import TurnStage


@frozen
class Decided:
    """A change."""

    events: tuple[ConversationEvent, ...]
    content: Mapping[str, bytes] = field(factory=dict, repr=False)
    """Field -> bytes. Without events nothing is kept."""


def decided(
    pair: Pair,
    command: TurnCommand,
    content: Mapping[str, bytes] | None = None,
    names: Sequence[str] = (),
) -> Decided:
    """What follows from a command to a turn.

    A turn that fails or is cancelled gets its assistant message in the same change. One that completes is given its message
    by the command's content.

    Args:
        pair: the session and the turn.
        command: to the turn.
        content: is kept with the events.
        names: ids of the graph's nodes, for the message; empty where they are not at hand.
    """
    events = decide(pair, command)
    if not events:
        return Decided(())
    turn = reduce(evolve, events, pair).turn
    kept = dict(content or {})
    if turn is not None and turn.has_ended and turn.stage is not TurnStage.COMPLETED:
        words = AnswerWords(text=failure_message(turn, names), at_ms=turn.updated_ms)
        kept[answer_field(turn.number)] = words_bytes(words)
    return Decided(events, kept)

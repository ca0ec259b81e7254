"""The content that a look at a conversation has found, as structs. Nothing of it may be logged."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from mix2api.conversations.content import (
    SESSION,
    AnswerWords,
    PlanWords,
    SessionWords,
    TurnWords,
    answer_field,
    plan_field,
    turn_field,
)
from mix2api.conversations.events import UnreadableConversation
from mix2api.store.looked_conversation import Looked, Unreadable

Words = TypeVar("Words", bound=Struct)


def session_words(looked: Looked) -> SessionWords:
    """What the caller says of the session.

    Raises:
        UnreadableConversation: it is damaged.
    """
    words = words_of(looked, SESSION, SessionWords)
    if words is None:
        raise UnreadableConversation("damaged")
    return words


def turn_words(looked: Looked, turn: int) -> TurnWords | None:
    """The caller's message; None where it was not asked for, or is damaged."""
    return words_of(looked, turn_field(turn), TurnWords)


def answer_words(looked: Looked, turn: int) -> AnswerWords | None:
    """The assistant's message; None where there is none."""
    return words_of(looked, answer_field(turn), AnswerWords)


def plan_words(looked: Looked, turn: int) -> PlanWords:
    """The graph and the context of a plan; empty ones where they are damaged."""
    return words_of(looked, plan_field(turn), PlanWords) or PlanWords(graph={}, context={})


def words_of(looked: Looked | Unreadable, name: str, kind: type[Words]) -> Words | None:
    """A field of the content; None where it is missing, or damaged (which the store has told of)."""
    data = looked.content.get(name)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError:
        return None


def node_names(words: PlanWords) -> list[str]:
    """The ids of a graph's nodes, in the order of the tasks."""
    return [str(node.get("id")) for node in words.graph.get("nodes", []) if isinstance(node, dict)]

"""The graph that a model has drafted, or the faults that it is told in the next try. Pure."""

from typing import Final

from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, Faults, why
from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_checking import Surroundings, checked_graph
from mix2api.conversations.json_in_text import object_in_text
from mix2api.steps import Steps

DRAFT_CHARS_MAX: Final = 200_000
"""Characters of an answer that may be a draft: some 50,000 tokens, 4 ms to decode. A longer one is not looked at."""


def read_draft(text: str, surroundings: Surroundings) -> Steps[Graph | Faults]:
    """The graph of a model's answer, or what is wrong with it.

    Args:
        text: the answer. Words, a fence or thoughts may stand around the object.
        surroundings: what the graph may refer to.
    """
    if len(text) > DRAFT_CHARS_MAX:
        return (Fault("", why(FaultKind.DRAFT_LENGTH, most=DRAFT_CHARS_MAX)),)
    said = object_in_text(text)
    if isinstance(said, str):
        return (Fault("", why(FaultKind.DRAFT_TEXT, said=said)),)
    return (yield from checked_graph(said, surroundings))

"""The assistant message of a turn whose plan is completed: the outputs of the graph's last WORKERs. Pure.

A CRITIC's answer is never a part of it. `failure_message` makes the message of a turn that failed.
"""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from mix2api.conversations.graph import Graph

_BETWEEN: Final = "\n\n"
_SUM_UP: Final = (
    "Several agents have worked on parts of the user's request. "
    "Make one answer of their results, for the user. Say nothing of the agents."
)


@frozen
class Joined:
    """The message is there."""

    text: str = field(repr=False)


@frozen
class SumUp:
    """The model has to make the message of several results."""

    instructions: str
    prompt: str = field(repr=False)


def result_of(graph: Graph, outputs: Mapping[str, str], message: str) -> Joined | SumUp:
    """The message, or what the model is asked for it.

    One result is the message as it stands, even where the graph says `summarize`.

    Args:
        graph: of the completed plan.
        outputs: of its WORKERs, by node id.
        message: the user's.
    """
    results = [outputs[node_id] for node_id in graph.results]
    if len(results) == 1 or not graph.summarize:
        return Joined(_BETWEEN.join(results))
    parts = [f"Result {number}:\n{text}" for number, text in enumerate(results, 1)]
    return SumUp(_SUM_UP, _BETWEEN.join([f"The request:\n{message}", *parts]))

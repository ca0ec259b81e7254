"""The planner's decision where no definition matches: what the model is asked, and which graph its answers give. Pure.

The model drafts a graph. A draft with faults is told them, three tries in all; then the plan is one WORKER that is given the
message. The caller asks the model: `first_ask`, then `after_answer` with each answer, until that gives a graph.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from mix2api.conversations.draft_reading import read_draft
from mix2api.conversations.faults import Faults
from mix2api.conversations.graph import (
    EDGES_MAX,
    FALLBACK_AGENT,
    INPUT_CHARS_MAX,
    NODES_MAX,
    REFINE_MAX,
    Graph,
    Node,
    NodeType,
)
from mix2api.conversations.graph_checking import Surroundings
from mix2api.steps import Steps
from mix2api.wire.turn import Message

TRIES: Final = 3
"""Drafts that the model is asked for."""
_ECHO_CHARS_MAX: Final = 20_000
"""Characters of a refused draft that the model is shown again. A longer one costs more than a fresh start."""


RESERVED: Final = frozenset(
    {
        *("message", "routeType", "sourceType", "workflowDraftId", "draftKey", "draftFaults", "routeFaults"),
        *("workflowDefinitionId", "definitionKey", "workflowDefinitionVersion"),
    }
)
"""Members of the global context that the planner sets; a caller's `extraContext` may not."""


class RouteType(StrEnum):
    """Which way a plan's graph was found."""

    DEFINITION = "DEFINITION"
    DRAFT = "DRAFT"
    FALLBACK = "FALLBACK"


class SourceType(StrEnum):
    """Where a graph is from."""

    PRODUCTION = "PRODUCTION"
    """A published definition."""
    AUTO_MISS_ROOT = "AUTO_MISS_ROOT"
    """The model drafted it."""
    AUTO_MISS_FALLBACK = "AUTO_MISS_FALLBACK"
    """The model gave no draft without a fault."""


@frozen(kw_only=True)
class Occasion:
    """What a plan is made for."""

    context: Mapping[str, Any] = field(repr=False)
    """The plan's global context, with the user's `message` in it."""
    agents: Mapping[str, str] = field(factory=dict)
    """Key -> what the agent is for, of all configured agents but the fallback."""

    @property
    def surroundings(self) -> Surroundings:
        """What a graph for it may refer to."""
        return Surroundings(self.agents.keys(), self.context)


@frozen(kw_only=True)
class Ask:
    """The model is to be asked."""

    occasion: Occasion
    messages: tuple[Message, ...] = field(repr=False)
    tries: int = 1
    """Drafts that have been asked for with this one."""
    told: tuple[str, ...] = field(default=(), repr=False)
    """The faults of the draft before this one, as lines. They are content."""


@frozen(kw_only=True)
class Drafted:
    """The graph of the plan."""

    graph: Graph
    route_type: RouteType
    source_type: SourceType
    tries: int
    """Drafts that the model was asked for."""
    told: tuple[str, ...] = field(default=(), repr=False)
    """The faults of the last draft that was refused, as lines. They are content."""


def first_ask(occasion: Occasion) -> Ask:
    """What the model is asked first."""
    messages = (
        Message(role="system", content=_instructions(occasion)),
        Message(role="user", content=str(occasion.context["message"])),
    )
    return Ask(occasion=occasion, messages=messages)


def after_answer(ask: Ask, text: str) -> Steps[Ask | Drafted]:
    """What follows from the model's answer: the graph of the plan, or one more question.

    Args:
        ask: what the model was asked.
        text: its answer.
    """
    graph = yield from read_draft(text, ask.occasion.surroundings)
    if isinstance(graph, Graph):
        return Drafted(
            graph=graph,
            route_type=RouteType.DRAFT,
            source_type=SourceType.AUTO_MISS_ROOT,
            tries=ask.tries,
            told=ask.told,
        )
    told = tuple(map(str, graph))
    if ask.tries >= TRIES:
        return fallback(ask.tries, told)
    messages = (*ask.messages, *_refusal(text, graph))
    return Ask(occasion=ask.occasion, messages=messages, tries=ask.tries + 1, told=told)


def fallback(tries: int = 0, told: tuple[str, ...] = ()) -> Drafted:
    """The plan without a draft: one WORKER answers the message.

    Args:
        tries: drafts that the model was asked for.
        told: the faults of the last one.
    """
    return Drafted(
        graph=FALLBACK,
        route_type=RouteType.FALLBACK,
        source_type=SourceType.AUTO_MISS_FALLBACK,
        tries=tries,
        told=told,
    )


FALLBACK: Final = Graph((Node(id="answer", type=NodeType.WORKER, input="{{context.message}}"),))
"""Its graph."""


def _refusal(text: str, faults: Faults) -> tuple[Message, ...]:
    """The refused draft as the model wrote it, and what is wrong with it."""
    lines = "\n".join(f"- {fault}" for fault in faults)
    refusal = Message(
        role="user",
        content=f"That graph cannot be used:\n{lines}\nWrite the whole graph again, as JSON only.",
    )
    if not text.strip() or len(text) > _ECHO_CHARS_MAX:
        return (refusal,)
    return (Message(role="assistant", content=text), refusal)


def _instructions(occasion: Occasion) -> str:
    agents = "".join(f"\n- {key}: {purpose}" for key, purpose in sorted(occasion.agents.items()))
    members = ", ".join(f"context.{name}" for name in sorted(occasion.context) if name.isidentifier())
    return f"{_FORM}\n\n{_RULES}\n\nAgents:\n- {FALLBACK_AGENT}: for everything{agents}\nGiven: {members}"


_FORM: Final = """\
You plan the work on a user's message. Do not answer the message. Answer with a graph of tasks, as one JSON object and \
nothing else:

{"nodes": [
  {"id": "draft", "type": "WORKER", "agentKey": "assistant", "input": "Answer this: {{context.message}}"},
  {"id": "review", "type": "CRITIC", "agentKey": "assistant", "target": "draft", "maxRefine": 2,
   "input": "Is this a good answer? {{nodes.draft.output}}"}],
 "edges": [{"from": "draft", "to": "review"}],
 "summarize": false}"""
_RULES: Final = f"""\
A WORKER does a part of the work. A CRITIC lets its target, a WORKER, pass or sends it back, at most maxRefine times \
(0 to {REFINE_MAX}). A WORKER may have one CRITIC, and a CRITIC waits for its target only. An edge says that one node waits \
for another one; there may be no cycle. Nodes that do not wait for each other run at the same time. The user is given the \
outputs of the last WORKERs, joined, or summed up where summarize is true.

An id is a letter, then letters, digits or _. An input is a text in which {{{{nodes.ID.output}}}} stands for the output of a \
WORKER that is done before the node, and {{{{context.NAME}}}} for what is given; there are no other placeholders. \
At most {NODES_MAX} nodes, {EDGES_MAX} edges, and {INPUT_CHARS_MAX} characters of an input. Use as few nodes as the work needs."""

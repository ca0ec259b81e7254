"""What the model is asked for a task: instructions, the conversation so far, the input, and what a CRITIC has said. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from mix2api.conversations.agents import Agent
from mix2api.conversations.critic import INSTRUCTIONS
from mix2api.conversations.graph import Graph, NodeType
from mix2api.conversations.templates import references, render
from mix2api.wire.turn import Message

_WORK: Final = "The work that you judge:\n"
_FEEDBACK: Final = (
    "Your answer was judged, and has to be changed. Write it anew, as a whole.\nThe judgement:\n"
)
_NO_VERDICT: Final = "That was no verdict: "


@frozen(kw_only=True)
class TaskInput:
    """What a task's question is made of."""

    graph: Graph = field(repr=False)
    context: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, str] = field(repr=False)
    """By node id, of all tasks that have one."""
    feedback: str | None = field(repr=False)
    """What the task's CRITIC has said last; of a CRITIC, why its last answer was no verdict."""


def task_messages(node_id: str, agent: Agent, said: TaskInput, history: Sequence[Message]) -> list[Message]:
    """The messages of a task's call.

    A CRITIC is shown the work of its target, also where its input does not name it, and nothing of the conversation.

    Args:
        node_id: of the task's node.
        agent: that the node names.
        said: what the input is made of.
        history: of the conversation, for WORKERs.

    Raises:
        mix2api.conversations.templates.TemplateFault: the input cannot be made.
    """
    node = said.graph.by_id[node_id]
    values = {
        "context": said.context,
        "nodes": {name: {"output": output} for name, output in said.outputs.items()},
    }
    asked = render(node.input, values)
    if node.type is NodeType.WORKER:
        return [
            *_system(agent.instructions),
            *history,
            Message(role="user", content=asked),
            *_refining(node_id, said),
        ]
    target = node.target or ""
    if ("nodes", target, "output") not in references(node.input):
        asked = f"{asked}\n\n{_WORK}{said.outputs[target]}"
    lines = [*_system(f"{agent.instructions}\n\n{INSTRUCTIONS}".strip()), Message(role="user", content=asked)]
    if said.feedback is not None:
        lines.append(Message(role="user", content=f"{_NO_VERDICT}{said.feedback}"))
    return lines


def _system(instructions: str) -> list[Message]:
    return [Message(role="system", content=instructions)] if instructions else []


def _refining(node_id: str, said: TaskInput) -> list[Message]:
    """The answer that was judged, and the judgement."""
    if said.feedback is None or node_id not in said.outputs:
        return []
    return [
        Message(role="assistant", content=said.outputs[node_id]),
        Message(role="user", content=f"{_FEEDBACK}{said.feedback}"),
    ]

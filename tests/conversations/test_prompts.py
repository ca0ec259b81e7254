"""What the model is asked for a task."""

import pytest

from mix2api.conversations.agents import ASSISTANT, Agent
from mix2api.conversations.critic import INSTRUCTIONS
from mix2api.conversations.graph import Graph, Node, NodeType
from mix2api.conversations.prompts import TaskInput, task_messages
from mix2api.conversations.templates import TemplateFault
from mix2api.wire.turn import Message

WORKER, CRITIC = NodeType.WORKER, NodeType.CRITIC
WRITER = Agent(key="writer", purpose="writes", instructions="Write plainly.")
HISTORY = [Message(role="user", content="before")]


def said(*nodes: Node, feedback: str | None = None, **outputs: str) -> TaskInput:
    return TaskInput(graph=Graph(nodes), context={"message": "hello"}, outputs=outputs, feedback=feedback)


def worker(node_id: str, template: str) -> Node:
    return Node(id=node_id, type=WORKER, input=template)


def critic(template: str) -> Node:
    return Node(id="c", type=CRITIC, input=template, target="a", max_refine=1)


def test_a_worker_gets_instructions_history_and_its_rendered_input() -> None:
    task = said(worker("a", "x"), worker("b", "{{context.message}} {{nodes.a.output}}"), a="from a")
    assert [(one.role, one.content) for one in task_messages("b", WRITER, task, HISTORY)] == [
        ("system", "Write plainly."),
        ("user", "before"),
        ("user", "hello from a"),
    ]


def test_a_worker_that_was_sent_back_is_shown_its_answer_and_the_judgement() -> None:
    task = said(worker("a", "x"), critic("judge"), feedback="too long", a="an answer")
    _, answer, judgement = task_messages("a", ASSISTANT, task, [])
    assert (answer.role, answer.content) == ("assistant", "an answer")
    assert str(judgement.content).endswith("The judgement:\ntoo long")


def test_a_critic_is_shown_the_work_once_and_nothing_of_the_conversation() -> None:
    for template in ("judge", "judge {{nodes.a.output}}"):
        task = said(worker("a", "x"), critic(template), a="the work")
        system, asked = task_messages("c", ASSISTANT, task, HISTORY)
        assert system.content == INSTRUCTIONS
        assert str(asked.content).count("the work") == 1


def test_a_critic_without_a_verdict_is_told_so() -> None:
    task = said(worker("a", "x"), critic("judge"), feedback="pass must be true or false", a="w")
    system, _, told = task_messages("c", WRITER, task, [])
    assert system.content == f"Write plainly.\n\n{INSTRUCTIONS}"
    assert told.content == "That was no verdict: pass must be true or false"


def test_an_input_that_cannot_be_made_is_a_fault() -> None:
    with pytest.raises(TemplateFault):
        task_messages("a", ASSISTANT, said(worker("a", "{{context.missing}}")), [])

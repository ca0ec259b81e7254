"""What the site says where it is asked to plan or to judge."""

import msgspec
import pytest

from mix2api.conversations.agents import ASSISTANT
from mix2api.conversations.critic import Verdict, read_verdict
from mix2api.conversations.graph import Graph
from mix2api.conversations.planner import Ask, Drafted, Occasion, RouteType, after_answer, first_ask
from mix2api.conversations.prompts import TaskInput, task_messages
from mix2api.demo.contexts import Kept
from mix2api.demo.directives import WrongDirective
from mix2api.demo.plans import planned_answer
from mix2api.demo.words import RULES, Word
from mix2api.steps import at_once
from mix2api.wire.turn import Message

GOOD = ("good", "single", "chain", "wide", "summed_up", "fenced", "hanging", "hanging_once", "failing")


def kept(*messages: Message) -> list[Kept]:
    """The context of these messages."""
    return [
        Kept.of(msgspec.json.encode({"role": message.role, "content": message.content}))
        for message in messages
    ]


def asked(message: str) -> Ask:
    """The planner's first question about a message."""
    return first_ask(Occasion(context={"message": message}))


def answered(ask: Ask) -> Ask | Drafted:
    """What the planner makes of the site's answer."""
    text = planned_answer(kept(*ask.messages), "")
    assert text is not None
    return at_once(after_answer(ask, text))


def judged(message: str, work: str) -> Verdict | str:
    """The site's verdict on the work of its own draft."""
    drafted = answered(asked(message))
    assert isinstance(drafted, Drafted)
    said = TaskInput(
        graph=drafted.graph, context={"message": message}, outputs={"answer": work}, feedback=None
    )
    text = planned_answer(kept(*task_messages("review", ASSISTANT, said, [])), "")
    assert text is not None
    return read_verdict(text)


def test_without_a_directive_it_drafts_a_good_graph_and_lets_the_work_pass() -> None:
    drafted = answered(asked("hello [[say:this is for the task]]"))
    assert isinstance(drafted, Drafted)
    assert [node.id for node in drafted.graph.nodes] == ["answer", "review"]
    assert judged("hello", "work") == Verdict(passed=True)


@pytest.mark.parametrize("kind", RULES[Word.DRAFTS].choices)
def test_each_kind_of_draft_is_good_or_is_not(kind: str) -> None:
    drafted = answered(asked(f"hello [[drafts:{kind}]]"))
    if kind in GOOD:
        assert isinstance(drafted, Drafted)
        assert isinstance(drafted.graph, Graph)
    else:
        assert isinstance(drafted, Ask)


def test_the_nth_draft_is_of_the_nth_kind() -> None:
    second = answered(asked("hello [[drafts:cyclic,empty,good]]"))
    assert isinstance(second, Ask)
    assert "closes a cycle" in second.told[0]
    third = answered(second)
    assert isinstance(third, Ask)
    assert third.told == ("the answer is empty; it must be one JSON object",)
    drafted = answered(third)
    assert isinstance(drafted, Drafted)
    assert drafted.route_type is RouteType.DRAFT


def test_the_last_kind_stands_for_all_further_drafts() -> None:
    step: Ask | Drafted = asked("hello [[drafts:prose]]")
    while isinstance(step, Ask):
        step = answered(step)
    assert (step.route_type, step.tries) == (RouteType.FALLBACK, 3)


def test_a_verdict_is_of_the_kind_that_the_message_asks_for() -> None:
    refused = Verdict(passed=False, feedback="Say it in other words.")
    assert judged("[[verdict:fail]]", "work") == refused
    assert judged("[[verdict:once]]", "work") == refused
    assert judged("[[verdict:once]]", "You wrote: “Your answer was judged, and …”") == Verdict(passed=True)
    assert isinstance(judged("[[verdict:prose]]", "work"), str)


def test_any_other_question_is_not_its_matter() -> None:
    assert planned_answer(kept(Message(role="user", content="hello [[drafts:good]]")), "hello") is None


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(WrongDirective, match="directive drafts: some of good, single"):
        planned_answer(kept(*asked("[[drafts:good,nonsense]]").messages), "")

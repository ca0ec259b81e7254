"""The planner: three drafts at most, each told the faults of the one before, then the fallback."""

from typing import Any

import msgspec
import pytest
from conversation_graphs import graph_of, worker

from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_checking import checked_graph
from mix2api.conversations.planner import (
    FALLBACK,
    Ask,
    Drafted,
    Occasion,
    RouteType,
    SourceType,
    after_answer,
    first_ask,
)
from mix2api.steps import at_once

_OCCASION = Occasion(
    context={"message": "Write about {tea}", "customer": {"name": "Ada"}, "not a name": 1},
    agents={"writer": "writes texts"},
)
_GRAPH = graph_of(worker("a", "For {{context.customer.name}}: {{context.message}}"))
_GOOD = msgspec.json.encode(_GRAPH.as_json()).decode()


def _after(*answers: str) -> Ask | Drafted:
    step: Ask | Drafted = first_ask(_OCCASION)
    for answer in answers:
        assert isinstance(step, Ask)
        step = at_once(after_answer(step, answer))
    return step


def test_the_model_is_given_the_message_and_told_what_a_graph_may_be() -> None:
    system, user = first_ask(_OCCASION).messages
    assert (system.role, user.role, user.content) == ("system", "user", "Write about {tea}")
    instructions = str(system.content)
    assert instructions.endswith(
        "Agents:\n- assistant: for everything\n- writer: writes texts\nGiven: context.customer, context.message"
    )
    assert "{{context.message}}" in instructions


def test_the_graph_that_the_model_is_shown_can_be_used() -> None:
    instructions = str(first_ask(_OCCASION).messages[0].content)
    shown = instructions[instructions.index("{") : instructions.index("\n\nA WORKER")]
    assert isinstance(
        at_once(checked_graph(msgspec.json.decode(shown), _OCCASION.surroundings)),
        Graph,
    )


def test_a_good_draft_is_the_plan() -> None:
    assert _after(_GOOD) == Drafted(
        graph=_GRAPH, route_type=RouteType.DRAFT, source_type=SourceType.AUTO_MISS_ROOT, tries=1
    )


def test_a_refused_draft_is_shown_again_with_its_faults() -> None:
    asked = _after('{"nodes": []}')
    assert isinstance(asked, Ask)
    assert asked.tries == 2
    assert asked.told == ("nodes: must be a list of 1 to 50 nodes",)
    *first, draft, refusal = asked.messages
    assert tuple(first) == first_ask(_OCCASION).messages
    assert (draft.role, draft.content) == ("assistant", '{"nodes": []}')
    assert (refusal.role, refusal.content) == (
        "user",
        """\
That graph cannot be used:
- nodes: must be a list of 1 to 50 nodes
Write the whole graph again, as JSON only.""",
    )


@pytest.mark.parametrize("answer", ["", " ", "x" * 20_001])
def test_an_empty_or_very_long_draft_is_not_shown_again(answer: str) -> None:
    asked = _after(answer)
    assert isinstance(asked, Ask)
    assert [message.role for message in asked.messages] == ["system", "user", "user"]


def test_all_refused_drafts_are_shown() -> None:
    asked = _after("one", "two")
    assert isinstance(asked, Ask)
    assert [message.content for message in asked.messages[2::2]] == ["one", "two"]


def test_a_good_draft_in_the_third_try_is_the_plan_and_keeps_the_last_faults() -> None:
    drafted = _after("one", "", _GOOD)
    assert isinstance(drafted, Drafted)
    assert (drafted.graph, drafted.route_type, drafted.tries) == (_GRAPH, RouteType.DRAFT, 3)
    assert drafted.told == ("the answer is empty; it must be one JSON object",)


def test_after_three_refused_drafts_one_worker_answers_the_message() -> None:
    assert _after("one", "two", "three") == Drafted(
        graph=FALLBACK,
        route_type=RouteType.FALLBACK,
        source_type=SourceType.AUTO_MISS_FALLBACK,
        tries=3,
        told=("the answer holds no JSON object; it must be one",),
    )


def test_the_fallback_is_a_graph_without_a_fault() -> None:
    context: dict[str, Any] = {"message": "hello"}
    assert at_once(checked_graph(FALLBACK.as_json(), Occasion(context=context).surroundings)) == FALLBACK


def test_nothing_of_the_message_is_shown_where_a_question_is_printed() -> None:
    assert "tea" not in repr(_after("planted"))
    assert "planted" not in repr(_after("planted"))

"""Checking a graph with its templates."""

from typing import Any

import pytest
from conversation_graphs import critic, graph_of, worker

from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_checking import Surroundings, checked_graph
from mix2api.conversations.graph_reading import FAULTS_MAX
from mix2api.steps import at_once

_CONTEXT = {"message": "hello", "items": [1]}


def _faults(graph: Graph, context: dict[str, Any] | None = None) -> list[str]:
    read = at_once(checked_graph(graph.as_json(), Surroundings(context=context)))
    if isinstance(read, Graph):
        assert read == graph
        return []
    return [str(fault) for fault in read]


def test_a_node_may_name_workers_before_it_and_the_context() -> None:
    graph = graph_of(
        worker("a", "{{context.message}}"),
        worker("b", "{{nodes.a.output}}"),
        worker("c", "{{nodes.a.output}} {{nodes.b.output}} {{context.items[0]}}"),
        critic("check", "c", "{{nodes.c.output}} {{nodes.a.output}}"),
        edges=["a b", "b c"],
    )
    assert _faults(graph, _CONTEXT) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "{{nodes.b.output}}",
            "names nodes.b.output; allowed are outputs of WORKERs that are done before the node: a",
        ),
        (
            "{{nodes.c.output}}",
            "names nodes.c.output; allowed are outputs of WORKERs that are done before the node: a",
        ),
        (
            "{{nodes.z.output}}",
            "names nodes.z.output; allowed are outputs of WORKERs that are done before the node: a",
        ),
        (
            "{{nodes.check.output}}",
            "names nodes.check.output; allowed are outputs of WORKERs that are done before the node: a",
        ),
        ("{{nodes.a.input}}", "names nodes.a.input; allowed are nodes.ID.output and context.NAME"),
        ("{{nodes.a}}", "names nodes.a; allowed are nodes.ID.output and context.NAME"),
        ("{{context}}", "names context; allowed are nodes.ID.output and context.NAME"),
        ("{{message}}", "names message; allowed are nodes.ID.output and context.NAME"),
        ("{{context.absent}}", "names context.absent; the context has the members items, message"),
        ("{{context.items[1]}}", "names context.items.1; the context has the members items, message"),
        (
            "{{context." + "x" * 200 + "}}",
            "names something of 208 characters; the context has the members items, message",
        ),
        (
            "{{context.message | upper}}",
            "may hold placeholders such as {{nodes.a.output}} or {{context.message}}, and nothing else in {{ }}, {% %} and {# #}",
        ),
    ],
)
def test_any_other_name_is_a_fault_at_its_node(text: str, fault: str) -> None:
    graph = graph_of(
        worker("a"), critic("check", "a"), worker("c", text), worker("b"), edges=["check c", "c b"]
    )
    assert _faults(graph, _CONTEXT) == [f"nodes[2].input: {fault}"]


def test_a_node_with_nothing_before_it_is_told_so() -> None:
    graph = graph_of(worker("a", "{{nodes.a.output}}"))
    assert _faults(graph, {}) == [
        "nodes[0].input: names nodes.a.output; allowed are outputs of WORKERs that are done before the node: none"
    ]


def test_members_of_the_context_are_not_known_before_there_is_a_turn() -> None:
    assert _faults(graph_of(worker("a", "{{context.customer.name}}"))) == []


def test_long_names_of_the_context_are_counted_and_not_listed() -> None:
    graph = graph_of(worker("a", "{{context.absent}}"))
    context = {"message": "", "x" * 101: 1} | {f"n{at:02}": at for at in range(60)}
    (fault,) = _faults(graph, context)
    assert fault.endswith(", n48, and 12 more")


def test_faults_of_templates_are_bounded_and_those_of_the_form_come_first() -> None:
    many = [worker(f"n{at}", "{{x}}") for at in range(30)]
    assert len(_faults(graph_of(*many))) == FAULTS_MAX
    assert _faults(graph_of(*many, edges=["n0 n0"])) == [
        "edges[0]: closes a cycle: n0 -> n0; a graph must have none"
    ]

"""The assistant message of a completed plan."""

import attrs
from conversation_graphs import critic, graph_of, worker

from mix2api.conversations.result import Joined, SumUp, result_of

_TWO = graph_of(worker("a"), worker("b"), worker("c"), critic("check", "c"), edges=["a b", "a c"])
_OUTPUTS = {"a": "notes", "b": "one", "c": "two", "check": '{"pass": true}'}


def test_outputs_of_the_last_workers_are_joined_in_the_graphs_order() -> None:
    assert result_of(_TWO, _OUTPUTS, "do it") == Joined("one\n\ntwo")


def test_several_results_are_summed_up_where_the_graph_says_so() -> None:
    asked = result_of(attrs.evolve(_TWO, summarize=True), _OUTPUTS, "do it")
    assert isinstance(asked, SumUp)
    assert asked.prompt == "The request:\ndo it\n\nResult 1:\none\n\nResult 2:\ntwo"
    assert "pass" not in asked.prompt


def test_a_single_result_stands_as_it_is_even_if_it_was_to_be_summed_up() -> None:
    graph = attrs.evolve(graph_of(worker("a"), critic("check", "a")), summarize=True)
    assert result_of(graph, _OUTPUTS, "do it") == Joined("notes")

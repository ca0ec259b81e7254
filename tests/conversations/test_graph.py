"""Graphs: what waits for what, whose outputs are the result, and which graphs are the same."""

import attrs
import msgspec
import pytest
from conversation_graphs import critic, graph_of, worker
from hypothesis import given
from hypothesis import strategies as st

from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_reading import read_graph
from mix2api.sealing import Seal

_DIGESTER = Seal(b"a secret of sixteen").digester("draft")


def test_a_critic_waits_for_its_target_though_no_edge_says_so() -> None:
    graph = graph_of(worker("a"), critic("check", "a"))
    assert graph.dependencies == {"a": (), "check": ("a",)}
    assert graph.dependents == {"a": ("check",), "check": ()}


def test_an_edge_that_says_so_adds_nothing() -> None:
    graph = graph_of(worker("a"), critic("check", "a"), edges=["a check"])
    assert graph.dependencies["check"] == ("a",)


def test_the_order_puts_each_node_behind_those_that_it_waits_for() -> None:
    graph = graph_of(worker("d"), worker("b"), worker("a"), edges=["a b", "b d", "a d"])
    assert graph.order == ("a", "b", "d")


def test_ancestors_are_all_nodes_on_the_way() -> None:
    graph = graph_of(worker("a"), worker("b"), worker("c"), worker("d"), edges=["a b", "b d", "a d"])
    assert graph.ancestors("d") == {"a", "b"}
    assert graph.ancestors("a") == frozenset()


def test_the_critic_of_a_worker_is_found() -> None:
    graph = graph_of(worker("a"), worker("b"), critic("check", "b"))
    assert {target: node.id for target, node in graph.critics.items()} == {"b": "check"}


@pytest.mark.parametrize(
    ("edges", "results"),
    [
        ([], ("a", "b", "c")),
        (["a b", "b c"], ("c",)),
        (["a b", "a c"], ("b", "c")),
        (["a c", "b c"], ("c",)),
    ],
)
def test_results_are_the_workers_behind_which_no_worker_stands(
    edges: list[str], results: tuple[str, ...]
) -> None:
    assert graph_of(worker("a"), worker("b"), worker("c"), edges=edges).results == results


def test_a_critic_at_the_end_leaves_its_target_the_result() -> None:
    assert graph_of(worker("a"), worker("b"), critic("check", "b"), edges=["a b"]).results == ("b",)


def test_a_worker_behind_the_critic_is_the_result() -> None:
    graph = graph_of(worker("a"), critic("check", "a"), worker("b"), edges=["check b"])
    assert graph.results == ("b",)


def test_a_graph_is_read_back_from_its_own_json() -> None:
    graph = graph_of(worker("a"), critic("check", "a", max_refine=3), worker("b"), edges=["check b"])
    told = msgspec.json.decode(msgspec.json.encode(attrs.evolve(graph, summarize=True).as_json()))
    assert read_graph(told, None) == attrs.evolve(graph, summarize=True)
    assert told["nodes"][0] == {
        "id": "a",
        "type": "WORKER",
        "agentKey": "assistant",
        "input": "{{context.message}}",
    }
    assert told["nodes"][1] == {
        "id": "check",
        "type": "CRITIC",
        "agentKey": "assistant",
        "input": "{{context.message}}",
        "target": "a",
        "maxRefine": 3,
    }
    assert told["edges"] == [{"from": "check", "to": "b"}]
    assert told["summarize"] is True


def test_the_order_of_edges_and_the_edge_to_a_critic_do_not_change_the_digest() -> None:
    nodes = worker("a"), critic("check", "a"), worker("b")
    one = graph_of(*nodes, edges=["a b", "check b"])
    other = graph_of(*nodes, edges=["check b", "a check", "a b"])
    assert one.digest(_DIGESTER) == other.digest(_DIGESTER)


_GRAPH = graph_of(worker("a"), worker("b"), critic("check", "b"), edges=["a b"])


@pytest.mark.parametrize(
    "other",
    [
        graph_of(worker("b"), worker("a"), critic("check", "b"), edges=["a b"]),
        graph_of(worker("a"), worker("b"), critic("check", "b")),
        graph_of(worker("a"), worker("b"), critic("check", "b", max_refine=1), edges=["a b"]),
        graph_of(worker("a", "other"), worker("b"), critic("check", "b"), edges=["a b"]),
        attrs.evolve(_GRAPH, summarize=True),
    ],
)
def test_all_else_changes_the_digest(other: Graph) -> None:
    assert other.digest(_DIGESTER) != _GRAPH.digest(_DIGESTER)


def test_an_input_is_not_shown_where_a_graph_is_printed() -> None:
    assert "planted" not in repr(graph_of(worker("a", "planted")))


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] < edge[1]), unique=True
    )
)
def test_every_graph_without_a_cycle_has_an_order_that_keeps_its_edges(edges: list[tuple[int, int]]) -> None:
    nodes = [worker(f"n{at}") for at in reversed(range(10))]
    graph = graph_of(*nodes, edges=[f"n{before} n{after}" for before, after in edges])
    assert sorted(graph.order) == sorted(graph.by_id)
    for edge in graph.edges:
        assert graph.order.index(edge.before) < graph.order.index(edge.after)

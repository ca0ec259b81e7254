"""Reading a graph: every fault has its path, and says what is allowed."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, why
from mix2api.conversations.graph import EDGES_MAX, INPUT_CHARS_MAX, NODES_MAX, Edge, Graph, NodeType
from mix2api.conversations.graph_reading import FAULTS_MAX, read_graph

_AGENTS = frozenset({"writer"})


def _worker(node_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "WORKER", "input": "Say {{context.message}}", **fields}


def _critic(node_id: str, target: str, **fields: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "CRITIC", "input": "Judge it", "target": target, **fields}


def _said(*nodes: Any, edges: Any = ()) -> dict[str, Any]:
    listed = [
        {"from": one.split()[0], "to": one.split()[1]} if isinstance(one, str) else one for one in edges
    ]
    return {"nodes": list(nodes), "edges": listed}


def _faults(said: object) -> list[str]:
    read = read_graph(said, _AGENTS)
    assert not isinstance(read, Graph)
    return [str(fault) for fault in read]


def test_a_good_graph_is_read() -> None:
    said = _said(
        _worker("a", agentKey="writer"),
        _critic("check", "a", maxRefine=1),
        _critic("other", "b"),
        _worker("b"),
        edges=["a b"],
    )
    graph = read_graph(said | {"summarize": True}, _AGENTS)
    assert isinstance(graph, Graph)
    assert [node.type for node in graph.nodes] == [
        NodeType.WORKER,
        NodeType.CRITIC,
        NodeType.CRITIC,
        NodeType.WORKER,
    ]
    assert [node.agent_key for node in graph.nodes] == ["writer", "assistant", "assistant", "assistant"]
    assert [node.max_refine for node in graph.nodes] == [0, 1, 2, 0]
    assert graph.edges == (Edge("a", "b"),)
    assert graph.summarize


def test_edges_may_be_left_out() -> None:
    assert isinstance(read_graph({"nodes": [_worker("a")]}, _AGENTS), Graph)


def test_a_graph_that_has_passed_before_may_name_any_agent() -> None:
    assert isinstance(read_graph(_said(_worker("a", agentKey="gone")), None), Graph)


@pytest.mark.parametrize("said", [None, [], "nodes", 1, True])
def test_what_is_no_object_is_no_graph(said: object) -> None:
    assert _faults(said) == ["the graph must be an object with nodes and edges"]


_MANY = [_worker(f"n{at}") for at in range(NODES_MAX + 1)]
_ID_FORM = "must be a letter, then letters, digits or _, 64 characters at most"
_TEXT_FORM = f"must be a text of 1 to {INPUT_CHARS_MAX} characters, not only white space"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({}, f"nodes: must be a list of 1 to {NODES_MAX} nodes"),
        (_said(), f"nodes: must be a list of 1 to {NODES_MAX} nodes"),
        (_said(*_MANY), f"nodes: must be a list of 1 to {NODES_MAX} nodes"),
        (_said(_worker("a")) | {"edges": {}}, f"edges: must be a list of {EDGES_MAX} edges at most"),
        (
            _said(_worker("a"), edges=["a a"] * (EDGES_MAX + 1)),
            f"edges: must be a list of {EDGES_MAX} edges at most",
        ),
        (_said(_worker("a")) | {"summarize": 1}, "summarize: must be true or false"),
        (
            _said(_worker("a")) | {"name": "plan"},
            "has a field that does not belong there; allowed are nodes, edges, summarize",
        ),
        (_said(_worker("a"), 7), "nodes[1]: must be an object with id, type, agentKey, input"),
        (_said(_worker("1a")), f"nodes[0].id: {_ID_FORM}"),
        (_said(_worker("a" * 65)), f"nodes[0].id: {_ID_FORM}"),
        (_said(_worker("a-b")), f"nodes[0].id: {_ID_FORM}"),
        (_said(_worker("a", id=None)), f"nodes[0].id: {_ID_FORM}"),
        (_said(_worker("a", type="ROUTER")), "nodes[0].type: must be WORKER or CRITIC"),
        (_said(_worker("a", type=["WORKER"])), "nodes[0].type: must be WORKER or CRITIC"),
        (
            _said(_worker("a", agentKey="poet")),
            "nodes[0].agentKey: must be one of the configured agents: assistant, writer",
        ),
        (
            _said(_worker("a", agentKey=["writer"])),
            "nodes[0].agentKey: must be one of the configured agents: assistant, writer",
        ),
        (_said(_worker("a", input=" \n")), f"nodes[0].input: {_TEXT_FORM}"),
        (_said(_worker("a", input=None)), f"nodes[0].input: {_TEXT_FORM}"),
        (_said(_worker("a", input="x" * (INPUT_CHARS_MAX + 1))), f"nodes[0].input: {_TEXT_FORM}"),
        (
            _said(_worker("a", maxRefine=2)),
            "nodes[0]: has a field that does not belong there; allowed are id, type, agentKey, input",
        ),
        (
            _said(_worker("a"), _critic("c", "a", name="x")),
            "nodes[1]: has a field that does not belong there; allowed are id, type, agentKey, input, target, maxRefine",
        ),
        (
            _said(_worker("a"), _critic("c", "")),
            "nodes[1].target: must be the id of the WORKER that the CRITIC judges",
        ),
        (
            _said(_worker("a"), _critic("c", "a", maxRefine=6)),
            "nodes[1].maxRefine: must be a whole number from 0 to 5",
        ),
        (
            _said(_worker("a"), _critic("c", "a", maxRefine=True)),
            "nodes[1].maxRefine: must be a whole number from 0 to 5",
        ),
        (_said(_worker("a"), edges=[3]), "edges[0]: must be an object with from and to"),
        (_said(_worker("a"), edges=[{"from": "a"}]), "edges[0].to: must be the id of a node"),
        (
            _said(_worker("a"), _worker("b"), edges=[{"from": "a", "to": "b", "if": "x"}]),
            "edges[0]: has a field that does not belong there; allowed are from, to",
        ),
        (
            _said(_worker("a"), _worker("b"), _worker("a")),
            "nodes[2].id: is the id of nodes[0], too; ids must be unique",
        ),
        (_said(_worker("a"), edges=["a b"]), "edges[0].to: must be the id of a node of this graph"),
        (_said(_worker("a"), edges=["b a"]), "edges[0].from: must be the id of a node of this graph"),
        (
            _said(_worker("a"), _worker("b"), edges=["a b", "a b"]),
            "edges[1]: stands there twice; each edge must be given once",
        ),
        (_said(_worker("a"), _critic("c", "b")), "nodes[1].target: must be the id of a WORKER of this graph"),
        (
            _said(_worker("a"), _critic("c", "a"), _critic("d", "c")),
            "nodes[2].target: must be the id of a WORKER of this graph",
        ),
        (
            _said(_worker("a"), _critic("c", "a"), _critic("d", "a")),
            "nodes[2].target: has a CRITIC already; a WORKER may have one",
        ),
        (
            _said(_worker("a"), _worker("b"), _critic("c", "a"), edges=["b c"]),
            "edges[0]: leads to a CRITIC; only the edge from its target may",
        ),
        (_said(_worker("a"), edges=["a a"]), "edges[0]: closes a cycle: a -> a; a graph must have none"),
        (
            _said(_worker("z"), _worker("a"), _worker("b"), _worker("c"), edges=["c z", "a b", "b c", "c a"]),
            "edges[3]: closes a cycle: a -> b -> c -> a; a graph must have none",
        ),
        (
            _said(_worker("a"), _critic("c", "a"), edges=["c a"]),
            "edges[0]: closes a cycle: c -> a -> c; a graph must have none",
        ),
    ],
)
def test_a_fault_names_its_place_and_what_is_allowed(said: object, fault: str) -> None:
    assert _faults(said) == [fault]


def test_all_faults_of_the_fields_are_told_at_once_up_to_a_bound() -> None:
    assert len(_faults(_said({}, edges=[{}]))) == 5
    assert len(_faults(_said(*[{}] * NODES_MAX))) == FAULTS_MAX


def test_a_fault_of_the_whole_has_no_path() -> None:
    assert str(Fault("", why(FaultKind.TYPE))) == "must be WORKER or CRITIC"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), unique=True, max_size=20))
def test_a_graph_passes_exactly_if_a_search_finds_no_cycle(edges: list[tuple[int, int]]) -> None:
    said = _said(
        *[_worker(f"n{at}") for at in range(7)], edges=[f"n{before} n{after}" for before, after in edges]
    )

    def comes_back(start: int) -> bool:
        reached: set[int] = set()
        ahead = [start]
        while ahead:
            at = ahead.pop()
            for before, after in edges:
                if before == at and after not in reached:
                    reached.add(after)
                    ahead.append(after)
        return start in reached

    has_cycle = any(comes_back(at) for at in range(7))
    read = read_graph(said, _AGENTS)
    assert isinstance(read, Graph) is not has_cycle
    if not isinstance(read, Graph):
        names = str(read[0].why).split(": ")[1].split(";")[0].split(" -> ")
        assert names[0] == names[-1]
        assert {(int(one[1]), int(other[1])) for one, other in itertools.pairwise(names)} <= set(edges)

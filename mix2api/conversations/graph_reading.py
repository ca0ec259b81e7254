"""A graph of the JSON that a model or a person wrote. Every fault has a path, and says what is allowed. Pure.

Nothing is repaired: a field that a node does not have is a fault, too.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, Faults, why
from mix2api.conversations.graph import (
    EDGES_MAX,
    FALLBACK_AGENT,
    INPUT_CHARS_MAX,
    NODES_MAX,
    REFINE_DEFAULT,
    REFINE_MAX,
    Edge,
    Graph,
    Node,
    NodeType,
)

FAULTS_MAX: Final = 20
"""Faults that are told of one graph: enough to mend it, and few enough to be read."""
_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_GRAPH_FIELDS: Final = ("nodes", "edges", "summarize")
_WORKER_FIELDS: Final = ("id", "type", "agentKey", "input")
_CRITIC_FIELDS: Final = (*_WORKER_FIELDS, "target", "maxRefine")
_EDGE_FIELDS: Final = ("from", "to")


def read_graph(said: object, agents: Collection[str] | None) -> Graph | Faults:
    """The graph, or what is wrong with it.

    Each stage of the check needs the one before it: fields, then what nodes and edges refer to, then cycles.

    Args:
        said: decoded JSON.
        agents: keys of the configured agents; the fallback is always one. None takes any key: the graph has passed before.
    """
    if not isinstance(said, dict):
        return (Fault("", why(FaultKind.NO_OBJECT)),)
    faults = _first(_faults_of_fields(said, agents))
    if faults:
        return faults
    graph = _built(said)
    faults = _first(_faults_of_references(graph))
    if faults:
        return faults
    cycle = _cycle(graph)
    return graph if cycle is None else (cycle,)


def _first(faults: Iterator[Fault]) -> tuple[Fault, ...]:
    return tuple(fault for fault, _ in zip(faults, range(FAULTS_MAX), strict=False))


def _faults_of_fields(said: Mapping[str, object], agents: Collection[str] | None) -> Iterator[Fault]:
    """What can be seen in each field by itself."""
    yield from _unknown("", said, _GRAPH_FIELDS)
    if not isinstance(said.get("summarize", False), bool):
        yield Fault("summarize", why(FaultKind.NO_BOOLEAN))
    nodes, edges = said.get("nodes"), said.get("edges", [])
    if not isinstance(nodes, list) or not 0 < len(nodes) <= NODES_MAX:
        yield Fault("nodes", why(FaultKind.NODES, most=NODES_MAX))
    else:
        for at, node in enumerate(nodes):
            yield from _faults_of_node(f"nodes[{at}]", node, agents)
    if not isinstance(edges, list) or len(edges) > EDGES_MAX:
        yield Fault("edges", why(FaultKind.EDGES, most=EDGES_MAX))
    else:
        for at, edge in enumerate(edges):
            yield from _faults_of_edge(f"edges[{at}]", edge)


def _faults_of_node(path: str, said: object, agents: Collection[str] | None) -> Iterator[Fault]:
    if not isinstance(said, dict):
        yield Fault(path, why(FaultKind.NODE, fields=", ".join(_WORKER_FIELDS)))
        return
    if not _is_id(said.get("id")):
        yield Fault(f"{path}.id", why(FaultKind.ID))
    yield from _fault_of_agent(f"{path}.agentKey", said.get("agentKey", FALLBACK_AGENT), agents)
    text = said.get("input")
    if not isinstance(text, str) or not text.strip() or len(text) > INPUT_CHARS_MAX:
        yield Fault(f"{path}.input", why(FaultKind.INPUT, most=INPUT_CHARS_MAX))
    match said.get("type"):
        case NodeType.WORKER:
            yield from _unknown(path, said, _WORKER_FIELDS)
        case NodeType.CRITIC:
            yield from _unknown(path, said, _CRITIC_FIELDS)
            yield from _faults_of_critic(path, said)
        case _:
            yield Fault(f"{path}.type", why(FaultKind.TYPE))


def _fault_of_agent(path: str, said: object, agents: Collection[str] | None) -> Iterator[Fault]:
    if not isinstance(said, str) or not (agents is None or said in agents or said == FALLBACK_AGENT):
        allowed = sorted({*(agents or ()), FALLBACK_AGENT})
        yield Fault(path, why(FaultKind.AGENT, agents=", ".join(allowed)))


def _faults_of_critic(path: str, said: Mapping[str, object]) -> Iterator[Fault]:
    if not _is_id(said.get("target")):
        yield Fault(f"{path}.target", why(FaultKind.TARGET))
    times = said.get("maxRefine", REFINE_DEFAULT)
    if type(times) is not int or not 0 <= times <= REFINE_MAX:
        yield Fault(f"{path}.maxRefine", why(FaultKind.MAX_REFINE, most=REFINE_MAX))


def _faults_of_edge(path: str, said: object) -> Iterator[Fault]:
    if not isinstance(said, dict):
        yield Fault(path, why(FaultKind.EDGE))
        return
    yield from _unknown(path, said, _EDGE_FIELDS)
    for name in _EDGE_FIELDS:
        if not _is_id(said.get(name)):
            yield Fault(f"{path}.{name}", why(FaultKind.EDGE_END))


def _unknown(path: str, said: Iterable[object], allowed: tuple[str, ...]) -> Iterator[Fault]:
    """One fault for all unknown fields. Their names are not quoted: they may be of any length."""
    if not set(allowed).issuperset(said):
        yield Fault(path, why(FaultKind.UNKNOWN_FIELD, fields=", ".join(allowed)))


def _is_id(said: object) -> bool:
    return isinstance(said, str) and _ID.fullmatch(said) is not None


def _built(said: Mapping[str, Any]) -> Graph:
    """The graph of fields that have been checked."""
    return Graph(
        tuple(_built_node(node) for node in said["nodes"]),
        tuple(Edge(edge["from"], edge["to"]) for edge in said.get("edges", [])),
        said.get("summarize", False),
    )


def _built_node(said: Mapping[str, Any]) -> Node:
    is_critic = said["type"] == NodeType.CRITIC
    return Node(
        id=said["id"],
        type=NodeType(said["type"]),
        agent_key=said.get("agentKey", FALLBACK_AGENT),
        input=said["input"],
        target=said["target"] if is_critic else None,
        max_refine=said.get("maxRefine", REFINE_DEFAULT) if is_critic else 0,
    )


def _faults_of_references(graph: Graph) -> Iterator[Fault]:
    """What can be seen once all ids are known."""
    first: dict[str, int] = {}
    for at, node in enumerate(graph.nodes):
        if node.id in first:
            yield Fault(f"nodes[{at}].id", why(FaultKind.ID_TWICE, first=first[node.id]))
        first.setdefault(node.id, at)
    yield from _faults_of_targets(graph)
    seen: set[Edge] = set()
    for at, edge in enumerate(graph.edges):
        yield from _faults_of_ends(f"edges[{at}]", edge, graph)
        if edge in seen:
            yield Fault(f"edges[{at}]", why(FaultKind.EDGE_TWICE))
        seen.add(edge)


def _faults_of_targets(graph: Graph) -> Iterator[Fault]:
    judged: set[str] = set()
    for at, node in enumerate(graph.nodes):
        if node.target is None:
            continue
        path, target = f"nodes[{at}].target", graph.by_id.get(node.target)
        if target is None or target.type is not NodeType.WORKER:
            yield Fault(path, why(FaultKind.TARGET_NO_WORKER))
        elif node.target in judged:
            yield Fault(path, why(FaultKind.TARGET_TWICE))
        judged.add(node.target)


def _faults_of_ends(path: str, edge: Edge, graph: Graph) -> Iterator[Fault]:
    for name, node_id in zip(_EDGE_FIELDS, (edge.before, edge.after), strict=True):
        if node_id not in graph.by_id:
            yield Fault(f"{path}.{name}", why(FaultKind.EDGE_NOWHERE))
    after = graph.by_id.get(edge.after)
    if after is not None and after.target not in {None, edge.before}:
        yield Fault(path, why(FaultKind.EDGE_TO_CRITIC))


def _cycle(graph: Graph) -> Fault | None:
    """The fault of one cycle, if there is any: its nodes, and the last of its edges as they were listed."""
    waiting = graph.by_id.keys() - set(graph.order)
    if not waiting:
        return None
    node_id = next(node.id for node in graph.nodes if node.id in waiting)
    walked: dict[str, None] = {}
    while (
        node_id not in walked
    ):  # everything that is left waits for something that is left, so this comes round
        walked[node_id] = None
        node_id = next(before for before in graph.dependencies[node_id] if before in waiting)
    path = list(walked)
    cycle = path[path.index(node_id) :][::-1]
    steps = set(zip(cycle, cycle[1:] + cycle[:1], strict=True))
    at = max(at for at, edge in enumerate(graph.edges) if (edge.before, edge.after) in steps)
    return Fault(f"edges[{at}]", why(FaultKind.CYCLE, path=" -> ".join([*cycle, cycle[0]])))

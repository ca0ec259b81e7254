"""The graph of a plan: nodes that workers run, and edges that say which node waits for which. Pure, no I/O.

A WORKER's output is a part of the turn's result. A CRITIC judges the output of one WORKER, its target: the target counts as
done once the CRITIC lets it pass. A CRITIC depends on its target and on nothing else, and a WORKER has one CRITIC at most.
So no two nodes can wait for each other.

`graph_reading` makes graphs of JSON, and checks them. All that is computed here is linear in nodes and edges.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

import msgspec
from attrs import field, frozen

from mix2api.vocabulary import Digest

FALLBACK_AGENT: Final = "assistant"
"""The agent of a node that names none. It is always configured."""
NODES_MAX: Final = 50
"""Nodes of a graph. Each is a call of the model: a larger plan would run for hours."""
EDGES_MAX: Final = 400
"""Edges of a graph: eight for each node."""
INPUT_CHARS_MAX: Final = 20_000
"""Characters of one node's input template. Long texts come in through the context and through outputs."""
REFINE_MAX: Final = 5
"""Times that a CRITIC may send its target back. What five tries did not mend, a sixth hardly will."""
REFINE_DEFAULT: Final = 2
"""The same, where the graph does not say."""


class NodeType(StrEnum):
    """Which part a node has in the plan."""

    WORKER = "WORKER"
    CRITIC = "CRITIC"


@frozen(kw_only=True)
class Node:
    """One node."""

    id: str
    """A letter, then letters, digits and underscores; at most 64. Templates name the node by it."""
    type: NodeType
    agent_key: str = FALLBACK_AGENT
    input: str = field(repr=False)
    """The template of the message to the model."""
    target: str | None = None
    """A CRITIC's WORKER; None for a WORKER."""
    max_refine: int = 0
    """Times that a CRITIC may send its target back, 0 to `REFINE_MAX`; 0 for a WORKER."""

    def as_json(self) -> dict[str, object]:
        """The node as the API shows it. Fields of a CRITIC stand there for a CRITIC only."""
        shown: dict[str, object] = {
            "id": self.id,
            "type": self.type.value,
            "agentKey": self.agent_key,
            "input": self.input,
        }
        if self.type is NodeType.CRITIC:
            shown |= {"target": self.target, "maxRefine": self.max_refine}
        return shown


@frozen(order=True)
class Edge:
    """`after` waits for `before`."""

    before: str
    after: str

    def as_json(self) -> dict[str, object]:
        """The edge as the API shows it."""
        return {"from": self.before, "to": self.after}


@frozen
class Graph:
    """A graph without a fault, as `graph_reading` lets it pass."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    """As they were given. The edge from a target to its CRITIC need not be among them."""
    summarize: bool = False
    """Whether the model sums several results up; they are joined otherwise."""

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """Every node by its id, in the graph's order."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def dependencies(self) -> Mapping[str, tuple[str, ...]]:
        """For every node the nodes that it waits for."""
        return _neighbours(self.by_id, ((edge.after, edge.before) for edge in self._all_edges()))

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """For every node the nodes that wait for it."""
        return _neighbours(self.by_id, ((edge.before, edge.after) for edge in self._all_edges()))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All ids, each behind those that it waits for."""
        return _topological_order(self.dependencies, self.dependents)

    @cached_property
    def critics(self) -> Mapping[str, Node]:
        """The CRITIC of each WORKER that has one, by the WORKER's id."""
        return {node.target: node for node in self.nodes if node.target is not None}

    @cached_property
    def results(self) -> tuple[str, ...]:
        """The WORKERs behind which no other WORKER stands, in the graph's order: their outputs are the turn's result."""
        is_before_a_worker: set[str] = set()
        for node_id in reversed(self.order):
            if self.by_id[node_id].type is NodeType.WORKER or node_id in is_before_a_worker:
                is_before_a_worker.update(self.dependencies[node_id])
        return tuple(
            node.id
            for node in self.nodes
            if node.type is NodeType.WORKER and node.id not in is_before_a_worker
        )

    def ancestors(self, node_id: str) -> frozenset[str]:
        """All nodes that are done before this one begins; for a CRITIC, its target has an output by then."""
        found: set[str] = set()
        ahead = list(self.dependencies[node_id])
        while ahead:
            ancestor = ahead.pop()
            if ancestor not in found:
                found.add(ancestor)
                ahead += self.dependencies[ancestor]
        return frozenset(found)

    def as_json(self) -> dict[str, object]:
        """The graph as the API shows it and as drafts are written."""
        return {
            "nodes": [node.as_json() for node in self.nodes],
            "edges": [edge.as_json() for edge in self.edges],
            "summarize": self.summarize,
        }

    def digest(self, digester: Callable[[bytes], Digest]) -> Digest:
        """Equal for graphs that run alike.

        The order of the edges does not count. The order of the nodes does: results are joined in it.

        Args:
            digester: a keyed digest (`mix2api.sealing.Seal.digester`).
        """
        edges = sorted({(edge.before, edge.after) for edge in self._all_edges()})
        nodes = [node.as_json() for node in self.nodes]
        return digester(msgspec.json.encode([nodes, edges, self.summarize]))

    def _all_edges(self) -> Iterator[Edge]:
        """The edges as given, and those from targets to their CRITICs."""
        given = set(self.edges)
        yield from self.edges
        for node in self.nodes:
            if node.target is not None and (edge := Edge(node.target, node.id)) not in given:
                yield edge


def _neighbours(ids: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """For every id the second of all pairs whose first it is."""
    found: dict[str, list[str]] = {node_id: [] for node_id in ids}
    for first, second in pairs:
        found[first].append(second)
    return {node_id: tuple(others) for node_id, others in found.items()}


def _topological_order(
    dependencies: Mapping[str, tuple[str, ...]], dependents: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The ids, each behind those that it waits for (Kahn, 1962). Ids on a cycle, or behind one, are not among them."""
    missing = {node_id: len(others) for node_id, others in dependencies.items()}
    order = [node_id for node_id, count in missing.items() if not count]
    for node_id in order:
        for dependent in dependents[node_id]:
            missing[dependent] -= 1
            if not missing[dependent]:
                order.append(dependent)
    return tuple(order)

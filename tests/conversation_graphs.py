"""Graphs for tests, in few words."""

from mix2api.conversations.graph import Edge, Graph, Node, NodeType

_MESSAGE = "{{context.message}}"


def worker(node_id: str, text: str = _MESSAGE) -> Node:
    return Node(id=node_id, type=NodeType.WORKER, input=text)


def critic(node_id: str, target: str, text: str = _MESSAGE, max_refine: int = 2) -> Node:
    return Node(id=node_id, type=NodeType.CRITIC, input=text, target=target, max_refine=max_refine)


def graph_of(*nodes: Node, edges: list[str] | None = None) -> Graph:
    """A graph. Each edge is said as `"before after"`. Nothing is checked."""
    return Graph(nodes, tuple(Edge(*edge.split()) for edge in edges or ()))

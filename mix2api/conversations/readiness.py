"""Which tasks of a plan may begin, and which never will. Pure."""

from collections.abc import Set as AbstractSet

from attrs import frozen

from mix2api.conversations.graph import Graph


@frozen(kw_only=True)
class Progress:
    """How far a plan has come, in node ids. A node in none of the sets is at work or waits for its worker."""

    pending: AbstractSet[str]
    """Neither ready nor ended."""
    validating: AbstractSet[str]
    """WORKERs whose output their CRITIC has to judge."""
    completed: AbstractSet[str]
    lost: AbstractSet[str]
    """FAILED or SKIPPED."""


@frozen
class Moves:
    """Pending nodes that change their state now, in topological order."""

    ready: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def next_moves(graph: Graph, progress: Progress) -> Moves:
    """What follows from a plan's progress.

    A node is skipped once any node that it waits for is lost, and those behind it in the same step. It is ready once all
    of them are completed; a CRITIC is ready once its target has an output.
    """
    ready: list[str] = []
    skipped: list[str] = []
    lost = set(progress.lost)
    for node_id in graph.order:
        if node_id not in progress.pending:
            continue
        dependencies = graph.dependencies[node_id]
        done = progress.completed if graph.by_id[node_id].target is None else progress.validating
        if not lost.isdisjoint(dependencies):
            lost.add(node_id)
            skipped.append(node_id)
        elif all(other in done for other in dependencies):
            ready.append(node_id)
    return Moves(tuple(ready), tuple(skipped))

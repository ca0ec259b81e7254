"""A graph as its writer may have it: its form, what it refers to, and the names in its templates. Pure.

A node's template may name outputs of WORKERs that are done before it begins, and members of the plan's global context.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, Faults, Why, why
from mix2api.conversations.graph import NODES_MAX, Graph, Node, NodeType
from mix2api.conversations.graph_reading import FAULTS_MAX, read_graph
from mix2api.conversations.templates import Reference, TemplateFault, is_there, references
from mix2api.steps import Steps

_SHOWN_CHARS: Final = 100
"""Characters of a name that a fault quotes."""
_LISTED: Final = NODES_MAX
"""Names that a fault lists: all nodes of a graph."""


@frozen
class Surroundings:
    """What a graph may refer to."""

    agents: Collection[str] = field(factory=tuple)
    """Keys of the configured agents; the fallback is always one."""
    context: Mapping[str, Any] | None = field(default=None, repr=False)
    """The global context of the turn. None: the graph is not for one turn, so any name may be a member of the context."""


def checked_graph(said: object, surroundings: Surroundings) -> Steps[Graph | Faults]:
    """The graph, or what is wrong with it. A step is one node's template: 10 ms for the worst that is allowed.

    Args:
        said: decoded JSON.
        surroundings: what the graph may refer to.
    """
    graph = read_graph(said, surroundings.agents)
    if not isinstance(graph, Graph):
        return graph
    faults = yield from template_faults(graph, surroundings.context)
    return faults or graph


def template_faults(graph: Graph, context: Mapping[str, Any] | None) -> Steps[tuple[Fault, ...]]:
    """What is wrong with a graph's templates.

    Args:
        graph: otherwise without a fault.
        context: as in `Surroundings`.
    """
    faults: list[Fault] = []
    for at, node in enumerate(graph.nodes):
        try:
            named = references(node.input)
        except TemplateFault as fault:
            faults.append(Fault(f"nodes[{at}].input", fault.why))
        else:
            faults += _faults_of_names(f"nodes[{at}].input", node, sorted(named, key=str), graph, context)
        yield
    return tuple(faults[:FAULTS_MAX])


def _faults_of_names(
    path: str, node: Node, named: list[Reference], graph: Graph, context: Mapping[str, Any] | None
) -> Iterator[Fault]:
    outputs = [name for name in graph.ancestors(node.id) if graph.by_id[name].type is NodeType.WORKER]
    for reference in named:
        match reference:
            case ("nodes", name, "output"):
                if name not in outputs:
                    yield Fault(path, _names(FaultKind.NAMES_OUTPUT, reference, allowed=_listed(outputs)))
            case ("context", _, *_):
                if context is not None and not is_there(reference, {"context": context}):
                    yield Fault(path, _names(FaultKind.NAMES_CONTEXT, reference, allowed=_listed(context)))
            case _:
                yield Fault(path, _names(FaultKind.NAMES_NOTHING, reference))


def _names(kind: FaultKind, reference: Reference, **values: str | Why) -> Why:
    shown = ".".join(map(str, reference))
    name = shown if len(shown) <= _SHOWN_CHARS else why(FaultKind.LONG_NAME, chars=len(shown))
    return why(kind, name=name, **values)


def _listed(names: Collection[str]) -> str | Why:
    short = sorted(name for name in names if len(name) <= _SHOWN_CHARS)[:_LISTED]
    more = len(names) - len(short)
    if not names:
        return why(FaultKind.NONE)
    if not more:
        return ", ".join(short)
    return why(FaultKind.AND_MORE, names="".join(f"{name}, " for name in short), more=more)

"""The plan of a turn."""

from typing import Any, Final

from attrs import field, frozen

from mix2api.conversations.content import PlanWords, TurnWords
from mix2api.conversations.events import PlannedTask, RouteTaken
from mix2api.conversations.graph import Graph, Node, NodeType

FALLBACK: Final = "AUTO_MISS_FALLBACK"


@frozen(kw_only=True)
class MadePlan:
    """A plan, ready to be recorded."""

    graph: Graph = field(repr=False)
    route: RouteTaken
    context: dict[str, Any] = field(repr=False)
    """`globalContext`."""

    @property
    def words(self) -> PlanWords:
        """Its content."""
        return PlanWords(graph=self.graph.as_json(), context=self.context)

    @property
    def tasks(self) -> tuple[PlannedTask, ...]:
        """Its nodes as the log has them."""
        number = {node.id: number for number, node in enumerate(self.graph.nodes)}
        return tuple(
            PlannedTask(
                type=node.type,
                agent_key=node.agent_key,
                depends=tuple(number[before] for before in self.graph.dependencies[node.id]),
                target=None if node.target is None else number[node.target],
                max_refine=node.max_refine,
            )
            for node in self.graph.nodes
        )


def made_plan(words: TurnWords) -> MadePlan:
    """The plan of one WORKER node, which is given the message."""
    graph = Graph((Node(id="answer", type=NodeType.WORKER, input="{{ context.message }}"),))
    route = RouteTaken(route_type=FALLBACK, source_type=FALLBACK)
    context = {
        **(words.extra_context or {}),
        "message": words.message,
        "routeType": route.route_type,
        "sourceType": route.source_type,
    }
    return MadePlan(graph=graph, route=route, context=context)

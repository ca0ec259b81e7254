"""The plan of a turn, and the port to whatever makes plans."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from mix2api.conversations.content import PlanWords, TurnWords
from mix2api.conversations.events import PlannedTask, RouteTaken
from mix2api.conversations.graph import Graph
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message


@frozen(kw_only=True)
class MadePlan:
    """A plan, ready to be recorded."""

    graph: Graph = field(repr=False)
    route: RouteTaken
    context: dict[str, Any] = field(repr=False)
    """`globalContext`."""
    new_draft: str | None = None
    """Id of the draft that was written for it; None where there is none, or where it stood before."""

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


class PlannerFault(Exception):
    """No plan can be made. `why` is content: it may quote what the model wrote."""

    def __init__(self, why: str) -> None:
        super().__init__("no plan can be made")
        self.why = why


Ask = Callable[[Sequence[Message], int], Awaitable[str]]
"""Asks the model; takes the messages, and the number of the question from 1. Raises `PlannerFault` where there is no answer."""


class Planner(Protocol):
    """Makes plans."""

    async def plan(self, owner: Digest, words: TurnWords, ask: Ask) -> MadePlan:
        """The plan of a turn.

        Args:
            owner: fingerprint of the credential that the turn belongs to.
            words: the caller's message.
            ask: asks the model.

        Raises:
            PlannerFault: there is none.
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ...

    async def withdraw(self, owner: Digest, plan: MadePlan) -> None:
        """Removes the draft that was written for a plan that does not stand. A draft may quote the message.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ...

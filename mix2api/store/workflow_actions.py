"""What an owner may do with drafts, by whichever door it comes in: the API of the edge, or the pages of the console."""

from collections.abc import Collection
from typing import Any, Final

from attrs import frozen
from msgspec.structs import replace

from mix2api.clock import Clock
from mix2api.conversations.faults import Faults
from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_checking import Surroundings, checked_graph
from mix2api.conversations.workflows import Definition, Draft, Settled, draft_view, edited, published
from mix2api.errors import Conflict, InvalidRequest
from mix2api.stepping import in_turn
from mix2api.store.shelf import PutOutcome
from mix2api.store.workflows import DEFINITIONS_MAX, Workflows
from mix2api.vocabulary import Digest

_TRIES: Final = 16
"""For a publication: each failed one means that somebody else has changed the draft, or published under the key."""


@frozen(kw_only=True)
class WorkflowActions:
    """The actions. An owner is the fingerprint of its credential."""

    workflows: Workflows
    agents: Collection[str]
    """Keys of the configured agents."""
    clock: Clock

    async def draft(self, owner: Digest, draft_id: str) -> tuple[Draft, Graph] | None:
        """A draft with its graph; None if the owner has none of that id.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        return await self.workflows.draft(owner, draft_id, self.clock.now_ms())

    async def checked(self, said: Any) -> Graph | Faults:
        """The graph of decoded JSON, or what is wrong with it."""
        return await in_turn(checked_graph(said, Surroundings(self.agents)))

    async def edit(
        self, owner: Digest, draft_id: str, version: int, settled: Settled, graph: Graph | None
    ) -> tuple[Draft, Graph] | None:
        """Writes the next version of a draft.

        Args:
            owner: whose.
            draft_id: of the draft.
            version: that the owner has read.
            settled: what is new.
            graph: without a fault. None: it stays as it is.

        Returns:
            The new version; None if the owner has no such draft.

        Raises:
            Conflict: another version stands; it is shown.
        """
        found = await self.draft(owner, draft_id)
        if found is None:
            return None
        draft, stands = found
        after = edited(draft, settled, self.clock.now_ms())
        if draft.version != version or not await self.workflows.change_draft(
            owner, after, graph, after.updated_ms
        ):
            now = await self.draft(owner, draft_id)
            if now is None:
                return None
            raise _stale(*now)
        return after, graph or stands

    async def publish(
        self, owner: Digest, draft_id: str, version: int | None, settled: Settled
    ) -> tuple[Definition, Graph] | None:
        """Makes an ACTIVE definition of a draft.

        Args:
            owner: whose.
            draft_id: of the draft.
            version: that is published. None: whichever stands.
            settled: what is new.

        Returns:
            The definition; None if the owner has no such draft.

        Raises:
            InvalidRequest: there is no pattern, or the graph has faults by now.
            Conflict: another version of the draft stands, or there are too many definitions.
        """
        found = await self.draft(owner, draft_id)
        if found is None:
            return None
        draft, graph = found
        if version is not None and draft.version != version:
            raise _stale(draft, graph)
        faults = await self.checked(graph.as_json())
        if not isinstance(faults, Graph):
            raise UnusableGraph(faults)
        for _ in range(_TRIES):
            definition = await self._published(owner, draft, settled, graph)
            if definition is not None:
                return definition, graph
        raise Conflict("The key is being published by others; try again.", param="key")

    async def _published(
        self, owner: Digest, draft: Draft, settled: Settled, graph: Graph
    ) -> Definition | None:
        """The new definition; None if another one has just got its version."""
        workflows, now_ms = self.workflows, self.clock.now_ms()
        named = replace(edited(draft, settled, now_ms), version=draft.version)
        if named.pattern is None:
            raise InvalidRequest(
                "Missing required parameter 'pattern': the draft has none, and a definition must say "
                "which messages it is for; `*` stands for any text.",
                param="pattern",
                code="missing_required_parameter",
            )
        existing = await workflows.definitions(owner, now_ms)
        after, definition = published(named, existing, now_ms, workflows.digester(owner))
        outcome = await workflows.add_definition(owner, definition, graph, now_ms)
        if outcome is PutOutcome.FULL:
            raise Conflict(f"You have {DEFINITIONS_MAX} definitions, and no more are taken: delete one.")
        if outcome is PutOutcome.CONFLICT:
            return None
        # An edit that came in between stays; then the draft does not name the definition, which names the draft.
        await workflows.change_draft(owner, after, None, now_ms)
        return definition


class UnusableGraph(InvalidRequest):
    """A graph with faults: all of them are told."""

    def __init__(self, faults: Faults) -> None:
        path = ".".join(filter(None, ("graph", faults[0].path)))
        said = "; ".join(map(str, faults))
        super().__init__(f"The graph cannot be used: {said}.", param=path, code="invalid_graph")
        self.faults = faults


def _stale(draft: Draft, graph: Graph) -> Conflict:
    return Conflict(
        f"Version {draft.version} of the draft stands by now; read it, and change that one.",
        param="version",
        current=draft_view(draft, graph),
    )

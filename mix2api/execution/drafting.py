"""Makes the plan of a turn: routes the message to a definition, or has the model draft a graph, and keeps the draft."""

from collections.abc import Mapping

import trio
from attrs import frozen

from mix2api.clock import Clock
from mix2api.conversations.agents import Agent
from mix2api.conversations.content import TurnWords
from mix2api.conversations.events import RouteTaken
from mix2api.conversations.graph import FALLBACK_AGENT, Graph
from mix2api.conversations.graph_checking import checked_graph
from mix2api.conversations.planner import (
    Ask,
    Drafted,
    Occasion,
    RouteType,
    SourceType,
    after_answer,
    fallback,
    first_ask,
)
from mix2api.conversations.routing import Decision, route
from mix2api.conversations.workflows import Definition, candidates
from mix2api.execution.planning import Ask as AskModel
from mix2api.execution.planning import MadePlan
from mix2api.stepping import in_turn
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest


@frozen(kw_only=True)
class Planning:
    """The planner of a process.

    Args:
        workflows: drafts and definitions.
        agents: all configured agents, by key.
        clock: for the times of drafts.
        drafts: whether the model drafts graphs. Otherwise the fallback is the plan of every message without a definition.
    """

    workflows: Workflows
    agents: Mapping[str, Agent]
    clock: Clock
    drafts: bool

    async def plan(self, owner: Digest, words: TurnWords, ask: AskModel) -> MadePlan:
        """The plan of a message.

        Args:
            owner: whose definitions and drafts.
            words: the message.
            ask: asks the model, which happens only if no definition matches.

        Raises:
            PlannerFault: the model does not answer.
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        purposes = {agent.key: agent.purpose for agent in self.agents.values() if agent.key != FALLBACK_AGENT}
        context = {**(words.extra_context or {}), "message": words.message}
        occasion = Occasion(context=context, agents=purposes)
        definitions = await self.workflows.definitions(owner, self.clock.now_ms())
        decision = await in_turn(route(words.message, candidates(definitions)))
        faults: dict[str, list[str]] = {}
        for definition_id in decision.ranking:
            found = await self._usable(owner, definition_id, occasion)
            if isinstance(found, tuple):
                return _of_definition(occasion, decision, *found, faults)
            faults[definition_id] = found
        return await self._of_draft(owner, await self._drafted(occasion, ask), occasion, decision, faults)

    async def withdraw(self, owner: Digest, plan: MadePlan) -> None:
        """Removes the draft that was written for a plan that does not stand, unless somebody has edited it already.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        if plan.new_draft is not None:
            await self.workflows.forget_untouched(owner, [plan.new_draft])

    async def _usable(
        self, owner: Digest, definition_id: str, occasion: Occasion
    ) -> tuple[Definition, Graph] | list[str]:
        """A definition with its graph, or why it cannot serve this message."""
        found = await self.workflows.definition(owner, definition_id, self.clock.now_ms())
        if found is None:
            return ["the definition is not there any more, or cannot be read"]
        definition, graph = found
        checked = await in_turn(checked_graph(graph.as_json(), occasion.surroundings))
        return (definition, checked) if isinstance(checked, Graph) else [str(fault) for fault in checked]

    async def _drafted(self, occasion: Occasion, ask: AskModel) -> Drafted:
        if not self.drafts:
            return fallback()
        step: Ask | Drafted = first_ask(occasion)
        while not isinstance(step, Drafted):
            step = await in_turn(after_answer(step, await ask(step.messages, step.tries)))
        return step

    async def _of_draft(
        self,
        owner: Digest,
        drafted: Drafted,
        occasion: Occasion,
        decision: Decision,
        faults: Mapping[str, list[str]],
    ) -> MadePlan:
        draft, now_ms = None, self.clock.now_ms()
        if drafted.route_type is RouteType.DRAFT:
            # Also where the turn is being cancelled: only a draft that is known of can be withdrawn.
            with trio.CancelScope(shield=True):
                draft = await self.workflows.keep_draft(owner, drafted.graph, drafted.source_type, now_ms)
        found = {
            "routeType": drafted.route_type.value,
            "sourceType": drafted.source_type.value,
            "workflowDraftId": None if draft is None else draft.draft_id,
            "draftKey": None if draft is None else draft.key,
        }
        told = {"draftFaults": list(drafted.told)} if drafted.told else {}
        return MadePlan(
            graph=drafted.graph,
            route=RouteTaken(
                route_type=drafted.route_type,
                source_type=drafted.source_type,
                draft_id=None if draft is None else draft.draft_id,
                scores=dict(decision.scores) or None,
                tries=drafted.tries,
            ),
            context={**occasion.context, **found, **told, **_unusable(faults)},
            new_draft=None if draft is None or draft.created_ms != now_ms else draft.draft_id,
        )


def _of_definition(
    occasion: Occasion,
    decision: Decision,
    definition: Definition,
    graph: Graph,
    faults: Mapping[str, list[str]],
) -> MadePlan:
    found = {
        "routeType": RouteType.DEFINITION.value,
        "sourceType": SourceType.PRODUCTION.value,
        "workflowDefinitionId": definition.definition_id,
        "definitionKey": definition.key,
        "workflowDefinitionVersion": definition.version,
        "workflowDraftId": None,
        "draftKey": None,
    }
    return MadePlan(
        graph=graph,
        route=RouteTaken(
            route_type=RouteType.DEFINITION,
            source_type=SourceType.PRODUCTION,
            definition_id=definition.definition_id,
            definition_version=definition.version,
            scores=dict(decision.scores),
        ),
        context={**occasion.context, **found, **_unusable(faults)},
    )


def _unusable(faults: Mapping[str, list[str]]) -> dict[str, object]:
    """The definitions that matched and could not serve the message, with the reasons."""
    return {"routeFaults": dict(faults)} if faults else {}

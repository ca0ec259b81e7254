"""What the conversations API is built from, and how."""

from collections.abc import Collection

from attrs import frozen

from mix2api.clock import Clock
from mix2api.edge.auth import Authenticator
from mix2api.edge.conversations.api import ConversationsApi, routes_of
from mix2api.edge.conversations.chat import ChatRoutes
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.plan_events import PlanEventRoutes
from mix2api.edge.conversations.plans import PlanRoutes
from mix2api.edge.conversations.sessions import SessionRoutes
from mix2api.edge.conversations.turns import TurnRoutes
from mix2api.edge.conversations.workflows import WorkflowRoutes
from mix2api.edge.options import EdgeOptions
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.settings.choices import Busy
from mix2api.store.conversation_actions import Stir
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.conversations import Conversations
from mix2api.store.workflow_actions import WorkflowActions
from mix2api.store.workflows import Workflows


@frozen(kw_only=True)
class ConversationParts:
    """What is the process's own."""

    store: Conversations
    index: ConversationIndex
    workflows: Workflows
    agents: Collection[str]
    """Keys of the configured agents."""
    busy: Busy
    stir: Stir


@frozen(kw_only=True)
class ApiParts:
    """What is the edge's."""

    options: EdgeOptions
    authenticator: Authenticator
    seal: Seal
    mint: Mint
    clock: Clock


def conversations_api(own: ConversationParts, edge: ApiParts) -> ConversationsApi:
    """The API."""
    desk = Desk(
        store=own.store, index=own.index, seal=edge.seal, clock=edge.clock, busy=own.busy, stir=own.stir
    )
    workflows = WorkflowActions(workflows=own.workflows, agents=own.agents, clock=edge.clock)
    routes = routes_of(
        SessionRoutes(desk, edge.mint, own.workflows).routes(),
        ChatRoutes(desk).routes(),
        TurnRoutes(desk).routes(),
        PlanRoutes(desk).routes(),
        WorkflowRoutes(workflows).routes(),
        PlanEventRoutes(desk).routes(),
    )
    return ConversationsApi(routes, edge.authenticator, edge.options.body_limit, edge.options.body_timeout_s)

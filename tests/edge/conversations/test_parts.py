"""The whole API: its routes are those of the document."""

from typing import Any

from mix2api.edge.conversations.parts import ApiParts, ConversationParts, conversations_api
from mix2api.edge.options import EdgeOptions
from mix2api.openapi.conversation_paths import ROWS
from mix2api.settings.choices import Busy
from mix2api.vocabulary import ProcessId


def test_every_route_stands_in_the_document_and_no_other() -> None:
    nothing: Any = None
    own = ConversationParts(
        store=nothing, index=nothing, workflows=nothing, agents=(), busy=Busy.ENQUEUE, stir=nothing
    )
    edge = ApiParts(
        options=EdgeOptions(process=ProcessId("p"), version="0", models=()),
        authenticator=nothing,
        seal=nothing,
        mint=nothing,
        clock=nothing,
    )
    routes = conversations_api(own, edge).routes
    assert {(route.method.lower(), route.template) for route in routes.all} == {
        (row.method, row.path) for row in ROWS
    }

"""`/api/workflows`: drafts are read, edited and published; definitions are read, switched on and off."""

import re
from typing import Any, Final

from attrs import frozen
from msgspec.structs import replace

from mix2api.conversations.graph import Graph
from mix2api.conversations.routing import PATTERN_CHARS_MAX, SCORE_MIN
from mix2api.conversations.workflows import (
    KEY_PATTERN,
    VERSION_MAX,
    Definition,
    DefinitionStatus,
    Draft,
    Settled,
    definition_view,
    draft_view,
)
from mix2api.edge.conversations.routing import Answer, Asked, Route, unknown
from mix2api.errors import InvalidRequest
from mix2api.store.workflow_actions import UnusableGraph, WorkflowActions
from mix2api.store.workflows import DRAFTS_MAX
from mix2api.wire.object_fields import ObjectFields, wrong

_DRAFTS: Final = "/api/workflows/drafts"
_DEFINITIONS: Final = "/api/workflows/definitions"
_KEY_FORM: Final = "1 to 64 characters of a-z 0-9 _ . -, with a letter or digit first"
_EDIT: Final = ("version", "graph", "draftKey", "pattern", "score")
_PUBLISH: Final = ("version", "key", "pattern", "score")


@frozen
class WorkflowRoutes:
    """The handlers."""

    actions: WorkflowActions

    def routes(self) -> tuple[Route, ...]:
        """The routes."""
        return (
            Route("GET", _DRAFTS, self.drafts),
            Route("GET", f"{_DRAFTS}/{{draftId}}", self.draft),
            Route("PUT", f"{_DRAFTS}/{{draftId}}", self.edit),
            Route("DELETE", f"{_DRAFTS}/{{draftId}}", self.delete_draft),
            Route("POST", f"{_DRAFTS}/{{draftId}}/publish", self.publish),
            Route("GET", _DEFINITIONS, self.definitions),
            Route("GET", f"{_DEFINITIONS}/{{definitionId}}", self.definition),
            Route("PUT", f"{_DEFINITIONS}/{{definitionId}}/status", self.set_status),
            Route("DELETE", f"{_DEFINITIONS}/{{definitionId}}", self.delete_definition),
        )

    # --- drafts

    async def drafts(self, asked: Asked) -> Answer:
        """The caller's drafts without their graphs, the last changed first.

        Raises:
            InvalidRequest: a parameter is wrong.
        """
        limit, start = asked.page_size(), asked.number("cursor", 0, 0, DRAFTS_MAX)
        found = await self.actions.workflows.drafts(
            asked.caller, start, limit + 1, self.actions.clock.now_ms()
        )
        cursor = str(start + limit) if len(found) > limit else None
        return Answer({"drafts": [draft_view(draft) for draft in found[:limit]], "nextCursor": cursor})

    async def draft(self, asked: Asked) -> Answer:
        """One draft with its graph.

        Raises:
            NotFound: the caller has none of that id.
        """
        return Answer(draft_view(*await self._draft(asked)))

    async def edit(self, asked: Asked) -> Answer:
        """Writes the next version of a draft. Fields that are left out stay as they are.

        Raises:
            NotFound: the caller has none of that id.
            InvalidRequest: a field is missing or wrong, or the graph has faults: all of them are told.
            Conflict: another version stands; it is shown.
        """
        body = asked.body
        body.check_names(_EDIT)
        version = body.whole("version", 1, VERSION_MAX)
        if version is None:
            raise InvalidRequest(
                "Missing required parameter 'version': it must be the version that you have read.",
                param="version",
                code="missing_required_parameter",
            )
        settled, graph = _settled(body, "draftKey"), await self._graph(body.said.get("graph"))
        edited = await self.actions.edit(asked.caller, asked.path["draftId"], version, settled, graph)
        if edited is None:
            raise unknown("draft", "draftId")
        return Answer(draft_view(*edited))

    async def delete_draft(self, asked: Asked) -> Answer:
        """Removes a draft for good. Definitions that were published of it stay.

        Raises:
            NotFound: the caller has none of that id.
        """
        draft_id = asked.path["draftId"]
        if not await self.actions.workflows.delete_draft(asked.caller, draft_id):
            raise unknown("draft", "draftId")
        return Answer({"draftId": draft_id, "deleted": True})

    async def publish(self, asked: Asked) -> Answer:
        """Makes an ACTIVE definition of a draft.

        Raises:
            NotFound: the caller has no such draft.
            InvalidRequest: a field is wrong, there is no pattern, or the graph has faults by now.
            Conflict: another version of the draft stands, or there are too many definitions.
        """
        body = asked.body
        body.check_names(_PUBLISH)
        version, settled = body.whole("version", 1, VERSION_MAX), _settled(body, "key")
        made = await self.actions.publish(asked.caller, asked.path["draftId"], version, settled)
        if made is None:
            raise unknown("draft", "draftId")
        return Answer(definition_view(*made))

    # --- definitions

    async def definitions(self, asked: Asked) -> Answer:
        """All definitions of the caller's without their graphs, the last changed first."""
        found = await self.actions.workflows.definitions(asked.caller, self.actions.clock.now_ms())
        return Answer({"definitions": [definition_view(definition) for definition in found]})

    async def definition(self, asked: Asked) -> Answer:
        """One definition with its graph.

        Raises:
            NotFound: the caller has none of that id.
        """
        return Answer(definition_view(*await self._definition(asked)))

    async def set_status(self, asked: Asked) -> Answer:
        """Has messages routed to a definition, or not.

        Raises:
            NotFound: the caller has none of that id.
            InvalidRequest: the status is missing or wrong.
        """
        asked.body.check_names(("status",))
        status = asked.body.choice("status", tuple(DefinitionStatus))
        if status is None:
            raise wrong("status", f"one of: {', '.join(DefinitionStatus)}")
        definition, graph = await self._definition(asked)
        after = replace(definition, status=DefinitionStatus(status), updated_ms=self.actions.clock.now_ms())
        if not await self.actions.workflows.change_definition(asked.caller, after, after.updated_ms):
            raise unknown("definition", "definitionId")
        return Answer(definition_view(after, graph))

    async def delete_definition(self, asked: Asked) -> Answer:
        """Removes a definition for good. Plans that were made of it stay.

        Raises:
            NotFound: the caller has none of that id.
        """
        definition_id = asked.path["definitionId"]
        if not await self.actions.workflows.delete_definition(asked.caller, definition_id):
            raise unknown("definition", "definitionId")
        return Answer({"definitionId": definition_id, "deleted": True})

    # --- look-ups

    async def _draft(self, asked: Asked) -> tuple[Draft, Graph]:
        found = await self.actions.draft(asked.caller, asked.path["draftId"])
        if found is None:
            raise unknown("draft", "draftId")
        return found

    async def _definition(self, asked: Asked) -> tuple[Definition, Graph]:
        found = await self.actions.workflows.definition(
            asked.caller, asked.path["definitionId"], self.actions.clock.now_ms()
        )
        if found is None:
            raise unknown("definition", "definitionId")
        return found

    async def _graph(self, said: Any) -> Graph | None:
        """The graph that a caller sent, checked; None if there is none."""
        if said is None:
            return None
        graph = await self.actions.checked(said)
        if isinstance(graph, Graph):
            return graph
        raise UnusableGraph(graph)


def _settled(body: ObjectFields, key_name: str) -> Settled:
    key = body.text(key_name, 64)
    if key is not None and re.fullmatch(KEY_PATTERN, key) is None:
        raise wrong(key_name, _KEY_FORM)
    return Settled(
        key=key, pattern=body.text("pattern", PATTERN_CHARS_MAX), score=body.number("score", SCORE_MIN, 1)
    )

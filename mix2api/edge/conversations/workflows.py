"""`/api/workflows`: drafts are read, edited and published; definitions are read, switched on and off."""

import re
from collections.abc import Collection
from typing import Any, Final

from attrs import frozen
from msgspec.structs import replace

from mix2api.clock import Clock
from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_checking import Surroundings, checked_graph
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
    edited,
    published,
)
from mix2api.edge.conversations.routing import Answer, Asked, Route, unknown
from mix2api.errors import Conflict, InvalidRequest
from mix2api.stepping import in_turn
from mix2api.store.shelf import PutOutcome
from mix2api.store.workflows import DEFINITIONS_MAX, DRAFTS_MAX, Workflows
from mix2api.wire.object_fields import ObjectFields, wrong

_DRAFTS: Final = "/api/workflows/drafts"
_DEFINITIONS: Final = "/api/workflows/definitions"
_KEY_FORM: Final = "1 to 64 characters of a-z 0-9 _ . -, with a letter or digit first"
_EDIT: Final = ("version", "graph", "draftKey", "pattern", "score")
_PUBLISH: Final = ("version", "key", "pattern", "score")
_TRIES: Final = 16
"""For a publication: each failed one means that somebody else has changed the draft, or published under the key."""


@frozen(kw_only=True)
class WorkflowRoutes:
    """The handlers."""

    workflows: Workflows
    agents: Collection[str]
    """Keys of the configured agents."""
    clock: Clock

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
        found = await self.workflows.drafts(asked.caller, start, limit + 1, self.clock.now_ms())
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
        draft, stands = await self._draft(asked)
        after = edited(draft, settled, self.clock.now_ms())
        if draft.version != version or not await self.workflows.change_draft(
            asked.caller, after, graph, after.updated_ms
        ):
            raise self._stale(*await self._draft(asked))
        return Answer(draft_view(after, graph or stands))

    async def delete_draft(self, asked: Asked) -> Answer:
        """Removes a draft for good. Definitions that were published of it stay.

        Raises:
            NotFound: the caller has none of that id.
        """
        draft_id = asked.path["draftId"]
        if not await self.workflows.delete_draft(asked.caller, draft_id):
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
        draft, graph = await self._draft(asked)
        if version is not None and draft.version != version:
            raise self._stale(draft, graph)
        await self._graph(graph.as_json())
        for _ in range(_TRIES):
            definition = await self._published(asked, draft, settled, graph)
            if definition is not None:
                return Answer(definition_view(definition, graph))
        raise Conflict("The key is being published by others; try again.", param="key")

    async def _published(
        self, asked: Asked, draft: Draft, settled: Settled, graph: Graph
    ) -> Definition | None:
        """The new definition; None if another one has just got its version."""
        workflows, caller, now_ms = self.workflows, asked.caller, self.clock.now_ms()
        named = replace(edited(draft, settled, now_ms), version=draft.version)
        if named.pattern is None:
            raise InvalidRequest(
                "Missing required parameter 'pattern': the draft has none, and a definition must say "
                "which messages it is for; `*` stands for any text.",
                param="pattern",
                code="missing_required_parameter",
            )
        existing = await workflows.definitions(caller, now_ms)
        after, definition = published(named, existing, now_ms, workflows.digester(caller))
        outcome = await workflows.add_definition(caller, definition, graph, now_ms)
        if outcome is PutOutcome.FULL:
            raise Conflict(f"You have {DEFINITIONS_MAX} definitions, and no more are taken: delete one.")
        if outcome is PutOutcome.CONFLICT:
            return None
        # An edit that came in between stays; then the draft does not name the definition, which names the draft.
        await workflows.change_draft(caller, after, None, now_ms)
        return definition

    # --- definitions

    async def definitions(self, asked: Asked) -> Answer:
        """All definitions of the caller's without their graphs, the last changed first."""
        found = await self.workflows.definitions(asked.caller, self.clock.now_ms())
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
        after = replace(definition, status=DefinitionStatus(status), updated_ms=self.clock.now_ms())
        if not await self.workflows.change_definition(asked.caller, after, after.updated_ms):
            raise unknown("definition", "definitionId")
        return Answer(definition_view(after, graph))

    async def delete_definition(self, asked: Asked) -> Answer:
        """Removes a definition for good. Plans that were made of it stay.

        Raises:
            NotFound: the caller has none of that id.
        """
        definition_id = asked.path["definitionId"]
        if not await self.workflows.delete_definition(asked.caller, definition_id):
            raise unknown("definition", "definitionId")
        return Answer({"definitionId": definition_id, "deleted": True})

    # --- look-ups

    async def _draft(self, asked: Asked) -> tuple[Draft, Graph]:
        found = await self.workflows.draft(asked.caller, asked.path["draftId"], self.clock.now_ms())
        if found is None:
            raise unknown("draft", "draftId")
        return found

    async def _definition(self, asked: Asked) -> tuple[Definition, Graph]:
        found = await self.workflows.definition(asked.caller, asked.path["definitionId"], self.clock.now_ms())
        if found is None:
            raise unknown("definition", "definitionId")
        return found

    async def _graph(self, said: Any) -> Graph | None:
        """The graph that a caller sent, checked; None if there is none."""
        if said is None:
            return None
        graph = await in_turn(checked_graph(said, Surroundings(self.agents)))
        if isinstance(graph, Graph):
            return graph
        faults = "; ".join(map(str, graph))
        path = ".".join(filter(None, ("graph", graph[0].path)))
        raise InvalidRequest(f"The graph cannot be used: {faults}.", param=path, code="invalid_graph")

    @staticmethod
    def _stale(draft: Draft, graph: Graph) -> Conflict:
        return Conflict(
            f"Version {draft.version} of the draft stands by now; read it, and change that one.",
            param="version",
            current=draft_view(draft, graph),
        )


def _settled(body: ObjectFields, key_name: str) -> Settled:
    key = body.text(key_name, 64)
    if key is not None and re.fullmatch(KEY_PATTERN, key) is None:
        raise wrong(key_name, _KEY_FORM)
    return Settled(
        key=key, pattern=body.text("pattern", PATTERN_CHARS_MAX), score=body.number("score", SCORE_MIN, 1)
    )

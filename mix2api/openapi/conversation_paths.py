"""The routes of the conversations API, as rows, and the document's part that they make. Pure.

They are served where `MIX2API_CONVERSATIONS=true`. Their envelope is their own, so their statuses are, too.
"""

import re
from typing import Any, Final

from attrs import frozen

from mix2api.openapi.conversation_schemas import BODIES, DATA, answer_name, body_name

Json = dict[str, Any]

_SESSION: Final = "/api/sessions/{sessionId}"
_PLAN: Final = "/api/plans/{planId}"
_DRAFT: Final = "/api/workflows/drafts/{draftId}"
_DEFINITION: Final = "/api/workflows/definitions/{definitionId}"
_PAGE: Final = ("limit", "cursor")


@frozen
class Row:
    """One method of one route."""

    method: str
    path: str
    operation_id: str
    summary: str
    query: tuple[str, ...] = ()
    conflicts: bool = False
    """Whether the answer may be 409."""


ROWS: Final = (
    Row("post", "/api/sessions", "createSession", "Begin a session.", conflicts=True),
    Row("get", "/api/sessions", "listSessions", "The sessions of a user.", ("userId", *_PAGE)),
    Row("get", _SESSION, "readSession", "One session."),
    Row("delete", _SESSION, "deleteSession", "Remove a session with everything in it."),
    Row(
        "post",
        f"{_SESSION}/chat",
        "chatInSession",
        "Accept a message: it becomes a turn.",
        ("async", "wait"),
        conflicts=True,
    ),
    Row("get", f"{_SESSION}/turns", "listTurns", "The turns of a session, the newest first.", _PAGE),
    Row("get", f"{_SESSION}/messages", "listMessages", "The messages of the newest turns.", _PAGE),
    Row("get", f"{_SESSION}/plans", "listPlans", "The plans of a session, the newest first.", _PAGE),
    Row("get", f"{_SESSION}/overview", "readOverview", "All that a page of a session needs.", _PAGE),
    Row("get", "/api/turns/{turnId}", "readTurn", "One turn."),
    Row("post", "/api/turns/{turnId}/cancel", "cancelTurn", "Cancel a turn."),
    Row("get", _PLAN, "readPlan", "One plan with its graph and its context."),
    Row("get", f"{_PLAN}/tasks", "listTasks", "The tasks of a plan."),
    Row("get", f"{_PLAN}/events", "followPlan", "The steps of a plan, as server-sent events."),
    Row("get", "/api/tasks/{taskId}/executions", "listExecutions", "The attempts at a task."),
    Row("get", "/api/workflows/drafts", "listWorkflowDrafts", "The drafts of workflows.", _PAGE),
    Row("get", _DRAFT, "readWorkflowDraft", "One draft with its graph."),
    Row("put", _DRAFT, "editWorkflowDraft", "Change a draft.", conflicts=True),
    Row("delete", _DRAFT, "deleteWorkflowDraft", "Remove a draft."),
    Row("post", f"{_DRAFT}/publish", "publishWorkflowDraft", "Make a definition of a draft.", conflicts=True),
    Row("get", "/api/workflows/definitions", "listWorkflowDefinitions", "The definitions of workflows."),
    Row("get", _DEFINITION, "readWorkflowDefinition", "One definition with its graph."),
    Row("put", f"{_DEFINITION}/status", "setWorkflowStatus", "Take a definition into use, or out of it."),
    Row("delete", _DEFINITION, "deleteWorkflowDefinition", "Remove a definition."),
)
_MEANINGS: Final = {
    400: "A parameter is missing or wrong (`0002`).",
    401: "The credential is missing or wrong (`0003`).",
    404: "The caller has no such object (`0002`).",
    405: "The route exists, with other methods (`0002`).",
    409: "The state of the object forbids it now (`0004`).",
    429: "A limit of this server (`0005`).",
    500: "A fault of this server (`0001`).",
    503: "The store does not answer (`0006`), or a limit of this server (`0005`).",
}
_PARAMETERS: Final = {
    "sessionId": "The session's id, as it was chosen or given.",
    "turnId": "The turn's id.",
    "planId": "The plan's id.",
    "taskId": "The task's id.",
    "draftId": "The draft's id.",
    "definitionId": "The definition's id.",
    "userId": "Whose sessions.",
    "limit": "Entries of a page: 50, at most 200.",
    "cursor": "The `nextCursor` of the page before.",
    "async": "`true`: answer at once.",
    "wait": "`true`: answer at the end of the turn.",
}
_NEEDED: Final = frozenset({"userId"})
_SCHEMAS: Final[dict[str, Json]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    "async": {"type": "boolean"},
    "wait": {"type": "boolean"},
}
"""Of parameters that are no plain texts."""
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


def conversation_paths(security: list[Json]) -> Json:
    """Path -> method -> operation.

    Args:
        security: how callers prove themselves.
    """
    paths: Json = {}
    for row in ROWS:
        paths.setdefault(row.path, {})[row.method] = _operation(row, security)
    return paths


def _operation(row: Row, security: list[Json]) -> Json:
    statuses = [status for status in _MEANINGS if status != 409 or row.conflicts]  # noqa: PLR2004
    failures = {str(status): _answer(_MEANINGS[status], _json("ConversationError")) for status in statuses}
    named = [_parameter(name, "path") for name in _PARAMETER.findall(row.path)]
    described: Json = {
        "operationId": row.operation_id,
        "summary": row.summary,
        "description": "Served where `MIX2API_CONVERSATIONS=true`.",
        "security": security,
        "parameters": [*named, *(_parameter(name, "query") for name in row.query)],
        "responses": {"200": _success(row), **failures},
    }
    if row.operation_id in BODIES:
        content = _json(body_name(row.operation_id))
        described["requestBody"] = {"required": True, "content": content}
    return described


def _success(row: Row) -> Json:
    if row.operation_id not in DATA:
        steps = {"$ref": "#/components/schemas/ConversationPlanStep"}
        content: Json = {
            "text/event-stream": {"schema": {"type": "string"}, "x-mix2api-event-schemas": [steps]}
        }
        return _answer("The steps of the plan, the first one a baseline.", content)
    return _answer("Success.", _json(answer_name(row.operation_id)))


def _answer(meaning: str, content: Json) -> Json:
    return {"description": meaning, "content": content}


def _json(name: str) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _parameter(name: str, place: str) -> Json:
    return {
        "name": name,
        "in": place,
        "required": place == "path" or name in _NEEDED,
        "description": _PARAMETERS[name],
        "schema": _SCHEMAS.get(name, {"type": "string"}),
    }

"""The schemas of the conversations API: bodies of requests, and what `data` holds."""

from typing import Any, Final

from mix2api.conversations.content import (
    MESSAGE_CHARS,
    MESSAGE_ID_CHARS,
    SESSION_ID_PATTERN,
    TITLE_CHARS,
    USER_CHARS,
)
from mix2api.conversations.graph import EDGES_MAX, INPUT_CHARS_MAX, NODES_MAX, REFINE_MAX, NodeType
from mix2api.conversations.routing import PATTERN_CHARS_MAX, SCORE_MIN
from mix2api.conversations.states import ExecutionStatus, PlanStage, Reason, TaskStage, TurnStage
from mix2api.conversations.workflows import KEY_PATTERN, VERSION_MAX, DefinitionStatus

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
_VERSION: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": VERSION_MAX}
_SCORE: Final[Schema] = {"type": "number", "minimum": SCORE_MIN, "maximum": 1}
_KEY: Final[Schema] = {"type": "string", "pattern": f"^{KEY_PATTERN}$"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_OBJECT: Final[Schema] = {"type": "object"}


def _perhaps(schema: Schema) -> Schema:
    """The same, or null. A list of words has to have null in it."""
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **words, "nullable": True}


def _said(most: int) -> Schema:
    """A text that a request brings: not empty, and not all blank."""
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": "[^ \\t\\n\\r]"}


def _one_of(words: Any) -> Schema:
    return {"type": "string", "enum": [word.value for word in words]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _all(**properties: Schema) -> Schema:
    """An object whose fields are always there."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _body(*required: str, **properties: Schema) -> Schema:
    """A body: it has no other fields than these."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


_STAMPS: Final = {"createdAt": _TIME, "updatedAt": _TIME}
_REASON: Final = _perhaps(_one_of(Reason))
_STATS: Final = _all(**dict.fromkeys(("total", *(stage.value.lower() for stage in TaskStage)), _WHOLE))
_CURSOR: Final = _perhaps(_TEXT)

_PLAN: Final = _all(
    planId=_TEXT,
    turnId=_TEXT,
    status=_one_of(PlanStage),
    routeType=_TEXT,
    sourceType=_TEXT,
    workflowDraftId=_perhaps(_TEXT),
    draftKey=_perhaps(_TEXT),
    workflowDefinitionId=_perhaps(_TEXT),
    workflowDefinitionVersion=_perhaps(_WHOLE),
    taskStats=_STATS,
    **_STAMPS,
)

_OBJECTS: Final[dict[str, Schema]] = {
    "ConversationGraph": _body(
        "nodes",
        nodes={
            "type": "array",
            "minItems": 1,
            "maxItems": NODES_MAX,
            "items": _body(
                "id",
                "type",
                "input",
                id={"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$"},
                type=_one_of(NodeType),
                agentKey=_TEXT,
                input={"type": "string", "maxLength": INPUT_CHARS_MAX},
                target={**_TEXT, "description": "Of a CRITIC: the WORKER that it judges."},
                maxRefine={"type": "integer", "minimum": 0, "maximum": REFINE_MAX},
            ),
        },
        edges={
            "type": "array",
            "maxItems": EDGES_MAX,
            "items": _body("from", "to", **{"from": _TEXT, "to": _TEXT}),
        },
        summarize={"type": "boolean"},
    ),
    "ConversationSession": _all(
        sessionId=_TEXT,
        userId=_TEXT,
        title=_perhaps(_TEXT),
        metaInfo=_perhaps(_OBJECT),
        turnCount=_WHOLE,
        planCount=_WHOLE,
        openTurnCount=_WHOLE,
        **_STAMPS,
    ),
    "ConversationTurn": _all(
        turnId=_TEXT,
        planId=_perhaps(_TEXT),
        status=_one_of(TurnStage),
        displayName=_TEXT,
        reason=_REASON,
        plannerFault=_perhaps(_TEXT),
        userMessage=_perhaps(_TEXT),
        assistantSummary=_perhaps(_TEXT),
        **_STAMPS,
        endedAt=_perhaps(_TIME),
    ),
    "ConversationMessage": _all(
        messageId=_TEXT,
        turnId=_TEXT,
        role={"type": "string", "enum": ["user", "assistant"]},
        content=_perhaps(_TEXT),
        createdAt=_TIME,
    ),
    "ConversationPlan": _PLAN,
    "ConversationTask": _all(
        taskId=_TEXT,
        planId=_TEXT,
        nodeId=_perhaps(_TEXT),
        type=_one_of(NodeType),
        agentKey=_TEXT,
        dependsOn={"type": "array", "items": _TEXT},
        target=_perhaps(_TEXT),
        status=_one_of(TaskStage),
        displayName=_TEXT,
        reason=_REASON,
        claimOwner=_perhaps(_TEXT),
        leaseUntil=_perhaps(_TIME),
        executionAttempt=_WHOLE,
        refineCount=_WHOLE,
        maxRefine=_WHOLE,
        **_STAMPS,
    ),
    "ConversationExecution": _all(
        executionId=_TEXT,
        taskId=_TEXT,
        attempt=_WHOLE,
        status=_one_of(ExecutionStatus),
        modelName=_TEXT,
        tokenUsage=_perhaps(_all(promptTokens=_WHOLE, completionTokens=_WHOLE, totalTokens=_WHOLE)),
        errorType=_perhaps(_TEXT),
        executionTimeMs=_perhaps(_WHOLE),
        requestId=_TEXT,
        runId=_perhaps(_TEXT),
        owner=_TEXT,
        startedAt=_TIME,
        endedAt=_perhaps(_TIME),
    ),
    "ConversationOverview": _all(
        session=_ref("ConversationSession"),
        plans=_list("ConversationPlan"),
        planCount=_WHOLE,
        nextCursor=_CURSOR,
        latestPlan=_perhaps(_PLAN),
        latestPlanId=_perhaps(_TEXT),
        latestPlanTaskStats=_STATS,
        latestPlanTasks=_list("ConversationTask"),
    ),
    "ConversationPlanStep": _all(
        turnId=_TEXT,
        planId=_TEXT,
        turnStatus=_one_of(TurnStage),
        planStatus=_perhaps(_one_of(PlanStage)),
        at=_TIME,
    ),
    "WorkflowDraft": _all(
        draftId=_TEXT,
        draftKey=_perhaps(_TEXT),
        version=_WHOLE,
        sourceType=_TEXT,
        pattern=_perhaps(_TEXT),
        score=_perhaps({"type": "number"}),
        definitionId=_perhaps(_TEXT),
        **_STAMPS,
    ),
    "WorkflowDefinition": _all(
        definitionId=_TEXT,
        key=_TEXT,
        version=_WHOLE,
        status=_one_of(DefinitionStatus),
        pattern=_TEXT,
        score={"type": "number"},
        draftId=_perhaps(_TEXT),
        **_STAMPS,
    ),
    "ConversationError": _all(
        code={"type": "string", "pattern": "^[0-9]{4}$"}, info=_TEXT, data=_perhaps({})
    ),
}

BODIES: Final[dict[str, Schema]] = {
    "createSession": _body(
        "userId",
        userId=_said(USER_CHARS),
        title=_perhaps(_said(TITLE_CHARS)),
        metaInfo=_perhaps(_OBJECT),
        sessionId={"type": "string", "nullable": True, "pattern": f"^{SESSION_ID_PATTERN}$"},
        ifExists=_perhaps({"type": "string", "enum": ["return", "refuse"]}),
    ),
    "chatInSession": _body(
        "message",
        message=_said(MESSAGE_CHARS),
        extraContext=_perhaps(_OBJECT),
        clientMessageId=_perhaps(_said(MESSAGE_ID_CHARS)),
        wait={"type": "boolean", "nullable": True},
        **{"async": {"type": "boolean", "nullable": True}},
    ),
    "editWorkflowDraft": _body(
        "version",
        version=_VERSION,
        graph=_ref("ConversationGraph"),
        draftKey=_perhaps(_KEY),
        pattern=_perhaps(_said(PATTERN_CHARS_MAX)),
        score=_perhaps(_SCORE),
    ),
    "publishWorkflowDraft": _body(
        version=_perhaps(_VERSION),
        key=_perhaps(_KEY),
        pattern=_perhaps(_said(PATTERN_CHARS_MAX)),
        score=_perhaps(_SCORE),
    ),
    "setWorkflowStatus": _body("status", status=_one_of(DefinitionStatus)),
}
"""Operation -> its body."""

_DELETED: Final = {"deleted": {"type": "boolean", "enum": [True]}}
_PAGED: Final = {"nextCursor": _CURSOR}
DATA: Final[dict[str, Schema]] = {
    "createSession": _ref("ConversationSession"),
    "listSessions": _all(sessions=_list("ConversationSession"), **_PAGED),
    "readSession": _ref("ConversationSession"),
    "deleteSession": _all(sessionId=_TEXT, **_DELETED),
    "chatInSession": _all(
        turnId=_TEXT, planId=_perhaps(_TEXT), turnStatus=_one_of(TurnStage), assistantMessage=_perhaps(_TEXT)
    ),
    "listTurns": _all(turns=_list("ConversationTurn"), turnCount=_WHOLE, **_PAGED),
    "listMessages": _all(messages=_list("ConversationMessage"), **_PAGED),
    "readTurn": _ref("ConversationTurn"),
    "cancelTurn": _ref("ConversationTurn"),
    "listPlans": _all(plans=_list("ConversationPlan"), planCount=_WHOLE, **_PAGED),
    "readOverview": _ref("ConversationOverview"),
    "readPlan": {
        "allOf": [
            _ref("ConversationPlan"),
            _all(
                graph=_ref("ConversationGraph"),
                globalContext=_OBJECT,
                routing=_all(scores=_OBJECT, draftTries=_WHOLE),
            ),
        ]
    },
    "listTasks": _all(tasks=_list("ConversationTask"), taskStats=_STATS),
    "listExecutions": _all(executions=_list("ConversationExecution")),
    "listWorkflowDrafts": _all(drafts=_list("WorkflowDraft"), **_PAGED),
    "readWorkflowDraft": _ref("WorkflowDraft"),
    "editWorkflowDraft": _ref("WorkflowDraft"),
    "deleteWorkflowDraft": _all(draftId=_TEXT, **_DELETED),
    "publishWorkflowDraft": _ref("WorkflowDefinition"),
    "listWorkflowDefinitions": _all(definitions=_list("WorkflowDefinition")),
    "readWorkflowDefinition": _ref("WorkflowDefinition"),
    "setWorkflowStatus": _ref("WorkflowDefinition"),
    "deleteWorkflowDefinition": _all(definitionId=_TEXT, **_DELETED),
}
"""Operation -> what `data` holds."""


def body_name(operation_id: str) -> str:
    """The schema of an operation's body."""
    return f"{operation_id[0].upper()}{operation_id[1:]}Body"


def answer_name(operation_id: str) -> str:
    """The schema of an operation's successful answer."""
    return f"{operation_id[0].upper()}{operation_id[1:]}Answer"


def _answered(data: Schema) -> Schema:
    return _all(code={"type": "string", "enum": ["0000"]}, info=_TEXT, data=data)


CONVERSATION_SCHEMAS: Final[dict[str, Schema]] = {
    **_OBJECTS,
    **{body_name(operation): schema for operation, schema in BODIES.items()},
    **{answer_name(operation): _answered(schema) for operation, schema in DATA.items()},
}
"""Name -> schema, of all."""

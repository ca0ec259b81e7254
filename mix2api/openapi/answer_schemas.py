"""The schemas of answers: what `mix2api.wire.chat_answer`, `mix2api.wire.error_answer` and the edge's small endpoints write.

They are written by hand, because answers are written as bytes. Tests hold them against what a running server answers.
"""

from typing import Any, Final

from mix2api.vocabulary import Channel, FinishReason
from mix2api.wire.chat_answer import finish_word

Schema = dict[str, Any]

_STRING: Final[Schema] = {"type": "string"}
_INTEGER: Final[Schema] = {"type": "integer"}
_NULLABLE_STRING: Final[Schema] = {"type": "string", "nullable": True}
_ALWAYS_NULL: Final[Schema] = {"type": "object", "nullable": True, "enum": [None]}
_FINISHES: Final = sorted(
    {finish_word(reason, legacy=legacy) for reason in FinishReason for legacy in (False, True)}
)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Schema], *optional: str, **more: Any) -> Schema:
    """An object; every property is required but those named."""
    required = [name for name in properties if name not in optional]
    # OpenAPI 3.0 refuses an empty list there.
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        **more,
    }


_FUNCTION: Final = _object({"name": _STRING, "arguments": {**_STRING, "description": "JSON, as text."}})
_USAGE: Final = _object(
    {
        "prompt_tokens": _INTEGER,
        "completion_tokens": _INTEGER,
        "total_tokens": _INTEGER,
        "prompt_tokens_details": _object({"cached_tokens": _INTEGER}),
        "completion_tokens_details": _object({"reasoning_tokens": _INTEGER}),
    },
    description="What the site says, or an estimate where it says nothing.",
)
_MESSAGE: Final = _object(
    {
        "role": {"type": "string", "enum": ["assistant"]},
        "content": _NULLABLE_STRING,
        "refusal": _NULLABLE_STRING,
        "annotations": _list_of({"type": "object"}),
        "reasoning_content": _STRING,
        "tool_calls": _list_of(
            _object(
                {
                    "id": _STRING,
                    "type": {"type": "string", "enum": ["function"]},
                    "function": _ref("AnswerFunction"),
                }
            )
        ),
        "function_call": _ref("AnswerFunction"),
    },
    "reasoning_content",
    "tool_calls",
    "function_call",
)
_DELTA: Final = _object(
    {
        "role": {"type": "string", "enum": ["assistant"]},
        "content": _STRING,
        "reasoning_content": _STRING,
        "tool_calls": _list_of(
            _object(
                {
                    "index": _INTEGER,
                    "id": {**_STRING, "description": "Only in the first piece of a call."},
                    "type": {"type": "string", "enum": ["function"]},
                    "function": _object({"name": _STRING, "arguments": _STRING}, "name"),
                },
                "id",
                "type",
            )
        ),
        "function_call": _object({"name": _STRING, "arguments": _STRING}, "name"),
    },
    "role",
    "content",
    "reasoning_content",
    "tool_calls",
    "function_call",
)
_ERROR_FIELDS: Final[dict[str, Schema]] = {
    "message": _STRING,
    "type": _STRING,
    "code": _NULLABLE_STRING,
    "param": {**_NULLABLE_STRING, "description": "The field or header that is wrong, as a path."},
}
_STREAM_ERROR: Final = _object(
    {
        **_ERROR_FIELDS,
        "end_reason": {**_STRING, "description": "Why the run ended, of the closed list."},
        "request_id": _STRING,
    }
)
_FAILING: Final = _list_of(_object({"part": _STRING, "why": _STRING}))

ANSWER_SCHEMAS: Final[dict[str, Schema]] = {
    "AnswerFunction": _FUNCTION,
    "ChatCompletion": _object(
        {
            "id": _STRING,
            "object": {"type": "string", "enum": ["chat.completion"]},
            "created": {**_INTEGER, "description": "Unix seconds."},
            "model": {**_STRING, "description": "As the request wrote it."},
            "choices": {
                **_list_of(
                    _object(
                        {
                            "index": _INTEGER,
                            "message": _MESSAGE,
                            "logprobs": _ALWAYS_NULL,
                            "finish_reason": {"type": "string", "enum": _FINISHES},
                        }
                    )
                ),
                "minItems": 1,
                "maxItems": 1,
            },
            "usage": _ref("Usage"),
            "session_id": {**_STRING, "description": "As in `x-session-id`."},
        },
        "session_id",
    ),
    "ChatCompletionChunk": _object(
        {
            "id": _STRING,
            "object": {"type": "string", "enum": ["chat.completion.chunk"]},
            "created": {**_INTEGER, "description": "Unix seconds."},
            "model": _STRING,
            "choices": _list_of(
                _object(
                    {
                        "index": _INTEGER,
                        "delta": _DELTA,
                        "logprobs": _ALWAYS_NULL,
                        "finish_reason": {
                            "type": "string",
                            "nullable": True,
                            "enum": [*_FINISHES, "error", None],
                            "description": "`error` ends a stream that failed.",
                        },
                    }
                )
            ),
            "usage": {
                "anyOf": [_ref("Usage"), _ALWAYS_NULL],
                "description": "With `stream_options.include_usage` in every chunk: null but in the last.",
            },
            "error": {
                "allOf": [_ref("StreamError")],
                "description": "In the last chunk of a stream that failed.",
            },
        },
        "usage",
        "error",
    ),
    "Error": _object({"error": _object(_ERROR_FIELDS)}),
    "StreamError": _STREAM_ERROR,
    "StreamErrorEvent": _object({"error": _ref("StreamError")}),
    "Usage": _USAGE,
    "Model": _object(
        {
            "id": _STRING,
            "object": {"type": "string", "enum": ["model"]},
            "created": _INTEGER,
            "owned_by": _STRING,
        }
    ),
    "ModelList": _object({"object": {"type": "string", "enum": ["list"]}, "data": _list_of(_ref("Model"))}),
    "Health": _object(
        {
            "status": {"type": "string", "enum": ["ok", "degraded"]},
            "service": _STRING,
            "version": _STRING,
            "channel": {"type": "string", "enum": sorted(Channel)},
            "process": _STRING,
            "session_store": _object(
                {
                    "mode": {"type": "string", "enum": ["redis", "memory"]},
                    "degraded": {"type": "boolean"},
                    "connected": {"type": "boolean"},
                    "reason": _NULLABLE_STRING,
                }
            ),
            "active_runs": _INTEGER,
            "runtime_runs": _INTEGER,
            "draining": {"type": "boolean"},
            "standby": {"type": "boolean"},
            "failing": _FAILING,
            "warnings": _list_of(_STRING),
        },
        "active_runs",
        "runtime_runs",
        "draining",
        "standby",
        "failing",
        "warnings",
    ),
    "AbortedRun": {
        **_object({"clientSessionId": _STRING, "sessionId": _STRING, "startedAt": _STRING}),
        "nullable": True,
        "description": "The run that was ended; null: nothing ran.",
    },
    "Liveness": _object({"status": {"type": "string", "enum": ["alive"]}}),
    "Readiness": _object(
        {
            "status": {"type": "string", "enum": ["ready", "draining", "standby", "not_ready"]},
            "failing": _FAILING,
        },
        "failing",
    ),
}
"""By the schema's name in the document."""

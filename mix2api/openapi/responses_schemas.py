"""The schemas of the Responses API, as far as they are served.

They are written by hand from `mix2api.wire.responses_request` and `responses_answer`. A request's fields are named with what
becomes of them. Items and events have only what all of them have.
"""

from typing import Any, Final

Schema = dict[str, Any]


def _field(words: str, **schema: Any) -> Schema:
    return {**schema, "nullable": True, "description": words}


_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["model", "input"],
    "properties": {
        "model": {"type": "string", "minLength": 1, "maxLength": 256},
        "input": {
            "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "object"}}],
            "description": "A text, or items: messages, function calls, their outputs, reasoning.",
        },
        "instructions": _field("Leads the messages.", type="string"),
        "previous_response_id": _field(
            "Goes on from that response, while it is its session's last.", type="string", maxLength=512
        ),
        "stream": _field("Events instead of one object.", type="boolean"),
        "max_output_tokens": _field("The output limit.", type="integer", minimum=1, maximum=2147483647),
        "tools": _field(
            "Functions, and tools that the client runs. Tools that a server runs are refused.",
            type="array",
            items={"type": "object"},
        ),
        "tool_choice": {"anyOf": [{"type": "string", "nullable": True}, {"type": "object"}]},
        "parallel_tool_calls": _field("Several calls at once.", type="boolean"),
        "temperature": _field("Passed on.", type="number", minimum=0, maximum=2),
        "top_p": _field("Passed on.", type="number", minimum=0, maximum=1),
        "reasoning": _field("`effort` is passed on.", type="object"),
        "text": _field("`format` and `verbosity` are passed on.", type="object"),
        "metadata": _field("Repeated in the answer; `session_id` names the session.", type="object"),
        "store": {"description": "Without effect: nothing is stored."},
    },
}
_RESPONSE: Final[Schema] = {
    "type": "object",
    "required": ["id", "object", "created_at", "status", "model", "output", "error", "store", "usage"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string", "enum": ["response"]},
        "created_at": {"type": "integer"},
        "status": {"type": "string", "enum": ["completed", "failed", "in_progress", "incomplete"]},
        "model": {"type": "string"},
        "output": {"type": "array", "items": {"type": "object", "required": ["id", "type"]}},
        "error": {"type": "object", "nullable": True},
        "store": {"type": "boolean", "enum": [False]},
        "usage": {"type": "object", "nullable": True},
    },
}
_EVENT: Final[Schema] = {
    "type": "object",
    "required": ["type", "sequence_number"],
    "properties": {"type": {"type": "string"}, "sequence_number": {"type": "integer", "minimum": 0}},
}

_COMPACTION: Final[Schema] = {
    "type": "object",
    "required": ["id", "object", "created_at", "output", "usage"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string", "enum": ["response.compaction"]},
        "created_at": {"type": "integer"},
        "output": {
            "type": "array",
            "items": {"type": "object", "required": ["id", "type", "encrypted_content"]},
        },
        "usage": {"type": "object"},
    },
}

_INPUT_TOKENS: Final[Schema] = {
    "type": "object",
    "required": ["object", "input_tokens"],
    "properties": {"object": {"type": "string"}, "input_tokens": {"type": "integer", "minimum": 0}},
}

RESPONSES_SCHEMAS: Final[dict[str, Schema]] = {
    "Compaction": _COMPACTION,
    "InputTokens": _INPUT_TOKENS,
    "Response": _RESPONSE,
    "ResponseEvent": _EVENT,
    "ResponsesRequest": _REQUEST,
}
"""Name -> schema."""

"""The schemas of a chat request: the decoder's own types (`mix2api.wire.chat_request`) in OpenAPI 3.0's form.

msgspec writes JSON Schema 2020-12. OpenAPI 3.0.3 has no type `null` there: a value that may be null is `nullable`, and that
counts only beside a `type`. So `nullable` stands on a member of `anyOf`, and on a referred schema itself.
"""

from copy import deepcopy
from typing import Any, Final

from mix2api.wire.chat_body import body_schemas
from mix2api.wire.request_fields import EXTENSION_FIELDS, REQUEST_FIELDS, RequestField, allowed_at
from mix2api.wire.stop_sequences import SEQUENCE_CHARS
from mix2api.wire.tool_fields import CHOICE_WORDS

Schema = dict[str, Any]
REF: Final = "#/components/schemas/{name}"
CHAT_REQUEST: Final = "ChatCompletionRequest"
_NAMES: Final = {
    "ChatBody": CHAT_REQUEST,
    "_StreamOptions": "StreamOptions",
    "Metadata": "RequestMetadata",
    "SystemBlock": "SystemBlock",
    "Message": "ChatMessage",
    "MessageToolCall": "ChatMessageToolCall",
    "FunctionCall": "FunctionCall",
}
"""Struct -> the schema's name in the document. A struct without a row fails: its name would become public by accident."""
_PATHS: Final = {
    "ChatMessage": "messages[]",
    "ChatMessageToolCall": "messages[].tool_calls[]",
    "StreamOptions": "stream_options",
}
"""Schema -> where it stands in a request, for the words about its fields."""
_NULLS_MEANT: Final = {"ChatMessageToolCall": ("type",), "FunctionCall": ("arguments",)}
"""Fields whose null is read as it is meant (`mix2api.wire.as_meant`), after the decoder's types refused it."""
_CHECKED_LATER: Final[dict[str, Schema]] = {
    "tool_choice": {
        "anyOf": [
            {"type": "string", "nullable": True, "enum": [*sorted(CHOICE_WORDS), None]},
            {"type": "object"},
        ]
    },
    "stop": {
        "anyOf": [
            {"type": "string", "nullable": True, "maxLength": SEQUENCE_CHARS},
            {
                "type": "array",
                "items": {"type": "string", "maxLength": SEQUENCE_CHARS},
            },
        ]
    },
    "response_format": {
        "type": "object",
        "nullable": True,
        "required": ["type"],
        "properties": {"type": {"type": "string"}},
    },
    "modalities": {
        "type": "array",
        "nullable": True,
        "minItems": 1,
        "items": {"type": "string", "enum": ["text"]},
    },
    "audio": {"type": "object", "nullable": True, "enum": [None]},
}
"""Fields whose types say less than the checks behind the decoder do. Only what is refused in every request stands here."""


def request_schemas() -> dict[str, Schema]:
    """The components of a chat request, by name."""
    found = body_schemas(REF)
    schemas = {_NAMES[name]: _converted(schema) for name, schema in found.items()}
    for name in _nullable_references(found):
        schemas[name]["nullable"] = True
    for name, fields in _NULLS_MEANT.items():
        for field in fields:
            schemas[name]["properties"][field]["nullable"] = True
    for name, path in _PATHS.items():
        for field, schema in schemas[name]["properties"].items():
            _describe(schema, _must_be(f"{path}.{field}"))
    _add_rows(schemas[CHAT_REQUEST])
    return dict(sorted(schemas.items()))


def _converted(schema: Schema) -> Schema:
    """One struct's schema. Its docstring is for readers of the code, and stays there."""
    properties = {name: _value(each) for name, each in schema["properties"].items()}
    converted: Schema = {"type": "object", "properties": properties}
    if schema.get("required"):
        converted["required"] = schema["required"]
    return converted


def _value(schema: Schema) -> Schema:
    """One value's schema, without `null` as a type and without defaults: an absent field has none."""
    if "$ref" in schema:
        return {"$ref": REF.format(name=_name_of(schema["$ref"]))}
    if "anyOf" not in schema:
        return _plain(schema)
    members = [_value(each) for each in schema["anyOf"] if each != {"type": "null"}]
    if len(members) < len(schema["anyOf"]) and "$ref" not in members[0]:
        members[0]["nullable"] = True
    return members[0] if len(members) == 1 else {"anyOf": members}


def _plain(schema: Schema) -> Schema:
    kept = {name: value for name, value in schema.items() if name != "default"}
    for holder in ("items", "additionalProperties"):
        if isinstance(kept.get(holder), dict):
            kept[holder] = _value(kept[holder])
    if "enum" in kept:
        kept = {"type": "string", "enum": sorted(kept["enum"])}
    return kept


def _nullable_references(schemas: dict[str, Schema]) -> set[str]:
    """The components that stand somewhere as "this or null"."""
    unions = [
        each["anyOf"]
        for schema in schemas.values()
        for each in schema["properties"].values()
        if "anyOf" in each
    ]
    return {
        _name_of(member["$ref"])
        for union in unions
        if {"type": "null"} in union
        for member in union
        if "$ref" in member
    }


def _name_of(reference: str) -> str:
    return _NAMES[reference.rpartition("/")[2]]


def _add_rows(body: Schema) -> None:
    """What the table of request fields says of each; fields that are never read get a schema that allows everything."""
    properties = body["properties"]
    for row in (*REQUEST_FIELDS, *EXTENSION_FIELDS):
        if row.name in _CHECKED_LATER:
            properties[row.name] = deepcopy(_CHECKED_LATER[row.name])
        _describe(properties.setdefault(row.name, {}), _words(row))


def _words(row: RequestField) -> str:
    note = f" {row.note[0].upper()}{row.note[1:]}." if row.note else ""
    return f"Must be {row.allowed}. Treatment: {row.treatment}.{note}"


def _must_be(path: str) -> str:
    return f"Must be {allowed_at(path)}."


def _describe(schema: Schema, words: str) -> None:
    # Beside a `$ref` OpenAPI 3.0 reads nothing.
    if "$ref" in schema:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    schema["description"] = words

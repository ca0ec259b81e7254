"""The OpenAPI document, put together from the tables and the recorded examples. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from mix2api import __version__
from mix2api.openapi.answer_schemas import ANSWER_SCHEMAS
from mix2api.openapi.conversation_paths import conversation_paths
from mix2api.openapi.conversation_schemas import CONVERSATION_SCHEMAS
from mix2api.openapi.error_statuses import chat_failures
from mix2api.openapi.operations import (
    ALLOW,
    CHALLENGE,
    EVENTS,
    EVERY_ANSWER,
    JSON,
    MEANINGS,
    OPERATIONS,
    RETRY_AFTER,
    Answer,
    Operation,
    Parameter,
)
from mix2api.openapi.recorded import Recorded
from mix2api.openapi.request_schemas import REF, request_schemas
from mix2api.openapi.responses_schemas import RESPONSES_SCHEMAS

Json = dict[str, Any]

VERSION: Final = "3.0.3"
_KEY_SCHEMES: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "azureKey": {"type": "apiKey", "in": "header", "name": "api-key"},
}
_RETRY_STATUSES: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_UNAUTHORIZED: Final = HTTPStatus.UNAUTHORIZED.value
_WRONG_METHOD: Final = HTTPStatus.METHOD_NOT_ALLOWED.value


def openapi_document(recorded: Mapping[str, Recorded]) -> Json:
    """The document.

    Args:
        recorded: examples by name (`mix2api.openapi.recorded`).
    """
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, recorded)
    paths |= conversation_paths([{name: []} for name in _KEY_SCHEMES])
    return {
        "openapi": VERSION,
        "info": {
            "title": "mix2api",
            "version": __version__,
            "description": "OpenAI's Chat Completions and Responses in front of model sites, and conversations.",
            "license": {"name": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**request_schemas(), **ANSWER_SCHEMAS, **RESPONSES_SCHEMAS, **CONVERSATION_SCHEMAS},
            "securitySchemes": _KEY_SCHEMES,
        },
    }


def openapi_json(recorded: Mapping[str, Recorded]) -> bytes:
    """The document as it is served and kept: indented, with a line end behind it."""
    return msgspec.json.format(msgspec.json.encode(openapi_document(recorded)), indent=1) + b"\n"


def _operation(operation: Operation, recorded: Mapping[str, Recorded]) -> Json:
    own = {name: each for name, each in recorded.items() if each.operation == operation.operation_id}
    described: Json = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "security": [{name: []} for name in _KEY_SCHEMES] if operation.needs_key else [],
        "responses": _responses(operation, own),
    }
    if operation.text:
        described["description"] = operation.text
    if operation.aliases:
        described["x-mix2api-aliases"] = list(operation.aliases)
    if operation.parameters:
        described["parameters"] = [_parameter(each) for each in operation.parameters]
    if operation.request is not None:
        described["requestBody"] = {
            "required": True,
            "content": {
                JSON: {"schema": _ref(operation.request), "examples": _requests(own)},
            },
        }
    return described


def _parameter(parameter: Parameter) -> Json:
    schema: Json = {"type": "string"}
    if parameter.max_length is not None:
        schema["maxLength"] = parameter.max_length
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.meaning,
        "schema": schema,
    }


def _requests(own: Mapping[str, Recorded]) -> Json:
    return {name: {"value": each.request} for name, each in own.items() if each.request is not None}


def _responses(operation: Operation, own: Mapping[str, Recorded]) -> Json:
    answers = {status: _answer(status, answer, own) for status, answer in operation.answers.items()}
    failures = chat_failures() if operation.request is not None else {}
    for status, ways in failures.items():
        codes = ", ".join(f"`{failure.code}`" for failure in ways)
        answers[status] = _failure(status, f"{MEANINGS[status]} Codes: {codes}.", own)
    for status in operation.failures:
        answers[status] = _failure(status, MEANINGS[status], own)
    if operation.needs_key and _UNAUTHORIZED not in answers:
        answers[_UNAUTHORIZED] = _failure(_UNAUTHORIZED, MEANINGS[_UNAUTHORIZED], own)
    answers[_WRONG_METHOD] = _failure(_WRONG_METHOD, "The route exists, with other methods.", own)
    return {str(status): answers[status] for status in sorted(answers)}


def _failure(status: int, meaning: str, own: Mapping[str, Recorded]) -> Json:
    headers = {
        **(RETRY_AFTER if status in _RETRY_STATUSES else {}),
        **(CHALLENGE if status == _UNAUTHORIZED else {}),
        **(ALLOW if status == _WRONG_METHOD else {}),
    }
    return _answer(status, Answer(meaning=meaning, media={JSON: "Error"}, headers=headers), own)


def _answer(status: int, answer: Answer, own: Mapping[str, Recorded]) -> Json:
    headers = {**EVERY_ANSWER, **answer.headers}
    return {
        "description": answer.meaning,
        "headers": {
            name: {"description": words, "schema": {"type": "string"}} for name, words in headers.items()
        },
        "content": {media: _content(media, schema, status, own) for media, schema in answer.media.items()},
    }


def _content(media: str, schema: str, status: int, own: Mapping[str, Recorded]) -> Json:
    content: Json = {"schema": _schema_of(media, schema)}
    if media == EVENTS:
        # OpenAPI 3.0 has no word for the events of a stream.
        content["x-mix2api-event-schemas"] = [_ref(schema), _ref("StreamErrorEvent")]
    examples = {
        name: {"value": each.answer}
        for name, each in own.items()
        if each.status == status and each.media == media
    }
    return {**content, "examples": examples} if examples else content


def _schema_of(media: str, schema: str) -> Json:
    if media == JSON:
        return _ref(schema) if schema else {"type": "object"}
    return {"type": "string"}


def _ref(name: str) -> Json:
    return {"$ref": REF.format(name=name)}

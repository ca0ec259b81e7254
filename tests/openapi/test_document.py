"""The document is valid, kept, complete, and true of its own examples."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from edge.harness import running_edge
from openapi.kept import kept_document
from openapi.recording import ASKED
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from wire_client import payloads_of

import mix2api
from mix2api.edge.cors import EXPOSED
from mix2api.openapi.document import openapi_document, openapi_json
from mix2api.openapi.error_statuses import BEFORE_A_RUN_CODES, chat_failures
from mix2api.openapi.operations import EVENTS, EVERY_ANSWER, MEANINGS, OPERATIONS, RETRY_AFTER, RUN_HEADERS
from mix2api.openapi.recorded import recorded_examples
from mix2api.wire.request_fields import EXTENSION_FIELDS, REQUEST_FIELDS

EXAMPLES = recorded_examples()
DOCUMENT = openapi_document(EXAMPLES)
_OTHER_ROUTES = {
    *("not_found", "method_not_allowed", "response_not_stored", "session_not_found", "unknown_parameter"),
    *("session_busy", "session_exists", "conversation_unreadable", "body_too_large"),
    "invalid_graph",
}
"""Codes that no chat request gets."""


def _valid(value: Any, schema: str) -> None:
    referring = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    OAS30Validator(referring).validate(value)


def test_the_document_is_openapi_3_0_3() -> None:
    assert DOCUMENT["openapi"] == "3.0.3"
    validate(msgspec.json.decode(openapi_json(EXAMPLES)))


def test_the_kept_document_is_the_code_s() -> None:
    told = msgspec.json.decode(openapi_json(EXAMPLES))
    assert kept_document() == told, "`make docs` writes it anew"


async def test_every_route_of_the_edge_stands_in_the_document_and_no_other() -> None:
    async with running_edge() as edge:
        rules = [
            (rule.rule, method)
            for rule in edge.app._other.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD"}
        ]
    told = {
        (path, operation.method.upper())
        for operation in OPERATIONS
        for path in (operation.path, *operation.aliases)
    }
    assert {
        (
            path.replace("<path:model_id>", "{model}")
            .replace("<response_id>", "{response_id}")
            .replace("<session_id>", "{session_id}"),
            method,
        )
        for path, method in rules
    } == told


def test_the_fields_of_a_request_are_those_of_the_table() -> None:
    told = DOCUMENT["components"]["schemas"]["ChatCompletionRequest"]["properties"]
    assert set(told) == {row.name for row in (*REQUEST_FIELDS, *EXTENSION_FIELDS)}


def test_every_header_that_a_page_may_read_is_told() -> None:
    told = {**EVERY_ANSWER, **RUN_HEADERS, **RETRY_AFTER}
    assert {name.strip() for name in EXPOSED.split(",")} == set(told)


def test_every_code_that_a_refusal_gives_has_a_status() -> None:
    told = frozenset().union(*BEFORE_A_RUN_CODES.values())
    assert _codes_in_the_source() - _OTHER_ROUTES == told


def test_every_status_of_a_failure_has_a_meaning_and_an_envelope() -> None:
    responses = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["responses"]
    failures = {int(status) for status in responses} - {200, 405}
    assert failures == set(MEANINGS)
    for status in failures:
        assert responses[str(status)]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")


@pytest.mark.parametrize("name", ASKED)
def test_an_example_is_what_the_document_says(name: str) -> None:
    example = EXAMPLES[name]
    operation = next(each for each in OPERATIONS if each.operation_id == example.operation)
    response = DOCUMENT["paths"][operation.path][operation.method]["responses"][str(example.status)]
    content = response["content"][example.media]
    assert content["examples"][name]["value"] == example.answer
    if example.request is not None:
        _valid(example.request, "ChatCompletionRequest")
    if example.media == EVENTS:
        *payloads, last = payloads_of(example.answer.encode())
        assert last == "[DONE]"
        for payload in map(msgspec.json.decode, payloads):
            _valid(payload, "ChatCompletionChunk" if "choices" in payload else "StreamErrorEvent")
    else:
        _valid(example.answer, content["schema"]["$ref"].rpartition("/")[2])


def test_a_request_that_the_document_forbids_is_found() -> None:
    for wrong in (
        {"model": "m"},
        {"model": "", "messages": [{"role": "user"}]},
        {"model": "m", "messages": []},
    ):
        with pytest.raises(
            Exception, match=r"is a required property|non-empty|too short|should be non-empty"
        ):
            _valid(wrong, "ChatCompletionRequest")


def _codes_in_the_source() -> set[str]:
    """The constants that are given as `code=` to a refusal, or stand as a class's own `code`."""
    return {
        code
        for folder in ("edge", "wire", "tools", "upstreams")
        for path in (Path(mix2api.__file__).parent / folder).rglob("*.py")
        if "code" in (source := path.read_text(encoding="utf-8"))
        for code in _codes_of(ast.parse(source))
    }


def _codes_of(module: ast.Module) -> Iterator[str]:
    constants = {
        node.target.id: node.value.value
        for node in ast.walk(module)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.keyword) and node.arg == "code":
            if isinstance(node.value, ast.Constant):
                yield str(node.value.value)
            elif isinstance(node.value, ast.Name) and node.value.id in constants:
                yield str(constants[node.value.id])
        elif (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "code"
            and isinstance(node.value, ast.Constant)
        ):
            yield str(node.value.value)


def test_a_history_that_is_missing_is_the_request_s_fault_and_not_the_site_s() -> None:
    codes = {status: {failure.code for failure in failures} for status, failures in chat_failures().items()}
    assert [status for status, told in codes.items() if "history_required" in told] == [400]

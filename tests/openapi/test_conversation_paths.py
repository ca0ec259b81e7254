"""The part of the document that tells of conversations, against the routes that the edge has."""

import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

from mix2api.edge.conversations.envelope import CODES
from mix2api.openapi.conversation_paths import ROWS, conversation_paths
from mix2api.openapi.conversation_schemas import BODIES, DATA
from mix2api.openapi.document import openapi_document
from mix2api.openapi.recorded import recorded_examples


def test_every_body_and_every_data_belongs_to_an_operation_and_only_a_stream_has_none() -> None:
    operations = [row.operation_id for row in ROWS]
    assert len(set(operations)) == len(operations)
    assert set(operations) - set(DATA) == {"followPlan"}
    assert set(DATA) | set(BODIES) <= set(operations)


def test_every_method_with_a_body_tells_it() -> None:
    with_body = {row.operation_id for row in ROWS if row.method in {"post", "put"}}
    assert with_body - set(BODIES) == {"cancelTurn"}


def test_a_publication_need_not_name_the_version_of_the_draft() -> None:
    body = OAS30Validator(BODIES["publishWorkflowDraft"])
    assert all(body.is_valid(said) for said in ({}, {"version": None}, {"version": 1}))
    assert not body.is_valid({"version": 0})


def test_every_code_of_a_failure_is_told() -> None:
    told = str(conversation_paths([]))
    assert all(f"`{code}`" in told for code in CODES if code != "0000")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)
def test_a_route_tells_409_where_it_conflicts_only(row: object) -> None:
    operation = conversation_paths([])[row.path][row.method]  # type: ignore[attr-defined]
    assert ("409" in operation["responses"]) == row.conflicts  # type: ignore[attr-defined]


def test_the_whole_document_is_still_openapi() -> None:
    validate(openapi_document(recorded_examples()))

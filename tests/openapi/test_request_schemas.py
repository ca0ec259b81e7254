"""The schemas of a chat request say what the decoder takes."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator

from mix2api.errors import InvalidRequest
from mix2api.openapi.request_schemas import CHAT_REQUEST, request_schemas
from mix2api.wire.chat_request import decode_chat_request
from mix2api.wire.request_fields import REQUEST_FIELDS

SCHEMAS = request_schemas()
VALIDATOR = OAS30Validator(
    {"$ref": f"#/components/schemas/{CHAT_REQUEST}", "components": {"schemas": SCHEMAS}}
)
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(-300, 300),
    st.text(max_size=3),
    st.sampled_from(("auto", "none", "text", "x" * 300, "x" * 1100, "x" * 2100)),
    st.lists(st.sampled_from(("text", "audio", "x" * 1100, 1)), max_size=2),
    st.sampled_from(
        ({}, {"type": "text"}, {"type": 1}, {"session_id": 5}, {"include_usage": "yes"}, {"5": 200})
    ),
)


@given(st.sampled_from([row.name for row in REQUEST_FIELDS if row.name != "messages"]), _VALUES)
def test_what_the_schema_forbids_is_refused(name: str, value: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], name: value}
    if VALIDATOR.is_valid(body):
        return
    with pytest.raises(InvalidRequest):
        decode_chat_request(msgspec.json.encode(body))


@pytest.mark.parametrize("row", REQUEST_FIELDS, ids=lambda row: row.name)
def test_a_field_may_be_null_unless_it_is_required(row: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], row.name: None}
    assert VALIDATOR.is_valid(body) == (row.name not in SCHEMAS[CHAT_REQUEST]["required"])


def test_nulls_that_are_read_as_they_are_meant_are_allowed() -> None:
    call = {"id": "call_1", "type": None, "function": {"name": "f", "arguments": None}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    assert VALIDATOR.is_valid(body)
    assert decode_chat_request(msgspec.json.encode(body)).messages[0].tool_calls is not None


def test_a_struct_without_a_public_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(request_schemas.__globals__["_NAMES"], "Metadata")
    with pytest.raises(KeyError):
        request_schemas()

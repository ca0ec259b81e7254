import pytest
from openai.types.chat import completion_create_params

from mix2api.wire.chat_body import ChatBody
from mix2api.wire.chat_request import SAMPLING_FIELDS
from mix2api.wire.request_fields import (
    EXTENSION_FIELDS,
    REQUEST_FIELDS,
    Treatment,
    allowed_at,
    request_fields_table,
)

ROWS = (*REQUEST_FIELDS, *EXTENSION_FIELDS)


def test_every_field_that_openais_sdk_knows_has_a_row() -> None:
    known = set(completion_create_params.CompletionCreateParamsBase.__annotations__) | {"stream"}
    assert known - {row.name for row in REQUEST_FIELDS} == set()


def test_no_field_has_two_rows() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_every_field_that_is_decoded_has_a_row_and_every_row_with_a_rule_is_decoded() -> None:
    decoded = set(ChatBody.__struct_encode_fields__)
    assert decoded - {row.name for row in ROWS} == set()
    assert {row.name for row in ROWS if row.allowed != "anything"} - decoded == set()


def test_what_is_passed_on_is_what_the_table_says() -> None:
    assert set(SAMPLING_FIELDS) == {row.name for row in ROWS if row.treatment is Treatment.PASSED_ON}


@pytest.mark.parametrize(
    ("param", "allowed"),
    [
        ("temperature", "a number from 0 to 2"),
        ("messages[12].content[3].type", "a string"),
        ("logit_bias[...]", "a number from -100 to 100"),
        ("something.else", "of the type that OpenAI's reference gives"),
    ],
)
def test_what_is_allowed_is_found_by_path(param: str, allowed: str) -> None:
    assert allowed_at(param) == allowed


def test_the_table_has_a_line_for_every_field() -> None:
    lines = request_fields_table().splitlines()
    assert len(lines) == len(ROWS) + 2
    assert lines[2].startswith("| `model` | honoured | ")

"""Fields of a caller's object: each fault names the field and what is allowed."""

from collections.abc import Callable
from typing import Any

import pytest

from mix2api.errors import InvalidRequest
from mix2api.wire.object_fields import ObjectFields

FIELDS = ObjectFields(
    {"text": "t", "object": {}, "flag": True, "word": "a", "number": 0.5, "whole": 2, "null": None}
)


def test_fields_are_given_as_they_are() -> None:
    assert FIELDS.needed_text("text", 9) == FIELDS.text("text", 9) == "t"
    assert (FIELDS.object("object", 2), FIELDS.flag("flag"), FIELDS.choice("word", ("a",))) == ({}, True, "a")
    assert (FIELDS.number("number", 0, 1), FIELDS.whole("whole", 1, 2), FIELDS.number("whole", 1, 2)) == (
        0.5,
        2,
        2,
    )


@pytest.mark.parametrize("name", ["null", "missing"])
def test_null_and_missing_are_the_same(name: str) -> None:
    assert FIELDS.text(name, 9) is None
    assert (FIELDS.object(name, 9), FIELDS.choice(name, ("a",)), FIELDS.flag(name)) == (None, None, False)
    assert (FIELDS.number(name, 0, 1), FIELDS.whole(name, 0, 1)) == (None, None)


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields.text("x", 3),
        lambda fields: fields.object("x", 3),
        lambda fields: fields.flag("x"),
        lambda fields: fields.choice("x", ("a", "b")),
        lambda fields: fields.number("x", 0, 1),
        lambda fields: fields.whole("x", 0, 1),
    ],
)
@pytest.mark.parametrize("value", [5, "long text", "  ", ["a"], {"a": 1}])
def test_another_type_or_length_is_refused(read: Callable[[ObjectFields], Any], value: object) -> None:
    with pytest.raises(InvalidRequest, match="Invalid value for 'x': it must be ") as caught:
        read(ObjectFields({"x": value}))
    assert caught.value.param == "x"


@pytest.mark.parametrize("value", [True, False, 0.5, 2**80, float("nan")])
def test_a_whole_number_is_neither_a_flag_nor_a_fraction_nor_out_of_bounds(value: object) -> None:
    with pytest.raises(InvalidRequest, match="it must be a whole number from 0 to 9"):
        ObjectFields({"x": value}).whole("x", 0, 9)


@pytest.mark.parametrize("value", [True, 9.5, float("nan"), float("inf")])
def test_a_number_is_no_flag_and_within_its_bounds(value: object) -> None:
    with pytest.raises(InvalidRequest, match="it must be a number from 0 to 9"):
        ObjectFields({"x": value}).number("x", 0, 9)


def test_a_field_that_has_to_be_there_is_asked_for() -> None:
    with pytest.raises(InvalidRequest, match="Missing required parameter 'userId'"):
        FIELDS.needed_text("userId", 9)


def test_a_field_that_does_not_exist_is_refused_and_not_repeated() -> None:
    ObjectFields({"a": 1}).check_names(("a", "b"))
    with pytest.raises(InvalidRequest, match="those that do: a, b") as caught:
        ObjectFields({"a": 1, "planted": 2}).check_names(("a", "b"))
    assert "planted" not in str(caught.value)

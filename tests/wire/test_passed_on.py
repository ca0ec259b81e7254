"""Fields that pass: their size, and pieces put together again."""

from typing import Any

import pytest

from mix2api.wire.passed_on import GatheredFields, PassedOn, joined, raw_fields


def test_its_size_is_that_of_names_and_values() -> None:
    assert PassedOn(delta={"a": '"é"'}, choice={"bc": "1"}, chunk={"d": "{}"}).size == 5 + 3 + 3


def test_events_that_came_together_can_be_told_apart() -> None:
    both = PassedOn(event={"x": '{"a":1}\n{"a":2}'}, count=2)
    assert both.each() == [PassedOn(event={"x": '{"a":1}'}), PassedOn(event={"x": '{"a":2}'})]
    written_in_lines = PassedOn(event={"x": '{\n"a":1}'})
    assert written_in_lines.each() == [written_in_lines]


def test_raw_fields_are_written_unread() -> None:
    assert bytes(raw_fields({"a": "1.50"})["a"]) == b"1.50"


@pytest.mark.parametrize(
    ("known", "piece", "whole"),
    [
        ("a", "b", "ab"),
        ([1], [2], [1, 2]),
        (1, 2, 2),
        (1, None, 1),
        ({"content": [1], "x": 1}, {"content": [2], "y": 2}, {"content": [1, 2], "x": 1, "y": 2}),
        (
            [{"index": 0, "id": "i", "t": "a"}],
            [{"index": 0, "id": "i", "t": "b"}],
            [{"index": 0, "id": "i", "t": "ab"}],
        ),
        (
            [{"index": 0, "t": "a"}],
            [{"index": 1, "t": "b"}],
            [{"index": 0, "t": "a"}, {"index": 1, "t": "b"}],
        ),
    ],
)
def test_pieces_of_a_field_are_joined_by_what_they_are(known: Any, piece: Any, whole: Any) -> None:
    assert joined(known, piece) == whole


def test_fields_are_gathered_piece_by_piece() -> None:
    gathered = GatheredFields()
    for texts in (
        {"a": '"x"', "b": "[1]", "c": "1"},
        {"a": '"y"', "b": "[2]", "c": "2", "d": '{"e":"f"}'},
        {"d": '{"e":"g"}'},
    ):
        gathered.add(texts)
    assert gathered.whole() == {"a": "xy", "b": [1, 2], "c": 2, "d": {"e": "fg"}}

"""JSON that is written into a buffer of its own."""

import msgspec
import pytest

from mix2api.wire.roomy import json_of, room_for


@pytest.mark.parametrize("room", [0, 3, 10_000])
@pytest.mark.parametrize("value", ["", 'a\n"漢字\u0001', ["x" * 1000, None], {"a": {"b": 1}}])
def test_it_is_the_encoders_json_whatever_the_room(value: object, room: int) -> None:
    assert json_of(value, room) == msgspec.json.encode(value)


@pytest.mark.parametrize("text", ["x" * 1000, "if a:\n    b\n" * 100, "漢字" * 100, "é🙂" * 100])
def test_ordinary_texts_fit_into_their_room(text: str) -> None:
    assert len(msgspec.json.encode(text)) - 2 <= room_for(text)

"""JSON that is written into a buffer of its own."""

import msgspec
import pytest

from mix2api.wire.roomy import json_of


@pytest.mark.parametrize("characters", [0, 3, 10_000])
@pytest.mark.parametrize("value", ["", 'a\n"漢字\u0001', ["x" * 1000, None], {"a": {"b": 1}}])
def test_it_is_the_encoders_json_whatever_the_room(value: object, characters: int) -> None:
    assert json_of(value, characters) == msgspec.json.encode(value)

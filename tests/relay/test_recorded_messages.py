"""Messages of an older version are understood, and its readers understand those of this one.

`tests/golden/relay/v1` was recorded with the first version that had all of these messages. It stays as it is: what a version
once sent may still come from a process that was not yet replaced.
"""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from relay.message_shapes import shapes

from mix2api.relay.messages import Mail, decode_mail, decode_turn, encode_mail, encode_turn

_RECORDED = Path(__file__).parents[1] / "golden" / "relay" / "v1"


def lines(name: str) -> list[bytes]:
    return (_RECORDED / name).read_bytes().splitlines()


def recorded_mail() -> list[bytes]:
    return [bytes.fromhex(msgspec.json.decode(line)["msgpack"]) for line in lines("mail.jsonl")]


@pytest.mark.parametrize("recorded", recorded_mail(), ids=lambda data: msgspec.msgpack.decode(data)["type"])
def test_recorded_mail_is_read_with_all_that_stands_in_it(recorded: bytes) -> None:
    again = msgspec.msgpack.decode(encode_mail(decode_mail(recorded)))
    assert _held_in(again, msgspec.msgpack.decode(recorded)) == ""


def test_no_kind_of_mail_that_was_once_sent_is_gone() -> None:
    recorded = {msgspec.msgpack.decode(data)["type"] for data in recorded_mail()}
    assert recorded <= {kind.__struct_config__.tag for kind in get_args(Mail)}


@pytest.mark.parametrize("recorded", lines("turns.jsonl"), ids=["short", "long"])
def test_a_recorded_turn_is_read_with_all_that_stands_in_it(recorded: bytes) -> None:
    again = msgspec.json.decode(encode_turn(decode_turn(recorded)))
    assert _held_in(again, msgspec.json.decode(recorded)) == ""


def _held_in(now: Any, recorded: Any, at: str = "") -> str:
    """Where something of the recording is missing or another; empty if all of it is there."""
    if isinstance(recorded, dict):
        inside = ((f"{at}.{name}", now.get(name), value) for name, value in recorded.items())
        return next(filter(None, (_held_in(new, old, place) for place, new, old in inside)), "")
    if isinstance(recorded, list) and len(now) == len(recorded):
        pairs = enumerate(zip(now, recorded, strict=True))
        return next(filter(None, (_held_in(new, old, f"{at}[{n}]") for n, (new, old) in pairs)), "")
    return "" if now == recorded else at


@pytest.mark.parametrize("name", msgspec.json.decode((_RECORDED / "shapes.json").read_bytes()))
def test_an_older_reader_finds_each_field_that_it_needs_in_the_form_that_it_knows(name: str) -> None:
    recorded = msgspec.json.decode((_RECORDED / "shapes.json").read_bytes())[name]
    now = shapes()[name]
    for field, shape in recorded.items():
        assert field in now or not shape["required"], f"{name}.{field} is not sent any more"
        if field in now:
            assert now[field]["kind"] == shape["kind"], f"{name}.{field} has another form"
            assert now[field]["required"] or not shape["required"], f"{name}.{field} may be left out now"


@pytest.mark.parametrize("name", msgspec.json.decode((_RECORDED / "shapes.json").read_bytes()))
def test_what_this_version_needs_an_older_one_sends(name: str) -> None:
    recorded = msgspec.json.decode((_RECORDED / "shapes.json").read_bytes())[name]
    for field, shape in shapes()[name].items():
        known = recorded.get(field, {"required": False})
        assert known["required"] or not shape["required"], (
            f"{name}.{field} is needed, and older ones may not send it"
        )


def test_fields_that_nobody_knows_yet_are_passed_over() -> None:
    recorded = msgspec.json.decode(lines("turns.jsonl")[0])
    assert decode_turn(msgspec.json.encode({**recorded, "of_tomorrow": [1]})) == decode_turn(
        lines("turns.jsonl")[0]
    )
    data = recorded_mail()[0]
    unknown = msgspec.msgpack.encode({**msgspec.msgpack.decode(data), "of_tomorrow": 1})
    assert decode_mail(unknown) == decode_mail(data)

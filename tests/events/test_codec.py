"""Events to entries and back: exact, additive, and damage is never anything but unreadable."""

from typing import Any

import msgspec
import pytest
from event_strategies import events
from hypothesis import given
from hypothesis import strategies as st

from mix2api.events.codec import Encoded, UnreadableEvent, decode, encode
from mix2api.events.kinds import KIND_OF, KINDS, End, Event, SessionNote, UpstreamChunk
from mix2api.vocabulary import SessionWord

NOTE = SessionNote(word=SessionWord.OPENED, why="no_history")


def why(kind: bytes, version: bytes, data: bytes) -> str:
    with pytest.raises(UnreadableEvent) as unreadable:
        decode(kind, version, data)
    return unreadable.value.why


@given(events)
def test_what_is_encoded_comes_back_as_it_was(event: Event) -> None:
    entry = encode(event)
    assert decode(entry.kind, entry.version, entry.data) == event


@given(events)
def test_fields_at_their_default_are_not_written(event: Event) -> None:
    written = msgspec.json.decode(encode(event).data)
    assert None not in written.values()
    assert () not in written.values()


def test_an_entry_names_kind_and_version() -> None:
    assert encode(NOTE) == Encoded(
        kind=b"session", version=b"1", data=b'{"word":"opened","why":"no_history"}'
    )


def test_unknown_fields_are_ignored() -> None:
    data = b'{"word":"opened","why":"no_history","later":{"deep":[1,2]}}'
    assert decode(b"session", b"1", data) == NOTE


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (b"end", {"end_reason": "upstream_error", "http_status": 502, "total_ms": 1}),
        (b"upstream_chunk", {"kind": "error", "at_ms": 1, "cause": "upstream_error"}),
    ],
)
def test_a_detail_that_this_version_does_not_know_is_read_as_it_stands(
    kind: bytes, fields: dict[str, Any]
) -> None:
    told = {"run_id": "run_1", "seq": 2, "detail": "word_of_tomorrow", **fields}
    event = decode(kind, b"1", msgspec.json.encode(told))
    assert isinstance(event, End | UpstreamChunk)
    assert event.detail == "word_of_tomorrow"


def test_a_newer_version_is_unreadable() -> None:
    assert why(b"session", b"2", encode(NOTE).data) == "newer"
    assert why(b"no kind of ours", b"2", b"") == "newer"


def test_an_unknown_kind_is_unreadable() -> None:
    assert why(b"sessions", b"1", encode(NOTE).data) == "kind"
    assert why(b"\xff", b"1", encode(NOTE).data) == "kind"


@pytest.mark.parametrize("version", [b"", b"one", b"1.0", b"0", b"-1", b"\xff", b"9" * 5000])
def test_a_version_that_is_none_is_damage_or_newer(version: bytes) -> None:
    assert why(b"session", version, encode(NOTE).data) in {"damaged", "newer"}


REQUEST = {
    "run_id": "run_1",
    "seq": 1,
    "request_id": "req-1",
    "at_ms": 1,
    "model": "m",
    "stream": True,
    "messages_all": 1,
    "messages_new": 1,
    "body_bytes": 1,
    "edge": "p_1",
    "worker": "p_1",
}
END = {"run_id": "run_1", "seq": 2, "end_reason": "stop", "http_status": 200, "total_ms": 1}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("request", REQUEST | {"at_ms": "1"}),
        ("request", REQUEST | {"at_ms": 1.5}),
        ("request", REQUEST | {"at_ms": True}),
        ("request", REQUEST | {"at_ms": None}),
        ("request", REQUEST | {"model": 5}),
        ("request", REQUEST | {"stream": 1}),
        ("request", REQUEST | {"stream": "true"}),
        ("request", REQUEST | {"channel": "beta"}),
        ("request", REQUEST | {"channel": 1}),
        ("request", REQUEST | {"channel": []}),
        ("request", {name: value for name, value in REQUEST.items() if name != "model"}),
        ("end", END | {"end_reason": "because"}),
        ("end", END | {"waits_at": "abc"}),
        ("end", END | {"waits_at": {"a": 1}}),
        ("end", END | {"waits_at": [1]}),
        ("end", END | {"usage": "none"}),
        ("end", END | {"usage": []}),
        ("end", END | {"usage": {"prompt_tokens": 1}}),
        ("session", []),
        ("session", "opened"),
        ("session", None),
    ],
)
def test_wrong_types_and_words_are_damage(kind: str, fields: object) -> None:
    assert why(kind.encode(), b"1", msgspec.json.encode(fields)) == "damaged"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b'{"word":"\xff"}', b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
)
def test_what_is_no_json_is_damage(data: bytes) -> None:
    assert why(b"session", b"1", data) == "damaged"


@given(events, st.data())
def test_a_flipped_bit_gives_an_event_or_unreadable_and_nothing_else(event: Event, data: Any) -> None:
    entry = encode(event)
    parts = [entry.kind, entry.version, entry.data]
    part = data.draw(st.integers(0, 2))
    place = data.draw(st.integers(0, len(parts[part]) * 8 - 1))
    flipped = bytearray(parts[part])
    flipped[place // 8] ^= 1 << (place % 8)
    parts[part] = bytes(flipped)
    _read_or_unreadable(*parts)


@given(st.sampled_from([kind.encode() for kind in KINDS]), st.binary())
def test_noise_gives_unreadable_and_nothing_else(kind: bytes, noise: bytes) -> None:
    _read_or_unreadable(kind, b"1", noise)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(events, st.data())
def test_any_value_in_any_field_gives_an_event_or_unreadable(event: Event, data: Any) -> None:
    fields = msgspec.json.decode(encode(event).data)
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(_json)
    encoded = msgspec.json.encode(fields)
    _read_or_unreadable(KIND_OF[type(event)].encode(), b"1", encoded)


def _read_or_unreadable(kind: bytes, version: bytes, data: bytes) -> None:
    try:
        event = decode(kind, version, data)
    except UnreadableEvent:
        return
    # What is read is whole: it can be written again and is the same.
    again = encode(event)
    assert decode(again.kind, again.version, again.data) == event

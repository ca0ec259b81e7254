"""A session's state as bytes and back."""

from typing import Any

import msgspec
import pytest
from session_scripts import RUN, accept, chunk, events_of, good_run, state_after

from mix2api.events.codec import UnreadableEvent
from mix2api.events.kinds import Event
from mix2api.events.log import History, Recorded
from mix2api.events.versions import SNAPSHOT, Schema, unchanged
from mix2api.sessions.evolve import fold
from mix2api.sessions.snapshot import decode_snapshot, encode_snapshot, state_of
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.vocabulary import ChunkKind, Context, EndReason, Sealed

GOLDEN = (
    b'{"v":1,"state":{"stage":"waiting","upstream_session":"c2Vzc2lvbg==","upstream_exchange":"ZXhjaGFuZ2U=",'
    b'"turns":1,"ended":["run_018bcfe568000123456789abcdef"],"last_end":"stop","context":"extended"}}'
)


def test_bytes_that_version_one_wrote_are_read_and_later_fields_stand_at_their_default() -> None:
    assert decode_snapshot(GOLDEN) == SessionState(
        stage=Stage.WAITING,
        upstream_session=Sealed("c2Vzc2lvbg=="),
        upstream_exchange=Sealed("ZXhjaGFuZ2U="),
        turns=1,
        ended=(RUN,),
        last_end=EndReason.STOP,
        context=Context.EXTENDED,
    )


@pytest.mark.parametrize(
    "state", [VACANT, state_after([accept(), chunk(ChunkKind.OPEN)]), state_after(good_run()[:-1])]
)
def test_states_come_back_whole(state: SessionState) -> None:
    assert decode_snapshot(encode_snapshot(state)) == state


def test_fields_that_a_later_version_added_are_ignored() -> None:
    assert decode_snapshot(b'{"v":1,"later":1,"state":{"turns":3,"later":[]}}').turns == 3


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_version_is_a_miss(version: int) -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        decode_snapshot(msgspec.json.encode({"v": version, "state": {}}))
    assert unreadable.value.why == "newer"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        b'{"v":1}',
        b'{"v":0,"state":{}}',
        b'{"v":-1,"state":{}}',
        b'{"v":"1","state":{}}',
        b'{"v":1,"state":"waiting"}',
        b'{"v":1,"state":[]}',
        b'{"v":1,"state":{"stage":"asleep"}}',
        b'{"v":1,"state":{"turns":"3"}}',
        b'{"v":1,"state":{"turns":true}}',
        b'{"v":1,"state":{"ended":"abc"}}',
        b'{"v":1,"state":{"ended":{"a":1}}}',
        b'{"v":1,"state":{"run":{}}}',
        b'{"v":1,"state":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
)
def test_damage_is_a_miss_and_nothing_else(damage: bytes) -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        decode_snapshot(damage)
    assert unreadable.value.why == "damaged"


def test_an_older_version_s_snapshot_is_brought_up() -> None:
    def renamed(state: dict[str, Any]) -> dict[str, Any]:
        return {"turns" if name == "runs" else name: value for name, value in state.items()}

    schema = Schema(version=3, upcasts={(SNAPSHOT, 1): renamed, (SNAPSHOT, 2): unchanged}, downcasts={})
    assert decode_snapshot(b'{"v":1,"state":{"runs":3}}', schema).turns == 3
    assert decode_snapshot(b'{"v":2,"state":{"turns":3}}', schema).turns == 3
    assert decode_snapshot(b'{"v":3,"state":{"turns":3}}', schema).turns == 3


def logged(snapshot: bytes | None, events: list[Event]) -> History:
    recorded = [Recorded(position=f"{number}-0", event=event) for number, event in enumerate(events, 1)]
    return History(snapshot=snapshot, recorded=tuple(recorded))


def test_the_state_of_a_log_is_its_snapshot_and_the_events_behind_it() -> None:
    events = events_of(good_run())
    folded = state_of(logged(None, events))
    assert folded == fold(events)
    for place in range(1, len(events)):
        snapshot = encode_snapshot(fold(events[:place]))
        assert state_of(logged(snapshot, events[place:])) == folded


def test_an_empty_log_tells_a_vacant_session() -> None:
    assert state_of(History(snapshot=None)) == VACANT

"""Logs that version 1 wrote, byte for byte. The files never change; a new schema version adds a directory."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import fields

from mix2api.events.codec import decode, encode
from mix2api.events.kinds import KINDS, End, Event, UpstreamChunk, Usage
from mix2api.events.log import Recorded
from mix2api.projections.timeline import Flag, apply, initial
from mix2api.sessions.attribution import Cause, attribute
from mix2api.sessions.evolve import fold
from mix2api.sessions.state import Stage
from mix2api.vocabulary import ChunkKind, EndReason

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
LOGS: dict[str, tuple[Stage, list[EndReason]]] = {
    "good_stream": (Stage.WAITING, [EndReason.STOP, EndReason.STOP]),
    "upstream_error": (Stage.RETIRED, [EndReason.UPSTREAM_ERROR]),
    "client_abort": (Stage.RETIRED, [EndReason.CLIENT_ABORT]),
    "worker_lost": (Stage.RETIRED, [EndReason.WORKER_LOST]),
    "tool_calls": (Stage.WAITING, [EndReason.TOOL_CALLS, EndReason.STOP]),
    "gap": (Stage.WAITING, [EndReason.STOP]),
    "refused": (Stage.RETIRED, [EndReason.OVERLOADED]),
}


class Entry(msgspec.Struct):
    """A line: kind, version, and the event's own bytes."""

    k: str
    v: str
    d: msgspec.Raw


def entries(name: str) -> list[Entry]:
    lines = (GOLDEN / f"{name}.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Entry) for line in lines]


def log(name: str) -> list[Event]:
    return [decode(entry.k.encode(), entry.v.encode(), bytes(entry.d)) for entry in entries(name)]


def test_every_file_is_tested() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {*LOGS, "kinds"}


@pytest.mark.parametrize("name", [*LOGS, "kinds"])
def test_what_was_written_is_written_again_byte_for_byte(name: str) -> None:
    for entry, event in zip(entries(name), log(name), strict=True):
        again = encode(event)
        assert (again.kind, again.version, again.data) == (entry.k.encode(), b"1", bytes(entry.d))


def test_every_field_of_every_kind_has_golden_bytes() -> None:
    by_kind = {entry.k: msgspec.json.decode(entry.d) for entry in entries("kinds")}
    for name, kind in KINDS.items():
        assert set(by_kind[name]) == {field.name for field in fields(kind)}
    assert set(by_kind["end"]["usage"]) == {field.name for field in fields(Usage)}


def test_every_word_of_a_chunk_and_a_cause_is_in_some_recorded_log() -> None:
    recorded = {event.kind for name in LOGS for event in log(name) if isinstance(event, UpstreamChunk)}
    assert recorded == set(ChunkKind)


@pytest.mark.parametrize("name", LOGS)
def test_recorded_logs_are_legal_and_end_where_they_did(name: str) -> None:
    stage, reasons = LOGS[name]
    events = log(name)
    assert fold(events).stage is stage
    assert [event.end_reason for event in events if isinstance(event, End)] == reasons


@pytest.mark.parametrize("name", LOGS)
def test_recorded_attributions_are_what_the_events_give_today(name: str) -> None:
    events = log(name)
    for end in (event for event in events if isinstance(event, End)):
        chunks = [
            event for event in events if isinstance(event, UpstreamChunk) and event.run_id == end.run_id
        ]
        assert attribute(chunks) == Cause(end.end_reason, end.detail, end.finish_reason)


@pytest.mark.parametrize("name", LOGS)
def test_recorded_logs_replay_without_a_flag_but_the_gap(name: str) -> None:
    cursor = initial()
    flags: list[Flag] = []
    for number, event in enumerate(log(name)):
        cursor, row = apply(cursor, Recorded(position=f"{number}-0", event=event))
        flags += row.flags
    assert flags == ([Flag.GAP] if name == "gap" else [])

"""Characters cut in half over the deltas of a stream."""

import json
from typing import Any

import pytest

from mix2api.upstreams.mix.surrogates import _LONGEST, Halves
from mix2api.upstreams.mix.transcript import Transcript
from mix2api.upstreams.port import Finished, Reasoning, Skipped, Text, ToolInputAvailable, ToolInputDelta
from mix2api.vocabulary import Detail

HIGH, LOW = "\ud83d", "\ude00"
FINISH = {"type": "finish"}


def told(*frames: dict[str, Any]) -> list[Any]:
    """What a stream of these frames says."""
    transcript = Transcript(200, session_known=False)
    events = transcript.add([json.dumps(frame).encode() for frame in frames])
    assert transcript.fault is None
    return events


def text(delta: str, part: Any = "0") -> dict[str, Any]:
    return {"type": "text-delta", "id": part, "delta": delta}


def test_halves_in_neighbouring_deltas_are_one_character() -> None:
    assert told(text("a" + HIGH), text(LOW + "b")) == [Text("a"), Text("\U0001f600b")]
    assert told(text(HIGH), text(LOW)) == [Skipped(1), Text("\U0001f600")]


def test_halves_of_reasoning_and_of_arguments_are_joined_too() -> None:
    thought = [{"type": "reasoning-delta", "id": "r", "delta": half} for half in (HIGH, LOW)]
    assert told(*thought) == [Skipped(1), Reasoning("\U0001f600")]
    call = [
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": half} for half in ('"' + HIGH, LOW)
    ]
    assert told(*call) == [ToolInputDelta("c", '"'), ToolInputDelta("c", "\U0001f600")]


def test_parts_side_by_side_keep_their_halves_apart() -> None:
    events = told(
        text(HIGH, "0"), text("\ud83e", 1), text("x" + HIGH, "2"), text("\udd14", 1), text(LOW, "0")
    )
    assert events == [Skipped(1), Skipped(1), Text("x"), Text("\U0001f914"), Text("\U0001f600")]


def test_frames_between_two_halves_do_not_part_them() -> None:
    events = told(text(HIGH), {"type": "data-ping"}, {"type": "text-start", "id": "1"}, text(LOW))
    assert events == [Skipped(1), Skipped(1), Skipped(1), Text("\U0001f600")]


@pytest.mark.parametrize("other", ["b", HIGH + LOW, LOW + LOW])
def test_a_half_whose_other_half_does_not_follow_is_replaced(other: str) -> None:
    joined = (HIGH + other).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert told(text("a" + HIGH), text(other)) == [Text("a"), Text(joined)]


def test_a_low_half_alone_is_replaced() -> None:
    assert told(text(LOW)) == [Text("\ufffd")]


@pytest.mark.parametrize("ending", [FINISH, {"type": "error", "errorText": "no"}, {"type": "abort"}])
def test_a_half_that_waits_when_the_answer_ends_is_replaced(ending: dict[str, Any]) -> None:
    assert told(text("a" + HIGH), ending)[:2] == [Text("a"), Text("\ufffd")]


def test_a_half_that_waits_at_done_is_replaced() -> None:
    transcript = Transcript(200, session_known=False)
    events = transcript.add([json.dumps(text("a" + HIGH)).encode(), b"[DONE]"])
    assert events == [Text("a"), Text("\ufffd"), Finished(None)]


def test_a_half_that_waits_when_its_part_ends_is_replaced_there() -> None:
    events = told(text("a" + HIGH), {"type": "text-end", "id": "0"}, text("b", "1"), FINISH)
    assert events == [Text("a"), Text("\ufffd"), Skipped(1), Text("b"), Finished(None)]
    events = told(text("a" + HIGH), {"type": "text-end", "id": "9"}, text(LOW))
    assert events == [Text("a"), Skipped(1), Text("\U0001f600")]


def test_halves_in_other_frames_are_replaced() -> None:
    frame = {"type": "tool-input-available", "toolCallId": "c", "toolName": "n", "input": {"a": HIGH}}
    assert told(frame) == [ToolInputAvailable("c", "n", r'{"a": "\ufffd"}')]


def test_a_frame_without_halves_that_cannot_be_read_is_a_fault() -> None:
    for payload in (b"{", b'{"type":"text-delta","delta":5}', b"[" * 100_000):
        transcript = Transcript(200, session_known=False)
        assert transcript.add([payload]) == []
        assert transcript.fault is not None
        assert transcript.fault.detail is Detail.PROTOCOL


def test_halves_in_a_delta_that_is_none_by_its_length_are_not_joined() -> None:
    payload = json.dumps(text("x" * _LONGEST + HIGH)).encode()
    assert Halves().joined(payload) == [payload.replace(rb"\ud83d", rb"\ufffd")]

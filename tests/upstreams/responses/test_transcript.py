"""Streams and whole answers of the Responses API: as they come for clients of the same API, and translated for others."""

from itertools import groupby
from typing import Any

import msgspec
import pytest

from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    Reasoning,
    Relayed,
    Skipped,
    Text,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStarted,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.upstreams.responses.relayed import relayed_answer, relayed_object, relayed_transcript
from mix2api.upstreams.responses.server_event import made_in
from mix2api.upstreams.responses.transcript import ResponseTranscript
from mix2api.upstreams.responses.translated import translated_answer, translated_transcript
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.vocabulary import ChunkKind, Detail, EndReason
from mix2api.wire.passed_on import WHOLE_RESPONSE, PassedOn

CREATED = {"type": "response.created", "response": {"id": "resp_1", "conversation": {"id": "conv_1"}}}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "read", "arguments": '{"a":1}'}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [{"text": "hm"}], "encrypted_content": "sealed"}
MESSAGE = {"id": "msg_1", "type": "message", "content": [{"type": "output_text", "text": "hi"}]}
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
COMPLETED = {"type": "response.completed", "response": {"status": "completed", "usage": USAGE}}


def delta(kind: str, text: Any, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": text, **fields}


def told(transcript: ResponseTranscript, *events: Any) -> list[UpstreamEvent]:
    frames = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in events]
    return transcript.add(frames)


def relaying() -> ResponseTranscript:
    return relayed_transcript(200, session_known=False)


def translating() -> ResponseTranscript:
    return translated_transcript(200, session_known=False)


def test_events_pass_as_they_came_and_their_content_is_named() -> None:
    events = [
        CREATED,
        delta("output_text", "hi"),
        delta("reasoning_summary_text", "hm"),
        delta("function_call_arguments", "{}"),
        {"type": "response.new", "x": 1},
        {"type": "response.output_item.done", "item": CALL},
        {"type": "response.output_item.done", "item": THOUGHT},
    ]
    transcript = relaying()
    got = [event for event in told(transcript, *events) if not isinstance(event, Skipped)]
    passed = [event for event in got if isinstance(event, Relayed)]
    assert [msgspec.json.decode(event.data) for event in passed] == events
    assert [event.kind for event in passed] == [
        None,
        ChunkKind.TEXT,
        ChunkKind.REASONING,
        ChunkKind.TOOL_INPUT,
        None,
        None,
        None,
    ]
    assert [event.made for event in passed if event.made] == [
        ("resp_1", "conv_1"),
        ("fc_1",),
        ("sealed", "rs_1"),
    ]
    assert ToolInputAvailable("c1", "read", '{"a":1}') in got
    assert isinstance(told(transcript, COMPLETED)[-1], Finished)
    assert transcript.closed
    assert told(transcript, delta("output_text", "late"), b"[DONE]") == []
    assert (transcript.done, transcript.fault) == (True, None)


PIECES: list[Any] = [
    CREATED,
    *(delta("output_text", text, sequence_number=number) for number, text in enumerate("añb")),
    delta("output_text", ""),
    delta("output_text", 5),
    *(delta("refusal", text) for text in "no"),
    *(delta("reasoning_summary_text", text) for text in "hm"),
    delta("output_text", "alone"),
    {"type": "response.output_item.added", "item": CALL},
    *(delta("function_call_arguments", text, item_id="fc_1") for text in ('{"a"', ":1}")),
    *(delta("function_call_arguments", text, item_id="fc_unknown") for text in ("{", "}")),
    {"type": "response.output_item.done", "item": CALL},
    *(delta("output_text", f"{number}") for number in range(200)),
    *[b'{"type":"response.output_text.delta","delta":"y","x":"\xff"}'] * 2,
    COMPLETED,
]
HALF = b'{"type":"response.output_text.delta","delta":"\\ud83d"}'
UNREADABLE = b'{"type":"response.output_text.delta","delta":"\xff"}'


def apart(events: list[UpstreamEvent]) -> list[UpstreamEvent]:
    """The same with one event in each, and texts of the log in one."""
    each: list[UpstreamEvent] = []
    for event in events:
        if isinstance(event, Relayed):
            lines = event.data.split("\n")
            assert len(lines) == event.count
            each += [Relayed(event.type, line, event.kind, made=event.made) for line in lines]
        else:
            each.append(event)
    return each


def texts_of(events: list[UpstreamEvent]) -> list[tuple[ChunkKind | None, str]]:
    passed = [event for event in events if isinstance(event, Relayed)]
    alike = groupby(passed, lambda event: event.kind)
    return [(kind, "".join(event.text for event in run)) for kind, run in alike]


@pytest.mark.parametrize("damage", [[], [HALF], [UNREADABLE], [b"ping"], [b"[DONE]"]])
@pytest.mark.parametrize("begin", [relaying, translating])
def test_events_that_come_together_say_what_they_say_one_by_one(begin: Any, damage: list[bytes]) -> None:
    pieces = [*PIECES[:-20], *damage, *PIECES[-20:]]
    together, one_by_one = begin(), begin()
    events = told(together, *pieces, delta("output_text", "late"))
    each: list[UpstreamEvent] = []
    for piece in pieces:
        if not one_by_one.done:
            each += told(one_by_one, piece)
    assert apart(events) == apart(each)
    assert texts_of(events) == texts_of(each)
    assert (together.closed, together.done) == (one_by_one.closed, one_by_one.done)


def test_pieces_of_one_type_that_come_together_are_one_event_of_64_at_most() -> None:
    pieces = [delta("output_text", f"{number};") for number in range(130)]
    events = told(relaying(), *pieces)
    assert [event.count for event in events if isinstance(event, Relayed)] == [64, 64, 2]
    assert texts_of(events) == [(ChunkKind.TEXT, "".join(f"{number};" for number in range(130)))]


def test_a_piece_that_is_written_in_several_lines_stays_by_itself() -> None:
    in_lines = msgspec.json.format(msgspec.json.encode(delta("output_text", "b")))
    events = told(relaying(), delta("output_text", "a"), in_lines, delta("output_text", "c"))
    passed = [event for event in events if isinstance(event, Relayed)]
    assert [(event.count, event.text) for event in passed] == [(1, "a"), (1, "b"), (1, "c")]
    assert passed[1].data == in_lines.decode()


def test_nothing_is_read_behind_a_failure_that_comes_with_other_events() -> None:
    failure = {"type": "response.failed", "response": {"error": {"message": "no"}}}
    transcript = relaying()
    *before, failed = told(transcript, *[delta("output_text", "a")] * 2, failure, delta("output_text", "b"))
    assert texts_of(before) == [(ChunkKind.TEXT, "aa")]
    assert isinstance(failed, Failed)
    assert transcript.done


def test_files_and_containers_that_an_item_cites_are_made_with_it() -> None:
    cited = {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "file_1"}
    text = {"type": "output_text", "text": "see", "annotations": [cited, cited, {"url": "x"}, 1]}
    assert made_in({"id": "msg_1", "content": [text, 1]}) == ("msg_1", "cntr_1", "file_1")
    assert made_in({"id": "ci_1", "container_id": "cntr_1", "content": None}) == ("ci_1", "cntr_1")
    assert made_in(None) == ()


def test_the_beginning_waits_for_what_follows_because_a_refusal_may() -> None:
    transcript = relaying()
    assert told(transcript, CREATED) == [Skipped(1)]
    error = {"code": "rate_limit_exceeded", "message": "slow down"}
    (failure,) = told(transcript, {"type": "response.failed", "response": {"error": error}})
    assert isinstance(failure, Failed)
    assert failure.detail is Detail.RATE_LIMIT
    assert transcript.done


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content-filter"),
        (None, "stop"),
    ],
)
def test_an_incomplete_response_says_why(details: Any, reason: str) -> None:
    event = {"type": "response.incomplete", "response": {"incomplete_details": details}}
    assert told(relaying(), event)[-1] == Finished(reason)


def test_a_cancelled_response_was_given_up() -> None:
    assert isinstance(told(relaying(), {"type": "response.cancelled"})[-1], AbortedByUpstream)


@pytest.mark.parametrize("end", [b"[DONE]", None])
def test_a_stream_without_an_ending_was_cut(end: bytes | None) -> None:
    transcript = relaying()
    told(transcript, CREATED, delta("output_text", "hi"), *([] if end is None else [end]))
    assert transcript.body_ended() == []
    assert transcript.fault is not None
    assert transcript.fault.detail is Detail.TRUNCATED


@pytest.mark.parametrize("transcript", [relaying(), translating()])
def test_an_error_that_names_a_status_is_the_refusal_of_that_status(transcript: ResponseTranscript) -> None:
    assert told(transcript, {"type": "error", "code": "401", "message": "revoked"}) == []
    assert transcript.fault is not None
    assert transcript.fault.end_reason is EndReason.UPSTREAM_AUTH_ERROR


@pytest.mark.parametrize("frame", [b"{", b"3", b'{"type":3}'])
def test_a_frame_that_cannot_be_read_is_a_fault(frame: bytes) -> None:
    transcript = relaying()
    assert told(transcript, frame) == []
    assert transcript.fault is not None
    assert transcript.fault.detail is Detail.PROTOCOL


def test_an_object_without_a_type_is_the_error_that_it_tells_of() -> None:
    (failure,) = told(relaying(), {"error": {"message": "no"}})
    assert isinstance(failure, Failed)
    assert failure.message == "no"


def test_a_client_of_chat_completions_gets_text_thought_calls_and_refusals() -> None:
    transcript = translating()
    got = told(
        transcript,
        CREATED,
        delta("reasoning_text", "hm"),
        delta("output_text", "hi"),
        delta("refusal", "no"),
        {"type": "response.output_item.added", "item": CALL | {"arguments": ""}},
        delta("function_call_arguments", '{"a"', item_id="fc_1"),
        delta("function_call_arguments", "lost", item_id="other"),
        {"type": "response.output_item.done", "item": CALL},
        {"type": "response.output_item.done", "item": MESSAGE},
        {"type": "response.new"},
        COMPLETED,
    )
    assert [event for event in got if not isinstance(event, Skipped | UsageSeen)] == [
        Reasoning("hm"),
        Text("hi"),
        PassedOn(delta={"refusal": '"no"'}),
        ToolInputStarted("c1", "read"),
        ToolInputDelta("c1", '{"a"'),
        ToolInputAvailable("c1", "read", '{"a":1}'),
        Finished("stop"),
    ]
    (usage,) = [event for event in got if isinstance(event, UsageSeen)]
    assert usage.usage.total_tokens == 5


WHOLE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "output": [THOUGHT, MESSAGE, CALL],
    "usage": USAGE,
}


def test_a_whole_answer_passes_as_it_came_with_its_calls_and_what_it_made() -> None:
    body = msgspec.json.encode(WHOLE)
    passed, call, usage, finished = relayed_answer(body)
    assert isinstance(passed, Relayed)
    assert (passed.type, passed.data.encode(), passed.text) == (WHOLE_RESPONSE, body, "hi")
    assert passed.made == ("resp_1", "sealed", "rs_1", "msg_1", "fc_1")
    assert isinstance(call, ToolInputAvailable)
    assert isinstance(usage, UsageSeen)
    assert finished == Finished("stop")


def test_a_whole_answer_is_translated() -> None:
    got = translated_answer(msgspec.json.encode(WHOLE))
    assert got[:3] == [Reasoning("hm"), Text("hi"), ToolInputAvailable("c1", "read", '{"a":1}')]
    assert got[-1] == Finished("stop")


@pytest.mark.parametrize("read", [relayed_answer, translated_answer])
@pytest.mark.parametrize(
    "body", [{"status": "failed", "error": {"message": "no"}, "output": []}, {"error": {"message": "no"}}]
)
def test_a_failed_response_is_an_error_under_any_status(read: Any, body: Any) -> None:
    (failure,) = read(msgspec.json.encode(body))
    assert isinstance(failure, Failed)
    assert failure.message == "no"


@pytest.mark.parametrize("read", [relayed_answer, relayed_object, translated_answer])
@pytest.mark.parametrize("body", [b"{", b"[]", b"3"])
def test_what_is_no_object_cannot_be_read(read: Any, body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        read(body)


def test_what_is_said_of_a_kept_response_passes_whatever_it_is() -> None:
    body = msgspec.json.encode({"status": "failed", "error": {"message": "no"}, "output": [THOUGHT]})
    passed, finished = relayed_object(body)
    assert isinstance(passed, Relayed)
    assert (passed.data.encode(), passed.made, finished) == (body, ("sealed", "rs_1"), Finished("stop"))

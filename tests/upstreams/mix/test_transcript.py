"""How streams end, and which ids stand for which."""

import pytest

from mix2api.upstreams.mix.transcript import Transcript
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Reasoning,
    Skipped,
    Started,
    Text,
    ToolInputAvailable,
    UpstreamEvent,
)
from mix2api.vocabulary import Detail

START = b'{"type":"start","sessionId":"s","exchangeId":"x"}'
START_BY_EXCHANGE = b'{"type":"start","messageMetadata":{"exchangeId":"x"}}'
HI = b'{"type":"text-delta","delta":"hi"}'
FINISH = b'{"type":"finish","finishReason":"stop"}'
ERROR = b'{"type":"error","errorText":"no"}'
ABORT = b'{"type":"abort"}'
DONE = b"[DONE]"


def told(
    *payloads: bytes, session_known: bool = False, ended: bool = True
) -> tuple[list[UpstreamEvent], Detail | None, bool]:
    """Events, the fault's detail and whether the stream counts as closed."""
    transcript = Transcript(200, session_known=session_known)
    events: list[UpstreamEvent] = []
    for payload in payloads:
        if not transcript.done:
            events += transcript.add([payload])
    if ended and not transcript.done:
        transcript.body_ended()
    together = Transcript(200, session_known=session_known)
    assert together.add(payloads) == events
    return events, transcript.fault.detail if transcript.fault else None, transcript.closed


def test_a_finish_closes_with_or_without_done() -> None:
    whole = [Started("s", "x"), Text("hi"), Finished("stop")]
    assert told(START, HI, FINISH, DONE) == (whole, None, True)
    assert told(START, HI, FINISH) == (whole, None, True)


def test_done_without_a_finish_is_one_if_there_was_an_answer() -> None:
    assert told(START, HI, DONE) == ([Started("s", "x"), Text("hi"), Finished(None)], None, True)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b'{"type":"reasoning-delta","delta":"r"}', Reasoning("r")),
        (
            b'{"type":"tool-input-available","toolCallId":"c","toolName":"n"}',
            ToolInputAvailable("c", "n", ""),
        ),
    ],
)
def test_reasoning_and_calls_are_answers_too(payload: bytes, event: UpstreamEvent) -> None:
    assert told(payload, DONE) == ([event, Finished(None)], None, True)


def test_a_call_whose_frame_names_ids_is_an_answer_too() -> None:
    call = b'{"type":"tool-input-available","toolCallId":"c","toolName":"n","sessionId":"s"}'
    events, detail, _ = told(call, DONE)
    assert events == [IdsSeen("s", None), ToolInputAvailable("c", "n", ""), Finished(None)]
    assert detail is None


def test_done_after_nothing_is_a_cut_and_no_empty_success() -> None:
    assert told(DONE) == ([], Detail.TRUNCATED, False)
    assert told(START, DONE) == ([Started("s", "x")], Detail.TRUNCATED, False)


def test_an_end_without_finish_and_done_is_a_cut() -> None:
    assert told() == ([], Detail.TRUNCATED, False)
    assert told(START, HI) == ([Started("s", "x"), Text("hi")], Detail.TRUNCATED, False)


@pytest.mark.parametrize(("payload", "event"), [(ERROR, Failed("no")), (ABORT, AbortedByUpstream())])
def test_an_error_or_abort_closes_and_a_finish_behind_it_adds_nothing(
    payload: bytes, event: UpstreamEvent
) -> None:
    assert told(HI, payload, DONE) == ([Text("hi"), event], None, True)
    assert told(HI, payload) == ([Text("hi"), event], None, True)
    assert told(HI, payload, FINISH, DONE) == ([Text("hi"), event, Skipped(1)], None, True)


def test_a_finish_with_reason_error_but_no_error_frame_is_given_as_it_is() -> None:
    assert told(HI, b'{"type":"finish","finishReason":"error"}')[0] == [Text("hi"), Finished("error")]


def test_a_second_finish_adds_nothing() -> None:
    assert told(HI, FINISH, FINISH)[0] == [Text("hi"), Finished("stop"), Skipped(1)]


def test_what_follows_done_is_not_read() -> None:
    assert told(HI, FINISH, DONE, HI, b"garbage") == ([Text("hi"), Finished("stop")], None, True)


def test_events_before_a_frame_that_cannot_be_read_are_given_first() -> None:
    assert told(START, HI, b"garbage", HI) == ([Started("s", "x"), Text("hi")], Detail.PROTOCOL, False)


def test_an_exchange_stands_for_a_missing_session_at_the_start() -> None:
    assert told(START_BY_EXCHANGE, ended=False)[0] == [Started("x", "x")]


def test_an_exchange_alone_never_replaces_a_known_session() -> None:
    assert told(START_BY_EXCHANGE, session_known=True, ended=False)[0] == [Started(None, "x")]
    later = b'{"type":"message-metadata","messageMetadata":{"exchangeId":"y"}}'
    assert told(START, later, ended=False)[0] == [Started("s", "x"), IdsSeen(None, "y")]

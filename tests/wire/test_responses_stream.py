"""The events of a stream: their order, their numbers, and how it ends."""

from typing import Any

import msgspec

from mix2api.errors import ErrorBody
from mix2api.events.kinds import Usage
from mix2api.vocabulary import EndReason, FinishReason, RequestId, RunId
from mix2api.wire.responses_answer import ResponseFrame
from mix2api.wire.responses_request import Echo
from mix2api.wire.responses_stream import ResponseWriter

FRAME = ResponseFrame(
    response_id="resp_x", run_id=RunId("run_00ff"), created_s=7, model="m", echo=Echo(fields={"store": False})
)
USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
ERROR = ErrorBody(message="it broke", type="server_error")


def events_in(data: bytes) -> list[dict[str, Any]]:
    """The events; names and numbers are checked."""
    found = []
    for number, block in enumerate(data.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]):
        name, payload = block.split(b"\n")
        event = msgspec.json.decode(payload.removeprefix(b"data: "))
        assert (name.decode(), event["sequence_number"]) == (f"event: {event['type']}", number)
        found.append(event)
    return found


def words(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_message_opens_grows_and_closes() -> None:
    writer = ResponseWriter(FRAME)
    data = (
        writer.opening() + writer.text("a") + writer.text("é" * 200) + writer.finish(FinishReason.STOP, USAGE)
    )
    assert data.endswith(b"data: [DONE]\n\n")
    events = events_in(data)
    assert words(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert events[4] == {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        "item_id": "msg_00ff0000",
        "output_index": 0,
        "content_index": 0,
        "logprobs": [],
        "delta": "a",
    }
    assert events[6]["text"] == "a" + "é" * 200
    assert events[-1]["response"]["output"] == [events[8]["item"]]
    assert events[-1]["response"]["usage"]["total_tokens"] == 3


def test_items_of_every_kind_follow_one_another() -> None:
    writer = ResponseWriter(FRAME)
    data = (
        writer.opening()
        + writer.reasoning("a")
        + writer.reasoning("b")
        + writer.tool_call(0, "", "call_0", "f")
        + writer.tool_call(0, "{", None, None)
        + writer.tool_call(0, "}", None, None)
        + writer.tool_call(1, "{}", None, None)
        + writer.text("c")
        + writer.finish(FinishReason.TOOL_CALLS, None)
    )
    events = events_in(data)
    reasoning = ["output_item.added", "reasoning_summary_part.added", *["reasoning_summary_text.delta"] * 2]
    reasoning += ["reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"]
    call = ["output_item.added", *["function_call_arguments.delta"] * 2]
    call += ["function_call_arguments.done", "output_item.done"]
    other = [*call[:2], *call[3:]]
    assert words(events)[2 : 2 + len(reasoning) + len(call) + len(other)] == [*reasoning, *call, *other]
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "function_call", "function_call", "message"]
    assert output[1]["arguments"] == "{}"
    done = next(event for event in events if event["type"] == "response.function_call_arguments.done")
    assert (done["name"], done["arguments"], done["output_index"]) == ("f", "{}", 1)


def test_an_answer_without_a_word_has_an_empty_message() -> None:
    writer = ResponseWriter(FRAME)
    events = events_in(writer.opening() + writer.finish(FinishReason.STOP, USAGE))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_a_long_piece_is_several_deltas() -> None:
    writer = ResponseWriter(FRAME)
    events = events_in(writer.opening() + writer.text("x" * 12_000) + writer.finish(FinishReason.STOP, USAGE))
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert [len(delta) for delta in deltas] == [5000, 5000, 2000]


def test_an_answer_that_is_cut_short_ends_incomplete() -> None:
    writer = ResponseWriter(FRAME)
    events = events_in(writer.opening() + writer.text("a") + writer.finish(FinishReason.LENGTH, USAGE))
    assert words(events)[-1] == "incomplete"
    assert events[-2]["item"]["status"] == "incomplete"


def test_a_stream_that_fails_ends_with_response_failed_and_calls_nothing_whole() -> None:
    writer = ResponseWriter(FRAME)
    data = writer.opening() + writer.text("a")
    data += writer.failure(ERROR, EndReason.UPSTREAM_ERROR, RequestId("r"), USAGE)
    assert data.endswith(b"data: [DONE]\n\n")
    events = events_in(data)
    assert words(events)[-2:] == ["output_text.delta", "failed"]
    response = events[-1]["response"]
    assert response["status"] == "failed"
    assert response["error"] == {
        "code": "server_error",
        "message": "it broke",
        "type": "server_error",
        "param": None,
        "end_reason": "upstream_error",
        "request_id": "r",
    }
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["total_tokens"] == 3


def test_a_stream_that_fails_at_once_has_no_output_and_no_usage() -> None:
    writer = ResponseWriter(FRAME)
    events = events_in(writer.opening() + writer.failure(ERROR, EndReason.TIMEOUT, RequestId("r"), None))
    assert (events[-1]["response"]["output"], events[-1]["response"]["usage"]) == ([], None)

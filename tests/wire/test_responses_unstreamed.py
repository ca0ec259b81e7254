"""A response that came whole, told as a stream: the order of its events, and what clients put together from them."""

from typing import Any

import pytest

from mix2api.wire.responses_unstreamed import events_of, last_event_of

TEXT = {"type": "output_text", "text": "one two", "annotations": [{"type": "url_citation"}]}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT]}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "read", "arguments": '{"path":"a"}'}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}


def events(*output: Any) -> list[dict[str, Any]]:
    return list(events_of({"id": "resp_1", "status": "completed", "output": list(output), "usage": {"x": 1}}))


def test_a_stream_begins_with_a_response_that_has_nothing_yet() -> None:
    created, in_progress = events()
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    told = {"id": "resp_1", "status": "in_progress", "output": [], "usage": None}
    assert created["response"] == in_progress["response"] == told


def test_a_message_is_told_with_its_parts_and_their_texts() -> None:
    told = events(MESSAGE)[2:]
    assert [event["type"] for event in told] == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
    ]
    assert told[0]["item"] == MESSAGE | {"status": "in_progress", "content": []}
    assert told[1]["part"] == TEXT | {"text": ""}
    assert told[2] == {
        "type": "response.output_text.delta",
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "one two",
        "logprobs": [],
    }
    assert (told[4]["part"], told[5]["item"]) == (TEXT, MESSAGE)


def test_reasoning_and_calls_are_told_with_their_deltas() -> None:
    told = events(THOUGHT, CALL)
    deltas = {event["type"]: event["delta"] for event in told if event["type"].endswith(".delta")}
    assert deltas == {
        "response.reasoning_summary_text.delta": "hm",
        "response.function_call_arguments.delta": '{"path":"a"}',
    }
    added = [event["item"] for event in told if event["type"] == "response.output_item.added"]
    assert added == [THOUGHT | {"summary": []}, CALL | {"arguments": "", "status": "in_progress"}]
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert done == [THOUGHT, CALL]


def test_a_refusal_is_told_as_one() -> None:
    refusal = {"type": "refusal", "refusal": "no"}
    told = [event for event in events(MESSAGE | {"content": [refusal]}) if "refusal" in event["type"]]
    assert [(event["type"], event.get("delta")) for event in told] == [
        ("response.refusal.delta", "no"),
        ("response.refusal.done", None),
    ]


@pytest.mark.parametrize(
    "output",
    [
        [{"type": "weather", "sky": "blue"}],
        [{"type": "message", "content": [{"type": "image"}, "rubbish"]}],
        [{"type": "message", "content": "rubbish"}],
        [{"type": "reasoning", "summary": [{"text": 5}]}],
        [{"type": "function_call", "arguments": None}],
        ["rubbish"],
    ],
)
def test_what_is_not_known_is_told_as_it_is(output: list[Any]) -> None:
    told = events(*output)
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert done == [item for item in output if isinstance(item, dict)]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("completed", "response.completed"),
        ("incomplete", "response.incomplete"),
        ("cancelled", "response.cancelled"),
        (None, "response.completed"),
    ],
)
def test_the_last_event_says_how_the_response_ended(status: str | None, word: str) -> None:
    assert last_event_of({"status": status}) == word

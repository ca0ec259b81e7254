"""What is judged of one answer: an answer that is right, and the same with one thing wrong."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from mix2api.packs.evidence import Ask, Ending, Evidence, Seen
from mix2api.packs.judging import calls, calls_of, failing_stream, refusal, stream, usage, whole

ASK = Ask(body={"model": "m", "messages": []}, request_id="r1")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
ENVELOPE = {"error": {"message": "no", "type": "invalid_request_error", "code": "c", "param": "p"}}


def _seen(body: bytes, media: str = "application/json", status: int = 200, **more: Any) -> Seen:
    headers: Mapping[str, str] = {"content-type": media, "x-request-id": "r1", **more.pop("headers", {})}
    return Seen(
        ask=ASK, ending=more.pop("ending", Ending.WHOLE), status=status, headers=headers, body=body, **more
    )


def _json(value: Any, **more: Any) -> Seen:
    return _seen(msgspec.json.encode(value), **more)


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


CHUNKS = [_chunk({"role": "assistant", "content": ""}), _chunk({"content": "hi"}), _chunk({}, "stop")]


def _events(*events: Any, done: str = "data: [DONE]\n\n", **more: Any) -> Seen:
    body = "".join(f"data: {msgspec.json.encode(event).decode()}\n\n" for event in events) + done
    flowing = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return _seen(body.encode(), "text/event-stream; charset=utf-8", headers=flowing, **more)


def _of(seen: Seen, *, ours: bool = True) -> Evidence:
    return Evidence(seen=(seen,), ours=ours)


def test_a_whole_answer_that_is_right_has_no_complaint() -> None:
    assert list(whole(_json(WHOLE), ours=True)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"object": "x"}, "`object` is not chat.completion"),
        ({"id": ""}, "`id` is not a non-empty string"),
        ({"created": "now"}, "`created` is not an integer"),
        ({"model": None}, "`model` is not a string"),
        ({"choices": []}, "there is not exactly one choice"),
        ({"choices": "none"}, "there is not exactly one choice"),
        ({"usage": None}, "`usage` is not an object of three integers"),
    ],
)
def test_a_whole_answer_with_one_wrong_field_is_told(change: dict[str, Any], complaint: str) -> None:
    assert complaint in list(whole(_json(WHOLE | change), ours=True))


def test_a_whole_answer_of_a_wrong_role_finish_type_or_status_is_told() -> None:
    wrong = {"index": 0, "message": {"role": "user"}, "finish_reason": "length"}
    told = list(whole(_json(WHOLE | {"choices": [wrong]}, media="text/plain", status=201), ours=True))
    assert told == [
        "the status is 201, not 200",
        "the content type is not JSON",
        "the message's role is not assistant",
        "the finish reason is not stop",
    ]


def test_what_is_no_json_or_not_whole_or_of_another_request_is_told() -> None:
    assert list(whole(_seen(b"<html>"), ours=False)) == ["the body is not a JSON object"]
    assert "the answer is not whole: cut" in list(whole(_json(WHOLE, ending=Ending.CUT), ours=False))
    stranger = _json(WHOLE, headers={"x-request-id": "r2"})
    assert list(whole(stranger, ours=False)) == []
    assert list(whole(stranger, ours=True)) == ["the answer does not bear the request's x-request-id"]


def test_a_stream_that_is_right_has_no_complaint() -> None:
    assert list(stream(_events(*CHUNKS), ours=True)) == []


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (_events(*CHUNKS, done=""), "the last event is not [DONE]"),
        (_events(*CHUNKS, done="data: [DONE]\n\ndata: [DONE]\n\n"), "there is more than one [DONE]"),
        (_events(*CHUNKS, done="data: [DONE]"), "the last frame is not closed by a blank line"),
        (_events(*CHUNKS, 5), "a frame is neither a JSON object nor [DONE]"),
        (_events(*CHUNKS, ENVELOPE), "there is an error event"),
        (_events(*CHUNKS[1:]), "the first delta does not carry the role"),
        (_events(*CHUNKS[:2]), "the stream's finish reasons are not exactly stop"),
        (_events(*CHUNKS, CHUNKS[1]), "a delta follows the finish"),
        (_events(*CHUNKS[:2], _chunk({}, "stop", id="other")), "`id` changes within the stream"),
        (_events(CHUNKS[0] | {"object": "x"}, *CHUNKS[1:]), "`object` is not chat.completion.chunk"),
        (_events(), "no chunk has a choice"),
        (_json(WHOLE), "the content type is not text/event-stream"),
    ],
)
def test_a_stream_with_one_thing_wrong_is_told(seen: Seen, complaint: str) -> None:
    assert complaint in list(stream(seen, ours=True))


def test_a_stream_whose_headers_allow_buffering_or_whose_choice_has_another_index_is_told() -> None:
    wrong = _chunk({"role": "assistant"}) | {"choices": [{"index": 1, "delta": {"role": "assistant"}}]}
    body = _events(wrong, CHUNKS[2]).body
    told = list(stream(_seen(body, "text/event-stream"), ours=True))
    assert told == ["the headers do not forbid buffering", "a choice has another index than 0"]


def test_usage_is_three_integers_that_add_up() -> None:
    assert list(usage(USAGE)) == []
    assert list(usage(USAGE | {"total_tokens": 9})) == ["the counts of `usage` do not add up"]
    assert list(usage(USAGE | {"prompt_tokens": True})) == ["`usage` is not an object of three integers"]
    assert list(usage(dict.fromkeys(USAGE, 0))) == ["`usage` says that the prompt had no tokens"]


def test_a_refusal_is_judged_by_status_envelope_and_our_words() -> None:
    seen = _json(ENVELOPE, status=400)
    assert list(refusal(_of(seen), 400, code="c", param="p")) == []
    assert list(refusal(_of(seen), 404, 405)) == ["the status is 400, not 404 or 405"]
    assert list(refusal(_of(seen), 400, code="x", param="y")) == ["`code` is not x", "`param` is not y"]
    assert list(refusal(_of(seen, ours=False), 400, code="x", param="y")) == []
    assert list(refusal(_of(_json({}, status=400)), 400)) == ["the body is not OpenAI's error envelope"]
    bare = _json({"error": {"message": "", "type": 5}}, status=400)
    assert list(refusal(_of(bare, ours=False), 400)) == [
        "the error has no message",
        "the error has no type",
        "the error has no `code` or no `param`",
    ]
    cut = _json(ENVELOPE, status=400, ending=Ending.TIMEOUT)
    assert list(refusal(_of(cut), 400)) == ["the answer is not whole: no answer in time"]


def test_a_failing_stream_says_so_and_has_no_success() -> None:
    ending = _chunk({}, "error", **ENVELOPE)
    good = _events(*CHUNKS[:2], ENVELOPE, ending)
    assert list(failing_stream(_of(good), code="c")) == []
    assert list(failing_stream(_of(good), code="x")) == ["`code` is not x"]
    assert list(failing_stream(_of(_events(*CHUNKS)))) == [
        "no event has an `error`",
        "a finish reason means success",
        "the last chunk's finish reason is not error",
    ]
    assert "the last event is not [DONE]" in list(failing_stream(_of(_events(ENVELOPE, ending, done=""))))
    assert list(failing_stream(_of(_json(ENVELOPE, status=502, ending=Ending.CUT)))) == [
        "the answer is not whole: cut",
        "the status is 502, not 200",
        "the content type is not text/event-stream",
    ]


def _piece(index: int | None, arguments: str, name: str | None = None, call_id: str | None = None) -> Any:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"index": index, "function": function, **({"id": call_id, "type": "function"} if call_id else {})}


def _calling(*pieces: Any) -> Seen:
    return _events(*[_chunk({"tool_calls": [piece]}) for piece in pieces])


CALLING = (_piece(0, '{"a"', "f", "call_1"), _piece(1, "{}", "g", "call_2"), _piece(0, ":1}"))


def test_pieces_of_calls_are_put_together() -> None:
    assert calls_of(_calling(*CALLING)) == [
        {"id": "call_1", "type": "function", "name": "f", "arguments": '{"a":1}'},
        {"id": "call_2", "type": "function", "name": "g", "arguments": "{}"},
    ]
    assert list(calls(_calling(*CALLING), ("f", {"a": 1}), ("g", {}), ours=True)) == []


@pytest.mark.parametrize(
    ("pieces", "complaint"),
    [
        (CALLING[:2], "a call's arguments are no JSON"),
        (
            (*CALLING, _piece(2, "{}", "h", "call_3")),
            "3 calls came whose names are not those of the 2 calls that were due",
        ),
        ((*CALLING[:2], _piece(0, ":2}")), "a call's arguments are not those that the model gave"),
        (
            (*CALLING, _piece(1, "", None, "call_2")),
            "id and name do not come with the first piece of a call alone",
        ),
        ((CALLING[0], _piece(1, "{}", "g", "call_1"), CALLING[2]), "a call has no id of its own"),
        ((_piece(0, '{"a":1}', "f", "x1"), CALLING[1]), "a call's id does not start with call_"),
        ((_piece(None, '{"a":1}', "f", "call_1"), CALLING[1]), "a piece of a call has no index"),
        ((_piece(3, '{"a":1}', "f", "call_1"), CALLING[1]), "the indices of the calls do not count from 0"),
    ],
)
def test_calls_with_one_thing_wrong_are_told(pieces: Any, complaint: str) -> None:
    assert complaint in list(calls(_calling(*pieces), ("f", {"a": 1}), ("g", {}), ours=True))


def test_a_call_of_another_type_is_told() -> None:
    call = {"id": "call_1", "type": "custom", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    seen = _json(WHOLE | {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    assert list(calls(seen, ("f", {}), ours=True)) == ["a call's type is not function"]

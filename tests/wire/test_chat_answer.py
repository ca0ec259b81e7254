from typing import Any

import msgspec
import pytest

from mix2api.events.kinds import Usage
from mix2api.vocabulary import FinishReason, RunId
from mix2api.wire.chat_answer import AnswerFrame, ChunkWriter, WholeAnswer, finish_word
from mix2api.wire.passed_on import PassedOn

USAGE = Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5, reasoning_tokens=1, cached_tokens=2)
USAGE_OBJECT = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}


def frame(**fields: Any) -> AnswerFrame:
    return AnswerFrame(run_id=RunId("run_1"), created_s=17, model='a "model"', **fields)


def payloads(frames: bytes) -> list[Any]:
    blocks = frames.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [
        "[DONE]" if block == "data: [DONE]" else msgspec.json.decode(block.removeprefix("data: "))
        for block in blocks
    ]


def test_a_text_chunk_is_a_whole_chunk_of_openais() -> None:
    assert payloads(ChunkWriter(frame()).texts(['say "hi"\n\n\u2028'])) == [
        {
            "id": "chatcmpl-run_1",
            "object": "chat.completion.chunk",
            "created": 17,
            "model": 'a "model"',
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": 'say "hi"\n\n\u2028'},
                    "logprobs": None,
                    "finish_reason": None,
                }
            ],
        }
    ]


def test_the_bytes_of_a_text_chunk_are_these() -> None:
    assert ChunkWriter(frame()).texts(["x"]) == (
        b'data: {"id":"chatcmpl-run_1","object":"chat.completion.chunk","created":17,"model":"a \\"model\\"",'
        b'"choices":[{"index":0,"delta":{"content":"x"},"logprobs":null,'
        b'"finish_reason":null}]}\n\n'
    )


def delta(frames: bytes) -> dict[str, Any]:
    (chunk,) = payloads(frames)
    found: dict[str, Any] = chunk["choices"][0]["delta"]
    return found


def test_role_and_reasoning_have_their_own_fields() -> None:
    writer = ChunkWriter(frame())
    assert delta(writer.role()) == {"role": "assistant", "content": ""}
    assert delta(writer.reasoning("hm")) == {"reasoning_content": "hm"}


def test_a_tool_call_has_id_type_and_name_first_and_arguments_after() -> None:
    writer = ChunkWriter(frame())
    assert delta(writer.tool_call(0, "", "call_1", "f")) == {
        "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
        ]
    }
    assert delta(writer.tool_call(0, '{"a', None, None)) == {
        "tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]
    }


def test_a_legacy_caller_gets_function_calls() -> None:
    writer = ChunkWriter(frame(legacy_functions=True))
    assert delta(writer.tool_call(0, "", "call_1", "f")) == {"function_call": {"name": "f", "arguments": ""}}
    assert delta(writer.tool_call(0, "{}", None, None)) == {"function_call": {"arguments": "{}"}}
    finish, _ = payloads(writer.finish(FinishReason.TOOL_CALLS, None))
    assert finish["choices"][0]["finish_reason"] == "function_call"


def test_the_finish_ends_with_done_and_has_no_usage_unless_asked_for() -> None:
    finish, done = payloads(ChunkWriter(frame()).finish(FinishReason.LENGTH, USAGE))
    assert finish["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert "usage" not in finish
    assert done == "[DONE]"


def test_usage_is_a_chunk_of_its_own_without_choices_and_null_elsewhere() -> None:
    writer = ChunkWriter(frame(include_usage=True))
    assert payloads(writer.texts(["x"]))[0]["usage"] is None
    finish, usage, done = payloads(writer.finish(FinishReason.STOP, USAGE))
    assert finish["usage"] is None
    assert (usage["choices"], usage["usage"], done) == ([], USAGE_OBJECT, "[DONE]")


def test_usage_is_an_object_even_where_nothing_is_known() -> None:
    writer = ChunkWriter(frame(include_usage=True))
    _, usage, _ = payloads(writer.finish(FinishReason.STOP, None))
    whole = msgspec.json.decode(WholeAnswer(frame()).finish(FinishReason.STOP, None))
    assert usage["usage"] == whole["usage"]
    assert whole["usage"]["total_tokens"] == 0


@pytest.mark.parametrize("text", ["a" * 70_000, "\u597d" * 30_000, "\x01" * 20_000, "\U0001f600" * 12_000])
def test_no_line_of_a_stream_is_longer_than_32_kb(text: str) -> None:
    writer = ChunkWriter(frame())
    for frames, field in (
        (writer.texts([text]), "content"),
        (writer.reasoning(text), "reasoning_content"),
    ):
        assert max(map(len, frames.split(b"\n"))) < 32_768
        assert "".join(chunk["choices"][0]["delta"][field] for chunk in payloads(frames)) == text


def test_a_long_input_leaves_in_pieces_of_which_the_first_has_the_name() -> None:
    frames = ChunkWriter(frame()).tool_call(1, "x" * 12_000, "call_1", "f")
    (first,), *others = [chunk["choices"][0]["delta"]["tool_calls"] for chunk in payloads(frames)]
    assert (first["id"], first["function"]["name"], first["index"]) == ("call_1", "f", 1)
    assert [set(call) for (call,) in others] == [{"index", "function"}] * 2
    told = [first, *(call for (call,) in others)]
    assert "".join(call["function"]["arguments"] for call in told) == "x" * 12_000


def test_a_failing_ending_has_three_parts() -> None:
    error = {"message": "no", "type": "server_error", "end_reason": "timeout"}
    writer = ChunkWriter(frame())
    first, terminal, done = payloads(writer.failure(msgspec.json.encode(error), USAGE))
    assert first == {"error": error}
    assert terminal["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "error"}]
    assert terminal["error"] == error
    assert "usage" not in terminal
    assert done == "[DONE]"


@pytest.mark.parametrize(("usage", "shown"), [(USAGE, USAGE_OBJECT), (None, None)])
def test_a_failing_ending_has_usage_if_asked_for(usage: Usage | None, shown: Any) -> None:
    _, terminal, _ = payloads(ChunkWriter(frame(include_usage=True)).failure(b"{}", usage))
    assert terminal["usage"] == shown


def test_a_whole_answer_has_all_its_parts() -> None:
    answer = WholeAnswer(frame())
    answer.reasoning("h")
    answer.text("Hel")
    answer.reasoning("m")
    answer.text("lo")
    assert msgspec.json.decode(answer.finish(FinishReason.STOP, USAGE)) == {
        "id": "chatcmpl-run_1",
        "object": "chat.completion",
        "created": 17,
        "model": 'a "model"',
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "annotations": [],
                    "reasoning_content": "hm",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE_OBJECT,
    }


def message_of(answer: WholeAnswer) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(answer.finish(FinishReason.TOOL_CALLS, None))["choices"][0]
    return found


def test_a_whole_answer_with_calls_and_no_text_has_null_content() -> None:
    answer = WholeAnswer(frame())
    answer.tool_call(1, "", "call_b", "g")
    answer.tool_call(0, "{", "call_a", "f")
    answer.tool_call(0, "}", None, None)
    message = message_of(answer)["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "call_b", "type": "function", "function": {"name": "g", "arguments": ""}},
    ]


def test_a_legacy_callers_whole_answer_has_one_function_call() -> None:
    answer = WholeAnswer(frame(legacy_functions=True))
    answer.tool_call(0, "{}", "call_a", "f")
    choice = message_of(answer)
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_an_empty_answer_is_an_empty_string() -> None:
    assert message_of(WholeAnswer(frame()))["message"]["content"] == ""


def test_only_tool_calls_have_a_legacy_word() -> None:
    assert [finish_word(reason, legacy=True) for reason in FinishReason] == [
        "stop",
        "length",
        "function_call",
        "content_filter",
    ]


def test_fields_of_the_upstream_s_own_are_a_chunk_with_each_in_its_place() -> None:
    fields = PassedOn(delta={"audio": '{"id":1}'}, choice={"mood": '"glad"'}, chunk={"provider": '"p"'})
    (chunk,) = payloads(ChunkWriter(frame(include_usage=True)).passed_on(fields))
    assert chunk["choices"] == [
        {"index": 0, "delta": {"audio": {"id": 1}}, "logprobs": None, "mood": "glad", "finish_reason": None}
    ]
    assert (chunk["provider"], chunk["usage"]) == ("p", None)
    (chunk,) = payloads(ChunkWriter(frame()).passed_on(PassedOn(delta={"audio": "1"})))
    assert (chunk["choices"][0]["delta"], chunk.keys() & {"usage", "provider"}) == ({"audio": 1}, set())


def test_a_whole_answer_has_the_upstream_s_own_fields_in_their_places() -> None:
    answer = WholeAnswer(frame(), "ses_1")
    answer.text("hi")
    answer.passed_on(PassedOn(delta={"notes": '"a"'}, choice={"mood": '"glad"'}))
    answer.passed_on(PassedOn(delta={"notes": '"b"'}, chunk={"provider": '"p"'}))
    whole = msgspec.json.decode(answer.finish(FinishReason.STOP, USAGE))
    (choice,) = whole["choices"]
    assert (choice["message"]["content"], choice["message"]["notes"], choice["mood"]) == ("hi", "ab", "glad")
    assert (whole["provider"], whole["session_id"]) == ("p", "ses_1")

"""A demo site of OpenAI's own API: its two forms of answer, its refusals, and that it keeps nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from mix2api.demo import Demo, DemoKind, numbered_text


@pytest.fixture
async def ask(
    start_demo: Callable[..., Awaitable[Demo]], connect: Callable[[Demo], Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    """Puts one user message; each request has a connection of its own."""
    demo = await start_demo(kind=DemoKind.OPENAI, chunks=4, size=20, context_window=100)

    async def ask(text: str, **fields: Any) -> Any:
        client = await connect(demo)
        body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": True, **fields}
        got = await client.call("POST", "/v1/chat/completions", msgspec.json.encode(body))
        assert not demo.sessions
        return got

    return ask


def deltas(got: Any) -> list[dict[str, Any]]:
    return [frame["choices"][0]["delta"] for frame in got.frames if frame.get("choices")]


async def test_a_stream_is_chunks_with_role_text_finish_and_the_usage_that_was_asked_for(ask: Any) -> None:
    got = await ask("hello", stream_options={"include_usage": True})
    assert "".join(delta.get("content", "") for delta in deltas(got)) == "".join(
        numbered_text("hello", 4, 20)
    )
    assert got.frames[-2]["choices"][0]["finish_reason"] == "stop"
    assert got.frames[-1]["usage"]["total_tokens"] > 0
    assert got.done
    assert not any("usage" in frame for frame in (await ask("hello")).frames)


async def test_a_whole_answer_is_one_completion(ask: Any) -> None:
    body = (await ask('[[reasoning:so]] [[tools:f{"x":1}]] [[unknown_frames]]', stream=False)).json
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning_content"] == "so"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x":1}'}
    assert choice["message"]["x_note"] == "many-lined"
    assert body["usage"]["completion_tokens"] > 0
    assert "usage" not in (await ask("[[usage:none]]", stream=False)).json
    assert (await ask("[[error_mid:no]]", stream=False)).json == {"error": {"message": "no"}}
    assert (await ask("[[bad_json]]", stream=False)).body[-1:] != b"}\n"


@pytest.mark.parametrize("word", ["tools", "tools_whole", "tools_interleaved"])
async def test_calls_have_an_index_their_name_first_and_their_arguments_after(ask: Any, word: str) -> None:
    got = await ask(f'[[{word}:f{{"x":"a long argument that is cut"}};g{{"y":2}}]]')
    arguments: dict[int, str] = {}
    names: dict[int, str] = {}
    for delta in deltas(got):
        for call in delta.get("tool_calls", ()):
            arguments[call["index"]] = arguments.get(call["index"], "") + call["function"]["arguments"]
            names |= {call["index"]: call["function"]["name"]} if "id" in call else {}
    assert names == {0: "f", 1: "g"}
    assert [msgspec.json.decode(text) for text in arguments.values()] == [
        {"x": "a long argument that is cut"},
        {"y": 2},
    ]
    assert got.frames[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_call_can_be_broken_and_a_reason_be_left_out(ask: Any) -> None:
    got = await ask("[[bad_tool:f]]")
    assert any(
        delta.get("tool_calls", [{}])[0].get("function", {}).get("arguments") == '{"x":'
        for delta in deltas(got)
    )
    got = await ask("[[no_reason]]")
    assert got.done
    assert all(frame["choices"][0]["finish_reason"] is None for frame in got.frames)


@pytest.mark.parametrize(
    ("word", "done", "error"),
    [
        ("error_before", True, True),
        ("error_mid", True, True),
        ("error_frame_no_finish", False, True),
        ("abort", True, False),
        ("cut", False, False),
        ("cut:close", False, False),
        ("cut_mid_frame", False, False),
    ],
)
async def test_faults_end_the_stream_without_a_finish(ask: Any, word: str, done: bool, error: bool) -> None:  # noqa: FBT001 - parametrised
    got = await ask(f"[[{word}]]")
    whole = got.payloads if word != "cut_mid_frame" else got.payloads[:-1]
    frames = [msgspec.json.decode(payload) for payload in whole if payload != b"[DONE]"]
    assert got.done is done
    assert any("error" in frame for frame in frames) is error
    assert all(choice["finish_reason"] is None for frame in frames for choice in frame.get("choices", ()))


async def test_silence_bad_json_and_what_a_reader_must_take_stand_in_the_middle(ask: Any) -> None:
    assert b'data: {"choices":[{"delta":\n\n' in (await ask("[[bad_json]]")).body
    got = await ask("[[unknown_frames]] [[silence:1]]")
    assert b"\ndata: " in got.body
    assert b"x_provider" in got.body


async def test_a_request_that_is_none_and_one_that_is_too_long_are_refused(ask: Any) -> None:
    assert (await ask("a", messages=5)).status == 400
    got = await ask("a" * 401)
    assert (got.status, got.json["error"]["code"]) == (400, "context_length_exceeded")

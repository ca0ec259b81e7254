"""The property that matters: what a client puts together from a stream is what it would have got whole."""

from typing import Any

import msgspec
from edge.harness import frames_of
from hypothesis import given
from hypothesis import strategies as st

from mix2api.edge.rendering import StreamRenderer, collect, finish_reason_of, receipt_of
from mix2api.events.kinds import Usage
from mix2api.sessions.worker_port import (
    Accepted,
    Ended,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCallDelta,
)
from mix2api.vocabulary import SUCCESSES, EndReason, FinishReason, Receipt, RequestId, RunId
from mix2api.wire.chat_answer import AnswerFrame, WholeAnswer

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNTS = st.integers(0, 10**6)
USAGES = st.none() | st.builds(
    Usage, prompt_tokens=COUNTS, completion_tokens=COUNTS, total_tokens=COUNTS, reasoning_tokens=COUNTS
)
DELTAS = st.builds(TextDelta, TEXTS) | st.builds(ReasoningDelta, TEXTS)


@st.composite
def scripts(draw: st.DrawFn) -> list[Reply]:
    """Deltas in any order, each call's first piece before its others, and a good ending."""
    replies: list[Reply] = list(draw(st.lists(DELTAS, max_size=6)))
    for index in range(draw(st.integers(0, 2))):
        replies.append(ToolCallDelta(index=index, call_id=f"call_{index}", name=draw(TEXTS)))
        replies += [ToolCallDelta(index=index, arguments=text) for text in draw(st.lists(TEXTS, max_size=3))]
    ended = Ended(
        end_reason=EndReason.STOP,
        finish_reason=draw(st.sampled_from(FinishReason)),
        usage=draw(USAGES),
    )
    return [Accepted(session_id="s", resolution="fresh", reason="x"), *replies, ended]


def renderer(frame: AnswerFrame) -> StreamRenderer:
    return StreamRenderer(frame, RequestId("req"), on_ended=lambda _: None)


def assembled(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What an OpenAI client makes of chunks."""
    message: dict[str, Any] = {"content": ""}
    answer: dict[str, Any] = {"message": message, "usage": None}
    calls: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        answer["usage"] = chunk.get("usage") or answer["usage"]
        for choice in chunk["choices"]:
            delta = choice["delta"]
            answer["finish_reason"] = choice["finish_reason"]
            message["content"] += delta.get("content", "")
            if "reasoning_content" in delta:
                message["reasoning_content"] = (
                    message.get("reasoning_content", "") + delta["reasoning_content"]
                )
            for piece in delta.get("tool_calls", ()):
                call = calls.setdefault(piece["index"], {"id": None, "name": None, "arguments": ""})
                call["id"] = piece.get("id") or call["id"]
                call["name"] = piece["function"].get("name", call["name"])
                call["arguments"] += piece["function"]["arguments"]
    message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return answer


@given(scripts(), st.integers(1, 4))
def test_a_stream_put_together_is_the_whole_answer(script: list[Reply], batch: int) -> None:
    frame = AnswerFrame(run_id=RunId("run_1"), created_s=1, model="m", include_usage=True)
    stream = renderer(frame)
    pieces = b"".join(stream.render(script[at : at + batch]) for at in range(0, len(script), batch))
    *frames, done = frames_of(pieces)
    assert done == "[DONE]"
    streamed = assembled([msgspec.json.decode(frame) for frame in frames])

    answer = WholeAnswer(frame)
    ended = collect(answer, script)
    assert ended is not None
    whole = msgspec.json.decode(answer.finish(finish_reason_of(ended), ended.usage))
    (choice,) = whole["choices"]
    message = choice["message"]
    assert streamed["finish_reason"] == choice["finish_reason"]
    assert streamed["usage"] == whole["usage"]
    assert streamed["message"]["content"] == (message["content"] or "")
    assert streamed["message"].get("reasoning_content") == message.get("reasoning_content")
    assert streamed["message"]["tool_calls"] == [
        {"id": call["id"], **call["function"]} for call in message.get("tool_calls", [])
    ]


@given(scripts())
def test_every_stream_has_exactly_one_role_and_it_comes_first(script: list[Reply]) -> None:
    frame = AnswerFrame(run_id=RunId("run_1"), created_s=1, model="m")
    stream = renderer(frame)
    frames = frames_of(b"".join(stream.render([reply]) for reply in script))
    roles = [
        number
        for number, text in enumerate(frames)
        if text != "[DONE]" and '"role"' in text.split("model")[1]
    ]
    assert roles[0] == 0
    assert "role" in msgspec.json.decode(frames[0])["choices"][0]["delta"]


def test_the_ending_and_its_receipt_stand_once_the_ending_was_rendered() -> None:
    frame = AnswerFrame(run_id=RunId("run_1"), created_s=1, model="m")
    for end_reason in EndReason:
        stream = renderer(frame)
        assert stream.ended is None
        ended = Ended(end_reason=end_reason)
        stream.render([ended])
        assert stream.ended == ended
        good = end_reason in SUCCESSES
        assert receipt_of(ended) is (Receipt.WRITTEN if good else Receipt.ERROR_WRITTEN)


def test_a_success_without_a_finish_reason_gets_the_one_of_its_name() -> None:
    assert {finish_reason_of(Ended(end_reason=reason)) for reason in SUCCESSES} == set(FinishReason)

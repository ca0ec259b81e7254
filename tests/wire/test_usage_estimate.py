"""Token counts where the site gives none."""

from typing import Any

import pytest

from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn
from mix2api.wire.usage_estimate import estimated_usage


def prompt_of(*messages: Message, **fields: Any) -> int:
    return estimated_usage(Turn(model="m", messages=list(messages), **fields), 0, 0).prompt_tokens


CALL = MessageToolCall(id="c", function=FunctionCall("read", '{"path": "a"}'))


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        (Message(role="user", content=""), 4),
        (Message(role="user", content="a" * 40), 14),
        (Message(role="user", content="\u597d" * 40), 34),
        (Message(role="assistant", content=None, tool_calls=[CALL]), 4 + 5),
        (Message(role="assistant", function_call=FunctionCall("read", '{"path": "a"}')), 4 + 5),
        (Message(role="assistant", tool_calls=[MessageToolCall(id="c", custom={})]), 4),
        (Message(role="user", content=[{"type": "text", "text": "a" * 40}, {"type": "text", "text": 5}]), 14),
        (Message(role="user", content=[{"type": "image_url", "image_url": {}}]), 4 + 765),
    ],
)
def test_a_message_is_counted_by_its_bytes_and_its_parts(message: Message, tokens: int) -> None:
    assert prompt_of(message) == tokens


def test_tools_count_too() -> None:
    plain, tools = Message(role="user", content="hi"), [{"type": "function", "function": {"name": "f"}}]
    assert prompt_of(plain, tools=tools) > prompt_of(plain)


def test_an_answer_is_counted_with_its_reasoning_among_it() -> None:
    turn = Turn(model="m", messages=[Message(role="user", content="hi")])
    counts = estimated_usage(turn, 101, 40)
    assert (counts.completion_tokens, counts.reasoning_tokens, counts.cached_tokens) == (26, 10, 0)
    assert counts.total_tokens == counts.prompt_tokens + 26
    assert estimated_usage(turn, 3, 40).reasoning_tokens == 1

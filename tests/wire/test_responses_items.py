"""Input items as messages."""

from typing import Any

import msgspec
import pytest

from mix2api.errors import InvalidRequest
from mix2api.wire.responses_items import Item, messages_of
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall


def items(*given: dict[str, Any]) -> list[Item]:
    return msgspec.convert(list(given), list[Item])


def call(call_id: str) -> MessageToolCall:
    return MessageToolCall(id=call_id, function=FunctionCall("f", "{}"))


def test_messages_with_or_without_a_type_are_messages_and_texts_are_one_text() -> None:
    assert messages_of(
        items(
            {"role": "user", "content": "a"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "b"}, {"type": "text", "text": "c"}],
            },
            {"role": "assistant"},
        )
    ) == [
        Message(role="user", content="a"),
        Message(role="assistant", content="bc"),
        Message(role="assistant", content=""),
    ]


def test_other_parts_become_those_of_chat_completions() -> None:
    (message,) = messages_of(
        items(
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "a"},
                    {"type": "refusal", "refusal": "no"},
                    {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "low"},
                    {"type": "input_image", "image_url": "data:,"},
                    {"type": "input_file", "file_data": "data:,", "filename": "f"},
                    {"type": "input_audio", "input_audio": {"data": "x"}},
                ],
            }
        )
    )
    assert message.content == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "no"},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "file", "file": {"file_data": "data:,", "filename": "f"}},
        {"type": "input_audio", "input_audio": {"data": "x"}},
    ]


def test_calls_are_parts_of_the_answer_before_them_and_outputs_are_results() -> None:
    made = {"type": "function_call", "name": "f", "arguments": "{}"}
    assert messages_of(
        items(
            made | {"call_id": "a"},
            made | {"call_id": "b"},
            {"type": "function_call_output", "call_id": "a", "output": "r"},
            {"type": "reasoning", "summary": []},
            {"role": "assistant", "content": "t"},
            made | {"call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "s"}]},
        )
    ) == [
        Message(role="assistant", tool_calls=[call("a"), call("b")]),
        Message(role="tool", tool_call_id="a", content="r"),
        Message(role="assistant", content="t", tool_calls=[call("c")]),
        Message(role="tool", tool_call_id="c", content="s"),
    ]


def test_a_summary_that_can_be_read_stands_for_what_it_sums_up() -> None:
    item = {"type": "compaction", "id": "c", "encrypted_content": "sealed"}
    (message,) = messages_of(items(item), lambda content: f"opened {content}")
    assert message == Message(role="user", content="Summary of the conversation so far:\n\nopened sealed")


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "compaction", "encrypted_content": "x"}, "input[0]"),
        ({"content": "a"}, "input[0].role"),
        ({"type": "function_call", "name": "f"}, "input[0].call_id"),
        ({"type": "function_call", "call_id": "c"}, "input[0].name"),
        ({"type": "function_call_output"}, "input[0].call_id"),
        ({"type": "item_reference", "id": "x"}, "input[0]"),
        ({"type": "web_search_call"}, "input[0]"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0].text"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "hologram"}]}, "input[0].content[0].type"),
    ],
)
def test_what_cannot_be_served_is_refused_by_its_place(item: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        messages_of(items(item))
    assert caught.value.param == param

"""What a message takes: its frame, its texts, its calls, its parts."""

import json
from pathlib import Path
from typing import Any

import histories
import pytest
from budget.test_tokenizers import CAPTURES
from vocabularies import exact, reference

from mix2api.budget.images import ImageRule
from mix2api.budget.message_tokens import CALL_TOKENS, MessageCounter
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.wire.chat_request import decode_chat_request

COUNTER = MessageCounter(exact(), ImageRule.parse(100))
FRAME = 4


def of(**message: Any) -> int:
    [made] = histories.messages(message)
    return COUNTER.message(made)


def test_a_message_takes_its_text_and_a_frame() -> None:
    assert of(role="user", content="hello world") == FRAME + 2
    assert of(role="user", content="") == FRAME
    assert of(role="assistant", content=None) == FRAME


def test_a_name_an_id_and_a_refusal_count() -> None:
    assert of(role="user", content="hello", name="bob") == FRAME + 1 + 1 + reference("bob")
    assert of(role="tool", content="", tool_call_id="call_123") == FRAME + reference("call_123")
    assert of(role="assistant", refusal="I cannot") == FRAME + reference("I cannot")


def test_calls_count_with_their_ids_and_arguments() -> None:
    call = histories.call('{"path": "a.txt"}', name="read", call_id="call_1")
    taken = CALL_TOKENS + sum(map(reference, ("call_1", "read", '{"path": "a.txt"}')))
    assert of(role="assistant", tool_calls=[call]) == FRAME + taken
    assert of(role="assistant", tool_calls=[call, call]) == FRAME + 2 * taken
    custom = {"id": "call_1", "type": "custom", "custom": {"input": "x"}}
    assert of(role="assistant", tool_calls=[custom]) == FRAME + CALL_TOKENS + reference("call_1") + reference(
        '{"input":"x"}'
    )
    legacy = {"name": "read", "arguments": "{}"}
    assert of(role="assistant", function_call=legacy) == FRAME + CALL_TOKENS + reference("read") + reference(
        "{}"
    )


def test_parts_count_by_their_kind() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x"}}
    file = {"type": "file", "file": {"file_id": "f"}}
    text = {"type": "text", "text": "hello world"}
    assert of(role="user", content=[text, image, text]) == FRAME + 2 + 100 + 2
    assert of(role="user", content=[file]) == FRAME + reference(json.dumps(file, separators=(",", ":")))
    odd = {"type": "text", "text": 5}
    assert of(role="user", content=[odd]) == FRAME + reference('{"type":"text","text":5}')


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_captured_history_takes_its_texts_and_its_frames(path: Path) -> None:
    captured = json.loads(path.read_text())
    turn = decode_chat_request(json.dumps(captured.get("body", captured)).encode())
    framed = COUNTER.history(turn.messages)
    bare = sum(reference(message.content) for message in turn.messages if isinstance(message.content, str))
    assert framed >= bare + FRAME * len(turn.messages)
    assert framed == sum(map(COUNTER.message, turn.messages))


TOOL = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "reads a file",
        "parameters": {"type": "object", "properties": {}},
    },
}


def test_native_tools_take_their_json() -> None:
    assert COUNTER.native_tools(None) == 0
    assert COUNTER.native_tools([]) == 0
    assert COUNTER.native_tools([TOOL]) == reference(json.dumps([TOOL], separators=(",", ":")))


def test_ways_of_counting_have_names_of_their_own() -> None:
    names = {
        MessageCounter(exact(), ImageRule.parse(100)).name,
        MessageCounter(exact()).name,
        MessageCounter(EstimatingTokenizer()).name,
    }
    assert len(names) == 3

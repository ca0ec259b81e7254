"""An answer of Chat Completions in one piece. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mix2api.demo.answers import Answer
from mix2api.demo.directives import Directives
from mix2api.demo.openai_chunks import CREATED_S, FINGERPRINT, finish_word, usage_object
from mix2api.demo.script import error_text
from mix2api.demo.whole import error_body, failing
from mix2api.demo.words import Word


def completion_body(
    answer: Answer, model: str, chat_id: str, words: Directives, usage: Mapping[str, int]
) -> bytes:
    """The `chat.completion` object, or an error; `[[bad_json]]` loses its last byte."""
    fault = failing(words)
    if fault is not None:
        return error_body(error_text(words, fault))
    body: dict[str, Any] = {
        "id": f"chatcmpl-{chat_id}",
        "object": "chat.completion",
        "created": CREATED_S,
        "model": model,
        "system_fingerprint": FINGERPRINT,
        "choices": [_choice(answer, words)],
    }
    if words.text(Word.USAGE) != "none":
        body["usage"] = usage_object(usage)
    encoded = msgspec.json.encode(body)
    return encoded[:-1] if Word.BAD_JSON in words else encoded


def _choice(answer: Answer, words: Directives) -> dict[str, Any]:
    text = "".join(answer.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    if Word.UNKNOWN_FRAMES in words:
        message["x_note"] = "many-lined"
    finish = finish_word(answer.finish)
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}

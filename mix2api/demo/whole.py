"""An answer in the non-streaming forms that the site knows. Pure."""

from collections.abc import Mapping

import msgspec

from mix2api.demo.answers import Answer
from mix2api.demo.directives import Directives
from mix2api.demo.identities import Ids
from mix2api.demo.script import error_text
from mix2api.demo.words import Word

_ERRORS = (Word.JSON_ERROR, Word.ERROR_BEFORE, Word.ERROR_MID, Word.ERROR_NO_FINISH, Word.ABORT)


def error_body(message: str, code: str | None = None) -> bytes:
    """The site's error object."""
    error = {"message": message} if code is None else {"message": message, "code": code}
    return msgspec.json.encode({"error": error})


def quota_body(seconds: int) -> bytes:
    """The error of an account whose quota is used up, as Codex's servers write it."""
    error = {
        "type": "usage_limit_reached",
        "message": "the usage limit has been reached",
        "resets_in_seconds": seconds,
    }
    return msgspec.json.encode({"error": error})


def failing(words: Directives) -> Word | None:
    """The word that makes the whole form an error, if one stands there."""
    return next((word for word in _ERRORS if word in words), None)


def whole_body(answer: Answer, ids: Ids, words: Directives, usage: Mapping[str, int]) -> bytes:
    """The JSON body of a successful or failing answer; `[[bad_json]]` loses its last byte."""
    fault = failing(words)
    if fault is not None:
        return error_body(error_text(words, fault))
    body: dict[str, object] = _form(answer, ids, words)
    if words.text(Word.USAGE) != "none":
        body["usage"] = usage
    encoded = msgspec.json.encode(body)
    return encoded[:-1] if Word.BAD_JSON in words else encoded


def _form(answer: Answer, ids: Ids, words: Directives) -> dict[str, object]:
    text = "".join(answer.pieces)
    named = ids.named(words)
    form = words.text(Word.JSON, "content")
    if form == "parts":
        return {"parts": [*_text_parts(text), *_call_parts(answer)], "messageMetadata": named}
    if form == "whole" or answer.calls:
        # The forms of one text field have no place for calls.
        return _with_calls(answer, text, named)
    return {form: text, "messageMetadata": named}


def _text_parts(text: str) -> list[dict[str, object]]:
    return [{"type": "text", "text": text}] if text else []


def _call_parts(answer: Answer) -> list[dict[str, object]]:
    return [
        {"type": "tool-input", "tool_name": call.name, "tool_input": msgspec.Raw(call.arguments.encode())}
        for call in answer.calls
    ]


def _with_calls(answer: Answer, text: str, named: dict[str, str]) -> dict[str, object]:
    calls = [
        {"toolCallId": call.id, "toolName": call.name, "input": msgspec.Raw(call.arguments.encode())}
        for call in answer.calls
    ]
    body: dict[str, object] = {**named, "text": text, "toolCalls": calls}
    if answer.finish is not None:
        body["finishReason"] = answer.finish
    return body

"""The normal form of a chat history: the same bytes for what is the same history, however a client re-serialises it.

Clients and gateways echo an answer with other white space, other JSON, without reasoning, without the text beside tool
calls, split in two or with `null` for nothing. What they cannot change without meaning something else is kept; each
rule is one function below. Fields are length-prefixed, so that no two histories run together to the same bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from attrs import frozen

from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

_LEADING: Final = frozenset({"system", "developer"})
_ANSWERS: Final = frozenset({"tool", "function"})
_EXACT_INTEGERS: Final = 2**53
"""JavaScript's numbers are doubles: beyond this an echoed integer is no longer the one that was sent."""
_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"


@frozen
class Piece:
    """One normalised message, or a run of tool results.

    `full` and `textless` differ only for an assistant message that has both text and calls: gateways drop that text.
    """

    role: str
    full: bytes
    textless: bytes


def leading_instructions(messages: list[Message]) -> list[Message]:
    """The system and developer messages before anything else: they belong to the realm, not to the history."""
    count = 0
    while count < len(messages) and messages[count].role in _LEADING:
        count += 1
    return messages[:count]


def instructions_form(messages: list[Message]) -> bytes:
    """The normal form of the leading instructions."""
    return _joined(_content(message) for message in leading_instructions(messages))


def tools_form(tools: list[dict[str, Any]] | None) -> bytes:
    """The normal form of the offered tools: their order does not count."""
    return _joined(sorted(canonical_json(tool) for tool in tools or ()))


def pieces(messages: list[Message]) -> Iterator[Piece]:
    """The normal form of a history, leading instructions left out, message by message."""
    rest = messages[len(leading_instructions(messages)) :]
    place = 0
    while place < len(rest):
        end = _run_end(rest, place)
        piece = _piece(rest[place:end])
        if piece is not None:
            yield piece
        place = end


def _run_end(messages: list[Message], place: int) -> int:
    """Where the run of messages ends that are one piece: adjacent assistant messages, adjacent tool results."""
    kind = _kind(messages[place])
    end = place + 1
    if kind in {"assistant", "result"}:
        while end < len(messages) and _kind(messages[end]) == kind:
            end += 1
    return end


def _kind(message: Message) -> str:
    if message.role in _ANSWERS:
        return "result"
    return "system" if message.role == "developer" else message.role


def _piece(run: list[Message]) -> Piece | None:
    kind = _kind(run[0])
    if kind == "assistant":
        return assistant_piece(run)
    encoded = _joined(sorted(_result(message) for message in run)) if kind == "result" else _content(run[0])
    whole = _fields(kind.encode(), encoded)
    return Piece(kind, whole, whole)


def assistant_piece(run: list[Message]) -> Piece | None:
    """Adjacent assistant messages as one; None if there is nothing in them."""
    text = _fields(*_assistant_content(run))
    calls = _joined(_call(call) for message in run for call in _calls(message))
    refusal = _text("".join(message.refusal or "" for message in run)).encode("utf-8", "surrogatepass")
    if not calls and not refusal and text == _NO_TEXT:
        return None
    full = _fields(b"assistant", text, calls, refusal)
    return Piece("assistant", full, _fields(b"assistant", _NO_TEXT, calls, refusal) if calls else full)


def _assistant_content(run: list[Message]) -> tuple[bytes, bytes]:
    """Text and other parts of an assistant's messages, without one leading thought."""
    texts, others = [], []
    for message in run:
        text, parts = _split(message.content)
        texts.append(text)
        others += parts
    return _text(_without_thought("".join(texts))).encode("utf-8", "surrogatepass"), _joined(others)


def _content(message: Message) -> bytes:
    text, others = _split(message.content)
    return _fields(_text(text).encode("utf-8", "surrogatepass"), _joined(others))


def _split(content: str | list[dict[str, Any]] | None) -> tuple[str, list[bytes]]:
    """Joined text, and the normal forms of the parts that are not text."""
    if content is None or isinstance(content, str):
        return content or "", []
    texts = [part["text"] for part in content if _is_text(part)]
    others = [_part(part) for part in content if not _is_text(part) and part.get("type") not in _THOUGHTS]
    return "".join(texts), others


_THOUGHTS: Final = frozenset({"thinking", "reasoning", "redacted_thinking"})


def _is_text(part: dict[str, Any]) -> bool:
    return part.get("type") in {"text", "input_text", "output_text"} and isinstance(part.get("text"), str)


def _part(part: dict[str, Any]) -> bytes:
    """A part that is not text: its type and a digest of what it holds; cache marks do not count."""
    kept = {name: value for name, value in part.items() if name != "cache_control"}
    body = canonical_json(kept)
    return _fields(str(part.get("type")).encode("utf-8", "surrogatepass"), hashlib.blake2b(body).digest())


def _calls(message: Message) -> Iterable[MessageToolCall]:
    if message.tool_calls:
        return message.tool_calls
    if message.function_call is not None:
        return (MessageToolCall(id="", function=message.function_call),)
    return ()


def _call(call: MessageToolCall) -> bytes:
    function = call.function or FunctionCall(name="", arguments=_custom(call))
    return _fields(call.id.encode(), function.name.encode(), canonical_arguments(function.arguments))


def _custom(call: MessageToolCall) -> str:
    return canonical_json(call.custom).decode() if call.custom is not None else ""


def _result(message: Message) -> bytes:
    key = message.tool_call_id or message.name or ""
    return _fields(key.encode("utf-8", "surrogatepass"), _content(message))


def canonical_arguments(arguments: str) -> bytes:
    """A call's argument text: canonical JSON; if it is none, the stripped text; nothing is `{}`."""
    stripped = arguments.strip()
    if not stripped:
        return b"{}"
    try:
        return canonical_json(msgspec.json.decode(stripped))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return b"=" + stripped.encode("utf-8", "surrogatepass")


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and numbers as a JavaScript client echoes them (RFC 8785's purpose, not its letter)."""
    return msgspec.json.encode(_numbers(value), order="sorted")


def _numbers(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return value if -_EXACT_INTEGERS <= value <= _EXACT_INTEGERS else _float(value)
        case float():
            return int(value) if value.is_integer() and abs(value) <= _EXACT_INTEGERS else value
        case dict():
            return {name: _numbers(inner) for name, inner in value.items()}
        case list():
            return [_numbers(inner) for inner in value]
        case _:
            return value


def _float(value: int) -> float | str:
    try:
        return float(value)
    except OverflowError:
        return str(value)


def _text(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _without_thought(text: str) -> str:
    """The text after one leading `<think>…</think>`."""
    stripped = text.lstrip()
    if not stripped.startswith(_THINK_OPEN):
        return text
    _, closed, after = stripped.partition(_THINK_CLOSE)
    return after if closed else text


def _fields(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _joined(parts: Iterable[bytes]) -> bytes:
    listed = list(parts)
    return _fields(*listed) if listed else b""


_NO_TEXT: Final = _fields(b"", b"")

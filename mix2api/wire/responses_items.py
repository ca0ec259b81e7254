"""Input items of the Responses API as the messages of a turn. Pure.

A message is a message; a call is a part of the assistant message before it, or one of its own; an output is a tool's result.
Thoughts in a history go nowhere (ADR 30). What only its maker can serve (items stored elsewhere, hosted tools' items) is refused.
Source: OpenAI API reference, "Create a model response", `input`.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mix2api.errors import InvalidRequest
from mix2api.wire.tool_fields import wrong_value
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Role

_Object = dict[str, Any]
Opened = Callable[[str], str | None]
"""Gives the summary in a compaction's `encrypted_content`; None where another server made it."""
SUMMARY_HEAD: Final = "Summary of the conversation so far:\n\n"
"""First words of the message that a compaction becomes."""
_TEXTS: Final = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})


class Item(Struct, kw_only=True):
    """Any input item, as far as it is read."""

    type: str = "message"
    role: Role | UnsetType = UNSET
    content: str | list[_Object] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str | list[_Object] = ""
    encrypted_content: str = ""


def no_summary(_: str) -> None:
    """Of a server that makes none."""


def messages_of(items: list[Item], opened: Opened = no_summary) -> list[Message]:
    """The messages, in order.

    Args:
        items: as they came.
        opened: reads the summaries in compactions.

    Raises:
        InvalidRequest: an item that cannot be served here; `param` is its path.
    """
    messages: list[Message] = []
    for index, item in enumerate(items):
        path = f"input[{index}]"
        match item.type:
            case "message":
                messages.append(_message(item, path))
            case "function_call":
                _add_call(messages, _call(item, path))
            case "function_call_output":
                messages.append(_output(item, path))
            case "reasoning":
                continue
            case "compaction" | "compaction_summary":
                messages.append(_summary(item, path, opened))
            case "item_reference":
                raise _refused(
                    path,
                    "responses are not stored here: send the item itself, as clients do with `store: false`",
                )
            case _:
                raise _refused(path, "this type of item cannot be served here")
    return messages


def _summary(item: Item, path: str, opened: Opened) -> Message:
    summary = opened(item.encrypted_content)
    if summary is None:
        raise _refused(path, "another server made this compaction: send what it sums up")
    return Message(role="user", content=SUMMARY_HEAD + summary)


def _message(item: Item, path: str) -> Message:
    if item.role is UNSET:
        raise InvalidRequest(
            f"Missing required parameter '{path}.role': it must be one of user, assistant, system, developer.",
            param=f"{path}.role",
            code="missing_required_parameter",
        )
    content = item.content
    if isinstance(content, list):
        content = _content(content, f"{path}.content")
    return Message(role=item.role, content=content if content is not None else "")


def _content(parts: list[_Object], path: str) -> str | list[_Object]:
    """One text where all parts are text, for that is the form in which an answer comes back; else parts of Chat Completions."""
    if all(part.get("type") in _TEXTS for part in parts):
        return "".join(_text(part, f"{path}[{place}]") for place, part in enumerate(parts))
    return [_part(part, f"{path}[{place}]") for place, part in enumerate(parts)]


def _text(part: _Object, path: str) -> str:
    text = part.get("text")
    if not isinstance(text, str):
        raise wrong_value(f"{path}.text")
    return text


def _part(part: _Object, path: str) -> _Object:
    match part.get("type"):
        case kind if kind in _TEXTS:
            return {"type": "text", "text": _text(part, path)}
        case "refusal":
            return {"type": "text", "text": str(part.get("refusal", ""))}
        case "input_image" if isinstance(part.get("image_url"), str):
            image = {name: part[name] for name in ("detail",) if part.get(name) is not None}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **image}}
        case "input_file" if part.get("file_data") is not None:
            file = {name: part[name] for name in ("file_data", "filename") if part.get(name) is not None}
            return {"type": "file", "file": file}
        case "input_audio":
            return part
        case "input_image" | "input_file":
            raise _refused(path, "no file is stored here: send its data or a URL of an image")
        case _:
            raise _refused(f"{path}.type", "this type of content cannot be served here")


def _call(item: Item, path: str) -> MessageToolCall:
    if not item.call_id:
        raise _missing(f"{path}.call_id")
    if not item.name:
        raise _missing(f"{path}.name")
    return MessageToolCall(id=item.call_id, function=FunctionCall(item.name, item.arguments))


def _add_call(messages: list[Message], call: MessageToolCall) -> None:
    """Puts a call into the answer that it is a part of."""
    last = messages[-1] if messages else None
    if last is None or last.role != "assistant":
        messages.append(Message(role="assistant", tool_calls=[call]))
    elif last.tool_calls is None:
        messages[-1] = msgspec.structs.replace(last, tool_calls=[call])
    else:
        last.tool_calls.append(call)  # the list is ours, and of no other message


def _output(item: Item, path: str) -> Message:
    if not item.call_id:
        raise _missing(f"{path}.call_id")
    output = item.output
    content = _content(output, f"{path}.output") if isinstance(output, list) else output
    return Message(role="tool", tool_call_id=item.call_id, content=content)


def _missing(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter '{param}': it must be a non-empty string.",
        param=param,
        code="missing_required_parameter",
    )


def _refused(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"Unsupported value for '{param}': {why}.", param=param, code="unsupported_value")

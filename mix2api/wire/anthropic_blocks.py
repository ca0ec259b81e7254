"""Blocks and tools of Anthropic's Messages API inside a chat request, as what they are in OpenAI's form. Pure.

Cursor sends them to `/v1/chat/completions` for models whose name has "claude" in it. A `tool_use` block is a call, a
`tool_result` block is a message of role `tool`, thoughts are the model's own and go nowhere. Source: Anthropic's API
reference, "Messages".
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from mix2api.errors import InvalidRequest
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

_Object = dict[str, Any]
_TOOL_USE, _TOOL_RESULT, _IMAGE = "tool_use", "tool_result", "image"
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})
_FOREIGN: Final = frozenset({_TOOL_USE, _TOOL_RESULT, _IMAGE, *_THOUGHTS})
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}


def in_openai_form(messages: list[Message]) -> list[Message]:
    """The messages with such blocks as calls, results and parts; the very list if there are none.

    Raises:
        InvalidRequest: a block without what makes it one; `param` is its path in the request.
    """
    if not any(_has_blocks(message) for message in messages):
        return messages
    found: list[Message] = []
    for index, message in enumerate(messages):
        if not _has_blocks(message):
            found.append(message)
        elif message.role == "assistant":
            found.append(_answer(index, message))
        else:
            found += _results_and_rest(index, message)
    return found


def _has_blocks(message: Message) -> bool:
    content = message.content
    if type(content) is not list:
        return False
    return any(_kind(part) in _FOREIGN for part in content)


def _kind(part: _Object) -> str:
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def _blocks(message: Message) -> list[_Object]:
    content = message.content
    return content if isinstance(content, list) else []


def _answer(index: int, message: Message) -> Message:
    calls = list(message.tool_calls or ())
    parts: list[_Object] = []
    for place, part in enumerate(_blocks(message)):
        kind = _kind(part)
        if kind == _TOOL_USE:
            calls.append(_call(part, f"messages[{index}].content[{place}]"))
        elif kind not in _THOUGHTS:
            parts.append(_part(part))
    return replace(message, content=parts or None, tool_calls=calls or None)


def _call(block: _Object, path: str) -> MessageToolCall:
    name = _text_at(block, "name", path)
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    return MessageToolCall(id=_text_at(block, "id", path), function=FunctionCall(name, arguments))


def _results_and_rest(index: int, message: Message) -> list[Message]:
    """The results, which answer the message before, and then what else was said."""
    results: list[Message] = []
    rest: list[_Object] = []
    for place, part in enumerate(_blocks(message)):
        if _kind(part) == _TOOL_RESULT:
            results.append(_result(part, f"messages[{index}].content[{place}]"))
        else:
            rest.append(_part(part))
    return [*results, replace(message, content=rest)] if rest else results


def _result(block: _Object, path: str) -> Message:
    content = block.get("content")
    if isinstance(content, list):
        content = [
            _part(part) if isinstance(part, dict) else {"type": "text", "text": str(part)} for part in content
        ]
    elif not isinstance(content, str):
        content = ""
    return Message(role="tool", tool_call_id=_text_at(block, "tool_use_id", path), content=content)


def _part(part: _Object) -> _Object:
    """An image in OpenAI's form; every other part as it is."""
    source = part.get("source")
    if _kind(part) != _IMAGE or not isinstance(source, dict):
        return part
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type', 'image/png')};base64,{source.get('data', '')}"
    else:
        url = str(source.get("url", ""))
    return {"type": "image_url", "image_url": {"url": url}}


def _text_at(block: _Object, name: str, path: str) -> str:
    text = block.get(name)
    if not isinstance(text, str) or not text:
        raise InvalidRequest(
            f"Invalid value for '{path}.{name}': it must be a non-empty string.",
            param=f"{path}.{name}",
            code="invalid_value",
        )
    return text


def function_of(tool: _Object) -> _Object:
    """A function's own object, with its `input_schema` as the parameters that it is."""
    if "input_schema" not in tool:
        return tool
    function = {name: value for name, value in tool.items() if name not in {"input_schema", "cache_control"}}
    if function.get("parameters") is None:
        function["parameters"] = tool["input_schema"]
    return function


def choice_of(tool_choice: _Object) -> str | _Object:
    """A tool choice of Anthropic's as OpenAI's; every other one as it is."""
    kind = tool_choice.get("type")
    if isinstance(kind, str) and kind in _CHOICES:
        return _CHOICES[kind]
    if kind == "tool" and isinstance(tool_choice.get("name"), str):
        return {"type": "function", "function": {"name": tool_choice["name"]}}
    return tool_choice


def forbids_parallel(tool_choice: str | _Object | None) -> bool:
    """Whether a choice of Anthropic's allows one call only."""
    return isinstance(tool_choice, dict) and tool_choice.get("disable_parallel_tool_use") is True

"""Values of a request that are not OpenAI's letter and mean one thing only, as what they mean. Pure.

Typed languages write a field that they do not set as `null`, and some write whole numbers as floats. Others write an id as
a number, arguments and results as the objects that they are, or content without the wrapping of parts. Only a body that the
strict decoder refused comes here, so that the others pay nothing. What is not certain is left for the decoder to refuse.
"""

from typing import Any, Final

import msgspec

_WHOLE: Final = ("max_output_tokens", "max_completion_tokens", "max_tokens", "seed", "n", "top_logprobs")
"""Fields that hold whole numbers."""
_OPTIONAL_OF_CALLS: Final = ("type", "function", "custom")
_OTHER_SHAPES: Final = {
    "input": "a request to OpenAI's Responses API (`input`)",
    "prompt": "a request to OpenAI's legacy Completions API (`prompt`)",
}
"""What stands where `messages` should, and whose body that is."""


def as_meant(body: Any) -> Any:
    """The decoded body with such values replaced, in place."""
    if not isinstance(body, dict):
        return body
    for name in _WHOLE:
        value = body.get(name)
        if isinstance(value, float) and value.is_integer():
            body[name] = int(value)
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            _mend_calls(message)
            _mend_content(message)
    return body


def other_shape(body: Any) -> str | None:
    """Whose body it is, in words, if it has no `messages` but what another API has in their place."""
    if not isinstance(body, dict) or body.get("messages") is not None:
        return None
    return next((words for name, words in _OTHER_SHAPES.items() if body.get(name) is not None), None)


def _mend_calls(message: dict[str, Any]) -> None:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            for name in _OPTIONAL_OF_CALLS:
                if name in call and call[name] is None:
                    del call[name]
            _mend_id(call, "id")
            _mend_arguments(call.get("function"))
    _mend_id(message, "tool_call_id")
    _mend_arguments(message.get("function_call"))


def _mend_id(holder: dict[str, Any], name: str) -> None:
    """A whole number is the id that its digits are."""
    if type(holder.get(name)) is int:
        holder[name] = str(holder[name])


def _mend_content(message: dict[str, Any]) -> None:
    """One part is a list of one, a text is a part, and a result is the text of its JSON."""
    content = message.get("content")
    if isinstance(content, dict) and isinstance(content.get("type"), str):
        message["content"] = [content]
    elif isinstance(content, list):
        message["content"] = [
            {"type": "text", "text": part} if type(part) is str else part for part in content
        ]
    elif message.get("role") == "tool" and isinstance(content, dict | int | float):
        message["content"] = msgspec.json.encode(content).decode()


def _mend_arguments(function: Any) -> None:
    """No arguments are an empty text, an object is the text of its JSON."""
    if not isinstance(function, dict) or "arguments" not in function:
        return
    arguments = function["arguments"]
    if arguments is None:
        function["arguments"] = ""
    elif isinstance(arguments, dict):
        function["arguments"] = msgspec.json.encode(arguments).decode()

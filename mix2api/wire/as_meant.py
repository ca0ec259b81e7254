"""Values of a request that are not OpenAI's letter and mean one thing only, as what they mean. Pure.

Typed languages write a field that they do not set as `null`, and some write whole numbers as floats. Only a body that the strict decoder refused comes here, so that the others pay
nothing. What is not certain is left for the decoder to refuse.
"""

from typing import Any, Final

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
            _mend_arguments(call.get("function"))
    _mend_arguments(message.get("function_call"))


def _mend_arguments(function: Any) -> None:
    """No arguments are an empty text."""
    if not isinstance(function, dict) or "arguments" not in function:
        return
    if function["arguments"] is None:
        function["arguments"] = ""

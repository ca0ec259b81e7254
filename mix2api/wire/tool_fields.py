"""The request fields about tools, in all the forms that clients send, as the one form that `Turn` has.

That form is OpenAI's own. Functions stand in a wrapper, `{"type": "function", "function": {…}}`, with all that the client
said of them; tools of every other type (`mcp`, `web_search`, `custom`, `namespace`, …) stay as they came, unread.
"""

from typing import Any, Final

from mix2api.errors import InvalidRequest
from mix2api.wire.anthropic_blocks import choice_of, function_of
from mix2api.wire.request_fields import allowed_at

_Object = dict[str, Any]
_FUNCTION: Final = "function"
_ANTHROPIC_S_OWN: Final = "custom"
"""The type that Anthropic gives a client's tool. OpenAI's custom tools have no `input_schema`."""
CHOICE_WORDS: Final = frozenset({"none", "auto", "required"})
"""What `tool_choice` may be if it is no object."""
_LEGACY_WORDS: Final = frozenset({"none", "auto"})


def tools_of(tools: list[_Object] | None, functions: list[_Object] | None) -> list[_Object] | None:
    """`tools`, else legacy `functions`, as `Turn.tools` has them.

    Raises:
        InvalidRequest: a function without a name.
    """
    if tools is not None:
        return [_tool(index, tool) for index, tool in enumerate(tools)]
    if functions is None:
        return None
    for index, function in enumerate(functions):
        check_name(function, f"functions[{index}].name")
    return [{"type": _FUNCTION, _FUNCTION: function} for function in functions]


def _tool(index: int, tool: _Object) -> _Object:
    kind = tool.get("type")
    if kind is not None and not isinstance(kind, str):
        raise wrong_value(f"tools[{index}].type")
    if kind not in {None, _FUNCTION} and not ("input_schema" in tool and kind == _ANTHROPIC_S_OWN):
        return tool
    function = tool.get(_FUNCTION)
    if isinstance(function, dict):
        check_name(function, f"tools[{index}].function.name")
        if "input_schema" in function:
            return {**tool, "type": _FUNCTION, _FUNCTION: function_of(function)}
        return tool if kind == _FUNCTION else {**tool, "type": _FUNCTION}
    if function is None and isinstance(tool.get("name"), str) and tool["name"]:
        return {"type": _FUNCTION, _FUNCTION: _bare(tool)}
    if kind == _FUNCTION or function is not None:
        raise wrong_value(f"tools[{index}].function")
    return tool  # neither type nor name: a placeholder of somebody's, kept as it is


def _bare(tool: _Object) -> _Object:
    """What a function without a wrapper says of itself."""
    bare = {name: value for name, value in tool.items() if name not in {"type", _FUNCTION}}
    return function_of(bare)


def tool_choice_of(
    tool_choice: str | _Object | None, function_call: str | _Object | None
) -> str | _Object | None:
    """`tool_choice`, else legacy `function_call`, as `Turn.tool_choice` has it: a word, or an object with a `type`.

    Raises:
        InvalidRequest: a word that is none, an object without a type or a name.
    """
    if tool_choice is None:
        return _legacy_choice(function_call)
    if isinstance(tool_choice, str):
        if tool_choice not in CHOICE_WORDS:
            raise wrong_value("tool_choice")
        return tool_choice
    tool_choice = choice_of(tool_choice)
    if isinstance(tool_choice, str):
        return tool_choice
    kind = tool_choice.get("type")
    if not isinstance(kind, str):
        raise wrong_value("tool_choice.type")
    if kind != _FUNCTION:
        return tool_choice
    function = tool_choice.get(_FUNCTION)
    if isinstance(function, dict):
        check_name(function, "tool_choice.function.name")
        return tool_choice
    check_name(tool_choice, "tool_choice.function.name")
    return {"type": _FUNCTION, _FUNCTION: {"name": tool_choice["name"]}}


def _legacy_choice(function_call: str | _Object | None) -> str | _Object | None:
    if function_call is None:
        return None
    if isinstance(function_call, str):
        if function_call not in _LEGACY_WORDS:
            raise wrong_value("function_call")
        return function_call
    check_name(function_call, "function_call.name")
    return {"type": _FUNCTION, _FUNCTION: function_call}


def check_name(holder: _Object, param: str) -> None:
    """Refuses a function without a name."""
    name = holder.get("name")
    if not isinstance(name, str) or not name:
        raise wrong_value(param)


def wrong_value(param: str) -> InvalidRequest:
    """The refusal of a value that cannot stand at this path; the value is not quoted."""
    return InvalidRequest(
        f"Invalid value for '{param}': it must be {allowed_at(param)}.", param=param, code="invalid_value"
    )

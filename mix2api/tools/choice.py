"""`tool_choice` in all its forms as one rule: whether tools may be called, must be, and which ones. Pure.

Source: OpenAI API reference, "Create chat completion", `tool_choice`. A choice of a tool that is no function (`custom`, `mcp`,
…) goes upstream as it came and leaves functions free: this adapter never calls such a tool.
"""

from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from mix2api.errors import InvalidRequest
from mix2api.wire.turn import Turn

_FUNCTION: Final = "function"
_ALLOWED: Final = "allowed_tools"


class CallMode(StrEnum):
    """Whether the model is to call functions."""

    NEVER = "none"
    FREELY = "auto"
    ALWAYS = "required"


@frozen
class Choice:
    """What the caller allows."""

    mode: CallMode = CallMode.FREELY
    names: frozenset[str] | None = None
    """Only these functions; None: any that is offered."""

    def allows(self, name: str) -> bool:
        """Whether a function of that name may be called, if it is offered."""
        return self.mode is not CallMode.NEVER and (self.names is None or name in self.names)


def choice_of(turn: Turn, offered: frozenset[str]) -> Choice:
    """The turn's rule.

    Args:
        turn: with its `tool_choice` as the wire gives it.
        offered: names of the functions in its `tools`.

    Raises:
        InvalidRequest: param `tool_choice`: a call is demanded that nothing is offered for.
    """
    asked = turn.tool_choice
    match asked:
        case None:
            return Choice()
        case str():
            choice = Choice(CallMode(asked))
        case {"type": "function", "function": {"name": str(name)}}:
            choice = Choice(CallMode.ALWAYS, frozenset({name}))
        case {"type": "allowed_tools"}:
            choice = _allowed(asked)
        case _:
            return Choice()
    if choice.mode is CallMode.ALWAYS:
        _check_offered(turn, choice, offered)
    return choice


def _check_offered(turn: Turn, choice: Choice, offered: frozenset[str]) -> None:
    if not turn.tools:
        raise _refused("it demands a call, and there are no `tools`")
    if choice.names is not None and not choice.names & offered:
        if turn.legacy_functions:
            raise _refused("it demands a function that is not in `functions`", "function_call")
        raise _refused("it demands a function that is not in `tools`")


def _allowed(asked: dict[str, Any]) -> Choice:
    """`{"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}`, the fields also beside the type."""
    inner = asked.get(_ALLOWED, asked)
    tools = inner.get("tools") if isinstance(inner, dict) else None
    mode = inner.get("mode", CallMode.FREELY) if isinstance(inner, dict) else None
    if not (isinstance(tools, list) and isinstance(mode, str) and mode in {CallMode.FREELY, CallMode.ALWAYS}):
        raise _refused("`allowed_tools` needs `mode` (auto or required) and a list of `tools`")
    names = [_name(tool) for tool in tools]
    functions = frozenset(name for name in names if name is not None)
    if None in names and not functions:
        # What may be demanded is a tool of another type, and that is between client and site.
        return Choice(CallMode.FREELY, functions)
    return Choice(CallMode(mode), functions)


def _name(tool: Any) -> str | None:
    if not isinstance(tool, dict) or tool.get("type", _FUNCTION) != _FUNCTION:
        return None
    function = tool.get(_FUNCTION, tool)
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _refused(why: str, param: str = "tool_choice") -> InvalidRequest:
    return InvalidRequest(f"Invalid value for '{param}': {why}.", param=param, code="invalid_value")

"""What tools a turn offers: as fields of the request, or told in words as a site without native tools gets them. Pure.

The words are read as a model would read them, from the texts alone: a line of JSON with a name (or a name with its
parameters in brackets) is a tool, and a few sentences say whether one must, may or may not be called next.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import frozen

_FORM: Final = '"tool_calls"'
"""Stands in every text that tells of tools: it is the form that a call must have."""
_BRIEF: Final = re.compile(r"([A-Za-z_][\w.-]*)\(([\w., -]*)\)")
_NEVER: Final = "Do not call any tool in your next answer"
_MUST: Final = "Your next answer must be a tool call"
_SINGLE: Final = "Make at most one tool call in your next answer"
_ONLY: Final = re.compile(r"It may only call: ([^\n]*)\.(?: |$)", re.MULTILINE)


@frozen
class OfferedTool:
    """A function tool."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = {}
    """Its JSON schema; empty if it has none."""


@frozen
class Offer:
    """The tools that the next answer may call."""

    tools: tuple[OfferedTool, ...] = ()
    in_words: bool = False
    """Whether a call is written as text."""
    must: bool = False
    """Whether the next answer has to be a call."""
    single: bool = False
    """Whether the next answer may hold one call at most."""


NOTHING_OFFERED: Final = Offer()


def native_offer(offered: Sequence[Any], choice: Any, *, single: bool = False) -> Offer:
    """The offer of a request with `tools` in OpenAI's shape; other kinds than functions are left out.

    Args:
        offered: the request's `tools`.
        choice: its `tool_choice`.
        single: its `parallel_tool_calls` is false.
    """
    functions = (each.get("function") for each in offered if isinstance(each, dict))
    found = tuple(tool for each in functions if (tool := _tool(each)) is not None)
    match choice:
        case "none":
            return NOTHING_OFFERED
        case {"type": "function", "function": {"name": name}}:
            return Offer(_of(found, [name]), must=True, single=single)
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools), **rest}}:
            names = [each.get("function", {}).get("name") for each in tools]
            return Offer(_of(found, names), must=rest.get("mode") == "required", single=single)
        case _:
            return Offer(found, must=choice == "required", single=single)


def _of(tools: Iterable[OfferedTool], names: Sequence[Any]) -> tuple[OfferedTool, ...]:
    return tuple(tool for tool in tools if tool.name in names)


def told_offer(standing: Iterable[str], now: str) -> Offer:
    """The offer as it was told in words.

    Args:
        standing: texts that may list the tools; the first one that does so counts.
        now: the texts of this turn, which may say what holds for the next answer.
    """
    if _NEVER in now:
        return NOTHING_OFFERED
    tools = next((found for text in standing if _FORM in text and (found := _listed(text))), ())
    only = _ONLY.search(now)
    if only is not None:
        tools = _of(tools, only[1].split(", "))
    return Offer(tools, in_words=True, must=_MUST in now, single=_SINGLE in now)


def _listed(text: str) -> tuple[OfferedTool, ...]:
    return tuple(tool for line in text.split("\n") if (tool := _told(line.strip())) is not None)


def _told(line: str) -> OfferedTool | None:
    if line.startswith('{"name"'):
        try:
            return _tool(msgspec.json.decode(line))
        except (msgspec.DecodeError, RecursionError):
            return None
    brief = _BRIEF.fullmatch(line)
    if brief is None:
        return None
    keys = [key for each in brief[2].split(",") if (key := each.strip())]
    # Names are all that is told: each is taken for a text that has to be given.
    schema = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": keys}
    return OfferedTool(brief[1], parameters=schema)


def _tool(function: Any) -> OfferedTool | None:
    if not isinstance(function, dict) or not isinstance(name := function.get("name"), str) or not name:
        return None
    description, schema = function.get("description"), function.get("parameters")
    return OfferedTool(
        name,
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else {},
    )

"""Whether calls in a text were written strictly: then the site holds exactly what the client got. Pure.

Strict is valid JSON, in an enclosure or in a model's own tags, and parameters in tags, which are text and need no repair.
"""

# ruff: noqa: RUF001 - DeepSeek's tags are full-width

import json
import re
from typing import Any, Final

_CALLS: Final = re.compile(
    r"[{<\[](?:"
    r'(?P<enclosure>\s*+"tool_calls?"\s*+:)'
    r"|(?P<calls>tool_calls?>|function_call>|\|tool_call\|>|\|python_tag\|>|TOOL_CALLS\])\s*+(?=[{\[])"
    r"|(?P<arguments>｜tool▁sep｜>|\|tool_call_argument_begin\|>|ARGS\]|function=[^<>\n]{1,256}+>)"
    r"(?:\s*+[\w.-]{1,256}+\s*+```json)?\s*+(?=\{)"
    r"|(?P<parameters>/function>|/(?:[^<>\s]{1,8}?)?invoke>|/arg_value>\s*+</tool_call>)"
    r"|(?P<name>tool_call>\s*+[\w.-]{1,256}+\s*+</tool_call>))"
)
"""Where calls begin as JSON, and what stands once in each call that is written in tags alone."""
_FUNCTION_END: Final = re.compile(r"\s*</function>")
_DECODER: Final = json.JSONDecoder()
_JUDGED_CHARS: Final = 1_000_000
"""Characters of an answer that are judged: the worst JSON of that length takes the decoder some 20 ms, in one call."""

_BEGINNINGS_MAX: Final = 100_000
"""Characters with which a call may begin: looking behind each of them takes 15 ms, in one step."""


def strict_calls(text: str) -> int:
    """How many calls stand in the text as they were meant to; none in one that is too much to be judged.

    Linear in the text: what was decoded is not looked at again.
    """
    if len(text) > _JUDGED_CHARS or sum(map(text.count, "{<[")) > _BEGINNINGS_MAX:
        return 0
    count = 0
    found = _CALLS.search(text)
    while found is not None:
        kind, end = found.lastgroup, found.end()
        if kind in {"parameters", "name"}:
            count += 1
        else:
            try:
                value, end = _DECODER.raw_decode(text, found.start() if kind == "enclosure" else end)
            except (ValueError, RecursionError):
                return count  # what follows is inside a broken call, or behind it
            count += 1 if kind == "arguments" else _calls_in(value)
            closing = _FUNCTION_END.match(text, end) if kind == "arguments" else None
            end = end if closing is None else closing.end()
        found = _CALLS.search(text, end)
    return count


def _calls_in(value: dict[str, Any] | list[Any]) -> int:
    """Calls in an enclosure, or in what stands in its place between tags: a call, or a list of them."""
    calls = value.get("tool_calls") if isinstance(value, dict) else value
    return len(calls) if isinstance(calls, list) else 1

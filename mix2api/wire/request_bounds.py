"""How much one request may hold: values, messages, parts, calls, tools. Pure.

A body is bounded in bytes, but that says little of the work that it makes: 4 MB hold one prompt, or a million objects. What
each of these is read for takes microseconds in Python, and one step of that work must not hold the loop for more than 20 ms.
"""

import re
from typing import Final

from mix2api.errors import InvalidRequest
from mix2api.steps import Steps
from mix2api.wire.turn import RESULT_ROLES, Message

VALUES_MAX: Final = 100_000
"""Values in a body, those within others among them: 20 ms to decode at worst. Agents with 2,000 messages and 200 tools send
some 60,000."""
MESSAGES_MAX: Final = 5000
"""Messages; histories in use reach some 2,000. Each takes about 8 µs to digest."""
PARTS_MAX: Final = 10_000
"""Content parts, and tool calls, of all messages together: two a message."""
RESULTS_MAX: Final = 1024
"""Tool results behind the last answer. An answer of ours has 256 calls at most; legacy histories put the calls of many answers
side by side, and their results behind them. Each becomes an event of the log."""
TOOLS_MAX: Final = 1000
"""Tools; OpenAI takes 128."""

_SLICE_BYTES: Final = 65_536
"""Bytes of a body that are read in one step: 3 ms if every second one is an escape."""
_TOKENS: Final = 1000
"""Strings that are read in one step."""
_PLAIN: Final = re.compile(rb'[^"]*')
_IN_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


def value_steps(body: bytes) -> Steps[None]:
    """Counts the values of a body before anything is made of them.

    Counted are commas and opening brackets. First those of the whole body, in one call: more there are not. Only where
    those are too many, those within strings are left out, which takes longer and so is done in steps.

    Raises:
        InvalidRequest: more than `VALUES_MAX`. Whether the body is JSON at all is not looked at.
    """
    if _values(body) > VALUES_MAX:
        yield from _value_steps(body)


def _values(text: bytes) -> int:
    return text.count(b",") + text.count(b"{") + text.count(b"[")


def _value_steps(body: bytes) -> Steps[None]:
    place = values = tokens = begun = 0
    in_string = False
    while place < len(body):
        window = min(place + _SLICE_BYTES, len(body))
        run = (_IN_STRING if in_string else _PLAIN).match(body, place, window)
        end = place if run is None else run.end()
        if not in_string:
            values += _values(body[place:end])
            if values > VALUES_MAX:
                raise _refused(None, f"a body holds at most {VALUES_MAX:,} values")
        if end < window and body[end : end + 1] == b'"':
            in_string = not in_string
            end += 1
        elif end == place:
            end += 1  # a backslash that ends the body
        place = end
        tokens += 1
        if tokens > _TOKENS or place - begun > _SLICE_BYTES:
            yield
            tokens, begun = 0, place


def check_counts(messages: list[Message], tools: int) -> None:
    """Refuses what is too many to be worked through.

    Args:
        messages: the request's.
        tools: how many it offers.

    Raises:
        InvalidRequest: `param` says of what there is too much, the text how much is allowed.
    """
    if len(messages) > MESSAGES_MAX:
        raise _refused("messages", f"at most {MESSAGES_MAX:,} messages are allowed")
    if sum(len(message.content) for message in messages if isinstance(message.content, list)) > PARTS_MAX:
        raise _refused("messages", f"at most {PARTS_MAX:,} content parts are allowed")
    if sum(len(message.tool_calls or ()) for message in messages) > PARTS_MAX:
        raise _refused("messages", f"at most {PARTS_MAX:,} tool calls are allowed")
    if _newest_results(messages) > RESULTS_MAX:
        raise _refused("messages", f"at most {RESULTS_MAX:,} tool results are allowed behind the last answer")
    if tools > TOOLS_MAX:
        raise _refused("tools", f"at most {TOOLS_MAX:,} tools are allowed")


def _newest_results(messages: list[Message]) -> int:
    """Tool results behind the last message that is surely an answer: one with a call, or with a text of its own."""
    count = 0
    for message in reversed(messages):
        if message.tool_calls or message.function_call is not None or _is_answer(message):
            break
        count += message.role in RESULT_ROLES
    return count


def _is_answer(message: Message) -> bool:
    return message.role == "assistant" and isinstance(message.content, str) and bool(message.content.strip())


def _refused(param: str | None, why: str) -> InvalidRequest:
    where = "the body" if param is None else f"'{param}'"
    return InvalidRequest(f"Invalid value for {where}: {why}.", param=param, code="invalid_value")

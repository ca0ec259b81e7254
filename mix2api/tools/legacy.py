"""Histories of legacy callers in today's form: `function_call` as a call with an id, `role: "function"` as its result. Pure.

A site that is given a history has to see which result belongs to which call. Legacy messages have no ids; these are made
here, the same ones for the same history. A result by name may also be of a call that has an id: it gets that one.
"""

from collections import deque
from collections.abc import Iterator
from itertools import count

from msgspec.structs import replace

from mix2api.tools.ids import ids_in
from mix2api.wire.turn import Message, MessageToolCall

Waiting = dict[str, deque[str]]
"""A function's name -> the ids of its calls that have no result yet, in their order."""


def modern_history(messages: list[Message]) -> list[Message]:
    """The history with ids instead of names; the very list if nothing in it is legacy."""
    if not any(message.function_call is not None or message.role == "function" for message in messages):
        return messages
    taken = ids_in(messages)
    ids = (call_id for number in count(1) if (call_id := f"call_legacy_{number}") not in taken)
    waiting: Waiting = {}
    made: list[Message] = []
    for message in messages:
        modern = _modern(message, waiting, ids)
        _wait(modern, waiting)
        made.append(modern)
    return made


def _modern(message: Message, waiting: Waiting, ids: Iterator[str]) -> Message:
    call = message.function_call
    if message.role == "assistant" and call is not None and not message.tool_calls:
        called = [MessageToolCall(id=next(ids), function=call)]
        return replace(message, function_call=None, tool_calls=called)
    waits = waiting.get(message.name or "")
    if message.role == "function" and waits:
        return replace(message, role="tool", tool_call_id=waits[0])
    return message


def _wait(message: Message, waiting: Waiting) -> None:
    """Takes note of a message's calls, or of the one that it answers."""
    for called in message.tool_calls or ():
        if called.function is not None:
            waiting.setdefault(called.function.name, deque()).append(called.id)
    if message.role == "tool" and message.tool_call_id is not None:
        for ids in waiting.values():
            if message.tool_call_id in ids:
                ids.remove(message.tool_call_id)
                return

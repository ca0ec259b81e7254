"""Histories of legacy callers in today's form: `function_call` as a call with an id, `role: "function"` as its result. Pure.

A site that is given a history has to see which result belongs to which call. Legacy messages have no ids; these are made
here, the same ones for the same history.
"""

from collections import deque

from msgspec.structs import replace

from mix2api.wire.turn import Message, MessageToolCall


def modern_history(messages: list[Message]) -> list[Message]:
    """The history with ids instead of names; the very list if nothing in it is legacy."""
    if not any(message.function_call is not None for message in messages):
        return messages
    waiting: dict[str, deque[str]] = {}
    number = 0
    made: list[Message] = []
    for message in messages:
        call = message.function_call
        if message.role == "assistant" and call is not None and not message.tool_calls:
            number += 1
            call_id = f"call_legacy_{number}"
            waiting.setdefault(call.name, deque()).append(call_id)
            called = [MessageToolCall(id=call_id, function=call)]
            made.append(replace(message, function_call=None, tool_calls=called))
        elif message.role == "function" and waiting.get(message.name or ""):
            made.append(replace(message, role="tool", tool_call_id=waiting[message.name or ""].popleft()))
        else:
            made.append(message)
    return made

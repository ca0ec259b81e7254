"""Histories of legacy callers in today's form: `function_call` as a call with an id, `role: "function"` as its result. Pure.

A site that is given a history has to see which result belongs to which call. Legacy messages have no ids; these are made
here, the same ones for the same history. A result by name may also be of a call that has an id: it gets that one.
"""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import count

from attrs import define, field
from msgspec.structs import replace

from mix2api.tools.ids import ids_in
from mix2api.wire.turn import Message, MessageToolCall


def modern_history(messages: list[Message]) -> list[Message]:
    """The history with ids instead of names; the very list if nothing in it is legacy."""
    if not any(message.function_call is not None or message.role == "function" for message in messages):
        return messages
    taken = ids_in(messages)
    ids = (call_id for number in count(1) if (call_id := f"call_legacy_{number}") not in taken)
    waiting = _Waiting()
    made: list[Message] = []
    for message in messages:
        modern = _modern(message, waiting, ids)
        _note(modern, waiting)
        made.append(modern)
    return made


def with_named_calls(messages: list[Message]) -> list[Message]:
    """The history with every result by name that answers a call with an id as that call's result, in the order of the calls.

    Two parallel calls of one function may be answered by two results that name no more than it: the first one is then of the
    first call. A legacy call without a result is answered before any other. The very list if nothing in it is so.
    """
    if not any(message.role == "function" for message in messages):
        return messages
    if not any(message.tool_calls for message in messages):
        return messages
    waiting = _Waiting()
    legacy: Counter[str] = Counter()
    made: list[Message] = []
    for message in messages:
        name = message.name or ""
        if message.role == "function" and legacy[name]:
            legacy[name] -= 1
        elif message.role == "function" and (call_id := waiting.oldest(name)) is not None:
            message = replace(message, role="tool", tool_call_id=call_id)  # noqa: PLW2901 - the same one, by its id
        elif message.function_call is not None and not message.tool_calls:
            legacy[message.function_call.name] += 1
        _note(message, waiting)
        made.append(message)
    return made


@define
class _Waiting:
    """The calls without a result.

    A result by id takes one id out of the middle of a queue. The queue keeps it until it comes to its head, so that
    thousands of results cost a constant time each.
    """

    queues: dict[str, deque[str]] = field(factory=dict)
    """A function's name -> the ids of its calls, the oldest first, answered ones among them."""
    names: dict[str, deque[str]] = field(factory=dict)
    """A call's id -> the names of the functions that it waits under: histories of other models repeat ids."""
    answered: Counter[tuple[str, str]] = field(factory=Counter)
    """Name and id -> how many of the oldest such entries of its queue have their result."""

    def ask(self, name: str, call_id: str) -> None:
        """A call."""
        self.queues.setdefault(name, deque()).append(call_id)
        self.names.setdefault(call_id, deque()).append(name)

    def answer(self, call_id: str) -> None:
        """The result of a call; of one that nobody made it is nothing."""
        names = self.names.get(call_id)
        if names:
            self.answered[names.popleft(), call_id] += 1

    def oldest(self, name: str) -> str | None:
        """The id of the function's oldest call without a result."""
        queue = self.queues.get(name)
        while queue and self.answered[name, queue[0]]:
            self.answered[name, queue.popleft()] -= 1
        return queue[0] if queue else None


def _modern(message: Message, waiting: _Waiting, ids: Iterator[str]) -> Message:
    call = message.function_call
    if message.role == "assistant" and call is not None and not message.tool_calls:
        called = [MessageToolCall(id=next(ids), function=call)]
        return replace(message, function_call=None, tool_calls=called)
    if message.role == "function" and (call_id := waiting.oldest(message.name or "")) is not None:
        return replace(message, role="tool", tool_call_id=call_id)
    return message


def _note(message: Message, waiting: _Waiting) -> None:
    """Takes note of a message's calls, or of the one that it answers."""
    for called in message.tool_calls or ():
        if called.function is not None:
            waiting.ask(called.function.name, called.id)
    if message.role == "tool" and message.tool_call_id is not None:
        waiting.answer(message.tool_call_id)

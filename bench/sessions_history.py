"""Histories to be resolved and conversations to be led. Everything is a function of numbers, so that nobody keeps it."""

import json
from functools import cache
from typing import Any

import msgspec

from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

MODEL = "mix/bench"
SYSTEM = "You help with a program. " * 40
_TEXT = (
    "The light in the hall is green and the parser reads one line after the other until the last is done. "
)


def words(size: int, number: int = 0) -> str:
    """A text of so many characters, another one for each number."""
    text = f"[{number}] " + _TEXT * (size // len(_TEXT) + 1)
    return text[:size]


def answer_to(text: str) -> str:
    """What the played site says to a text."""
    return f"Answer to {text}"


@cache
def _question(turn: int) -> str:
    return words(160, turn)


@cache
def _turn_messages(turn: int) -> tuple[Message, Message]:
    """Question and answer of a turn that is not the first: the same in all conversations, so memory holds it once."""
    question = _question(turn)
    return Message(role="user", content=question), Message(role="assistant", content=answer_to(question))


def opening(number: int) -> str:
    """The first words of a conversation, which no other one has."""
    return f"Conversation {number}. {_question(1)}"


@cache
def _system() -> Message:
    return Message(role="system", content=SYSTEM)


def history(number: int, turn: int) -> list[Message]:
    """What a client sends in its turn of that number (the first is 1): all there has been."""
    first = opening(number)
    messages = [_system(), Message(role="user", content=first)]
    if turn > 1:
        messages.append(Message(role="assistant", content=answer_to(first)))
        for each in range(2, turn):
            messages += _turn_messages(each)
        messages.append(_turn_messages(turn)[0])
    return messages


def only_new(number: int, turn: int) -> list[Message]:
    """What a client sends that names its session and leaves the history out."""
    text = opening(number) if turn == 1 else _question(turn)
    return [_system(), Message(role="user", content=text)]


def tools(count: int) -> list[dict[str, Any]]:
    """Function tools of about a kilobyte each, as coding agents offer them."""
    return [
        {
            "type": "function",
            "function": {
                "name": f"tool_{number}",
                "description": words(700, number),
                "parameters": {
                    "type": "object",
                    "properties": {
                        name: {"type": "string", "description": words(60)} for name in ("path", "text")
                    },
                    "required": ["path"],
                },
            },
        }
        for number in range(count)
    ]


def agent(size_bytes: int) -> list[Message]:
    """A coding agent's history: a call, its result of three to six kilobytes, and a word of the user now and then."""
    messages = [Message(role="system", content=words(20_000)), Message(role="user", content=words(500))]
    step = 0
    while sized(messages) < size_bytes:
        step += 1
        arguments = json.dumps({"path": f"/src/part_{step}.py", "text": words(300, step)})
        call = MessageToolCall(
            id=f"call_{step:032x}", function=FunctionCall(name="tool_1", arguments=arguments)
        )
        result = words(3000 + step % 4 * 1000, step)
        messages += [
            Message(role="assistant", content=words(120, step), tool_calls=[call]),
            Message(role="tool", tool_call_id=call.id, content=result),
        ]
        if step % 8 == 0:
            messages += [
                Message(role="assistant", content=words(400, step)),
                Message(role="user", content=words(200, step)),
            ]
    return messages


def talk(size_bytes: int, each: int) -> list[Message]:
    """Questions and answers, each of so many characters."""
    messages = [Message(role="system", content=SYSTEM)]
    count = size_bytes // (each + 40) // 2
    for number in range(count):
        messages += [
            Message(role="user", content=words(each, number)),
            Message(role="assistant", content=words(each, number)),
        ]
    return [*messages, Message(role="user", content="Go on.")]


def sized(given: object) -> int:
    """Bytes of it as JSON."""
    return len(msgspec.json.encode(given))

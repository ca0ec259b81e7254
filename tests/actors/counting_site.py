"""A site with a window, which counts what it holds by code of its own; and conversations that grow beyond it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random  # noqa: TID251 - seeded: the same conversations in every run
from typing import Any

import trio
from attrs import define, field
from vocabularies import reference

from mix2api.upstreams.port import Finished, Opened, Started, Text, UpstreamCall, UpstreamEvent
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

_FRAME = 4
"""Tokens of a message beside its texts: three and the role (OpenAI's cookbook)."""
_ANSWER_FRAME = 3
WORDS = {
    "english": "the quick brown fox jumps over a lazy dog and then some ",
    "chinese": "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少",
    "emoji": "\U0001f600\U0001f680\u2728 ",
    "base64": "iVBORw0KGgoAAAANSUhEUgAAAAUA9k3Fz+",
    "code": "def f(x):\n    return {'a': x[0], 'b': 3.14159}\n",
}


def tokens_of(message: Message) -> int:
    """As the site counts a message: each of its texts by tiktoken itself."""
    texts = [message.content if isinstance(message.content, str) else "", message.tool_call_id or ""]
    for call in message.tool_calls or ():
        assert call.function is not None
        texts += [call.id, call.function.name, call.function.arguments]
    frames = _FRAME + _ANSWER_FRAME * len(message.tool_calls or ())
    return frames + sum(map(reference, texts))


@define(eq=False)
class CountingSite:
    """The port `Upstream`, with sessions that hold what they were sent and said."""

    answers: Iterator[str]
    held: dict[str, list[Message]] = field(factory=dict)
    largest: int = 0
    """Tokens of the largest context that a turn came to, with its answer's frame."""
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator["Answered"]:
        session = call.session or f"site-{next(self._numbers)}"
        context = [*self.held.get(session, ()), *call.messages]
        check_chains(context)
        self.largest = max(self.largest, _ANSWER_FRAME + sum(map(tokens_of, context)))
        text = next(self.answers)
        self.held[session] = [*context, Message(role="assistant", content=text)]
        yield Answered([[Opened(200), Started(session)], [Text(text), Finished("stop")]])


@define(eq=False)
class Answered:
    """The port `UpstreamStream`: an answer that is there."""

    batches: list[list[UpstreamEvent]]

    def __aiter__(self) -> "Answered":
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        await trio.lowlevel.checkpoint()
        if not self.batches:
            raise StopAsyncIteration
        return self.batches.pop(0)

    def pause(self) -> None:
        return

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def check_chains(context: list[Message]) -> None:
    """Every result follows its call, and no call is without its result."""
    due: list[str] = []
    for message in context:
        if message.role == "tool":
            assert message.tool_call_id in due, "a result without its call"
            due.remove(message.tool_call_id or "")
            continue
        assert not due, "a call without its result"
        due = [call.id for call in message.tool_calls or ()]
    assert not due, "a call without its result"


def text(random: Random, most: int) -> str:
    """Words of one kind, of a length that is short as a rule."""
    words = WORDS[random.choice(sorted(WORDS))]
    length = random.choice((5, 40, 200, most))
    return (words * (length // len(words) + 1))[: random.randint(1, length)]


def chain(random: Random, number: int, most: int) -> list[Message]:
    """A call, or several, with their results."""
    ids = [f"call_{number}_{place}" for place in range(random.randint(1, 3))]
    calls: list[Any] = [
        MessageToolCall(id=call_id, function=FunctionCall(name="look", arguments='{"at": 1}'))
        for call_id in ids
    ]
    results = [Message(role="tool", tool_call_id=call_id, content=text(random, most)) for call_id in ids]
    return [Message(role="assistant", tool_calls=calls), *results]

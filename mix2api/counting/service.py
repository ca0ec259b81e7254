"""Counts histories without holding the event loop: known messages from memory, new ones in a thread.

A warm turn brings a history of which all but the end was counted before. Digests of a small history are looked up at once;
those of a large one in the thread, too. tiktoken gives the interpreter lock back while it encodes a window
(`mix2api.budget.windows`), so that other streams wait for some 0.3 ms at a time and not for the whole text.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import trio
from attrs import define, field, frozen

from mix2api.budget.count_cache import CountCache, message_digests
from mix2api.budget.message_tokens import MessageCounter
from mix2api.wire.turn import Message, MessageToolCall

_T = TypeVar("_T")

_AT_ONCE_CHARS: Final = 1_000_000
"""Characters of a history that is digested on the loop, in half a millisecond. A thread would hold the interpreter as long."""
_AT_ONCE_MESSAGES: Final = 1024
"""Of such a history: half a millisecond, too."""
_TINY_CHARS: Final = 2048
"""Characters that are counted on the loop: 0.4 ms, where the way to a thread and back costs 0.1 ms of two threads."""
_TINY_MESSAGES: Final = 8
_THREADS: Final = 1
"""At a time. Counting is rare and short; two threads would take both cores of a small machine from the streams."""
_BATCH_CHARS: Final = 262_144
"""Characters that are counted before the next turn in line gets the thread, messages kept whole: 50 ms."""


@frozen
class Counted:
    """The tokens of each message of a history."""

    tokens: tuple[int, ...]
    fresh: int = 0
    """Messages that had not been counted before."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.tokens)


@define(eq=False)
class CountingService:
    """Counts for all turns of a process. Lives on one event loop."""

    cache: CountCache = field(factory=CountCache)
    _limiter: trio.CapacityLimiter = field(factory=partial(trio.CapacityLimiter, _THREADS), init=False)
    _digesting: trio.CapacityLimiter = field(factory=partial(trio.CapacityLimiter, _THREADS), init=False)
    """Of its own: a history that is known must not wait for one that is counted."""

    async def history(self, messages: Sequence[Message], counter: MessageCounter) -> Counted:
        """The tokens of each message. Nothing is waited for where all are known and the history is small."""
        if _is_small(messages):
            digests = message_digests(messages, counter.name)
        else:
            work = partial(message_digests, messages, counter.name)
            digests = await trio.to_thread.run_sync(work, limiter=self._digesting, abandon_on_cancel=True)
        found = [self.cache.get(digest) for digest in digests]
        missing = [place for place, tokens in enumerate(found) if tokens is None]
        if not missing:
            return Counted(tuple(tokens for tokens in found if tokens is not None))
        if is_tiny([messages[place] for place in missing]):
            for place in missing:
                found[place] = tokens = counter.message(messages[place])
                self.cache.keep(digests[place], tokens)
            return Counted(tuple(tokens or 0 for tokens in found), fresh=len(missing))
        for places in _batches(missing, messages):
            counts = await self.off_loop(partial(_counts, [messages[place] for place in places], counter))
            for place, tokens in zip(places, counts, strict=True):
                found[place] = tokens
                self.cache.keep(digests[place], tokens)
        return Counted(tuple(tokens or 0 for tokens in found), fresh=len(missing))

    def know(self, messages: Sequence[Message], tokens: Iterable[int], counter: MessageCounter) -> None:
        """Remembers counts that were made without the memory, because their messages will come again."""
        for digest, count in zip(message_digests(messages, counter.name), tokens, strict=True):
            self.cache.keep(digest, count)

    async def off_loop(self, work: Callable[[], _T]) -> _T:
        """Does work in the service's thread: trimming, too, which counts what it shortens.

        A caller that is cancelled waits no longer; the thread ends its work, and what it made is dropped.
        """
        return await trio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)


def is_tiny(messages: Sequence[Message]) -> bool:
    """Whether messages are counted on the loop, because a thread would cost more."""
    return _holds(messages, _TINY_MESSAGES, _TINY_CHARS)


def _is_small(messages: Sequence[Message]) -> bool:
    return _holds(messages, _AT_ONCE_MESSAGES, _AT_ONCE_CHARS)


def _holds(messages: Sequence[Message], count: int, chars: int) -> bool:
    """Whether messages are at most so many, and have at most so many characters."""
    if len(messages) > count:
        return False
    room = chars
    for message in messages:
        if isinstance(message.content, list):
            return False  # whose size is not known without looking into it
        room -= len(message.content or "")
        if message.tool_calls:
            room -= sum(map(_chars_of_call, message.tool_calls))
    return room >= 0


def _chars_of_call(call: MessageToolCall) -> int:
    """Characters of a call. A custom tool's count as too many, for nobody knows its size without looking into it."""
    return _AT_ONCE_CHARS if call.function is None else len(call.function.name) + len(call.function.arguments)


def _batches(places: Sequence[int], messages: Sequence[Message]) -> Iterator[list[int]]:
    """The places in batches of about `_BATCH_CHARS`; parts and calls count as nothing, they are rarely much."""
    batch: list[int] = []
    chars = 0
    for place in places:
        content = messages[place].content
        batch.append(place)
        chars += len(content) if isinstance(content, str) else 0
        if chars >= _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _counts(messages: Sequence[Message], counter: MessageCounter) -> list[int]:
    return [counter.message(message) for message in messages]

"""Counts histories without holding the event loop: known messages from memory, new ones in a thread.

A warm turn brings a history of which all but the end was counted before. Digests of a small history are looked up at once;
those of a large one in the thread, too. tiktoken gives the interpreter lock back while it encodes a window
(`mix2api.budget.windows`), so that other streams wait for some 0.3 ms at a time and not for the whole text.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import trio
from attrs import define, field, frozen

from mix2api.budget.count_cache import CountCache, message_digest
from mix2api.budget.message_tokens import MessageCounter
from mix2api.wire.turn import Message

_T = TypeVar("_T")

_AT_ONCE_CHARS: Final = 16_384
"""Characters of a history that is digested on the loop: 100 µs at most, which is what the way to a thread and back costs."""
_AT_ONCE_MESSAGES: Final = 64
_THREADS: Final = 1
"""At a time. Counting is rare and short; two threads would take both cores of a small machine from the streams."""


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

    async def history(self, messages: Sequence[Message], counter: MessageCounter) -> Counted:
        """The tokens of each message. Nothing is waited for where all are known and the history is small."""
        if _is_small(messages):
            digests = _digests(messages, counter.name)
        else:
            digests = await self.off_loop(partial(_digests, messages, counter.name))
        found = [self.cache.get(digest) for digest in digests]
        missing = [place for place, tokens in enumerate(found) if tokens is None]
        if not missing:
            return Counted(tuple(tokens for tokens in found if tokens is not None))
        new = [messages[place] for place in missing]
        counts = await self.off_loop(partial(_counts, new, counter))
        for place, tokens in zip(missing, counts, strict=True):
            found[place] = tokens
            self.cache.keep(digests[place], tokens)
        return Counted(tuple(tokens or 0 for tokens in found), fresh=len(missing))

    async def off_loop(self, work: Callable[[], _T]) -> _T:
        """Does work in the service's thread: trimming, too, which counts what it shortens.

        A caller that is cancelled waits no longer; the thread ends its work, and what it made is dropped.
        """
        return await trio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)


def _is_small(messages: Sequence[Message]) -> bool:
    if len(messages) > _AT_ONCE_MESSAGES:
        return False
    room = _AT_ONCE_CHARS
    for message in messages:
        if message.tool_calls or isinstance(message.content, list):
            return False  # whose size is not known without looking into it
        room -= len(message.content or "")
    return room >= 0


def _digests(messages: Sequence[Message], counter: str) -> list[bytes]:
    return [message_digest(message, counter) for message in messages]


def _counts(messages: Sequence[Message], counter: MessageCounter) -> list[int]:
    return [counter.message(message) for message in messages]

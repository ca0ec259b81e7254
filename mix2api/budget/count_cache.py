"""Counts of messages that were counted before, by digest. Bounded; nothing of a message can be read from it.

A history comes again with every turn, so that all but its end was counted already. A digest costs about
half a microsecond a kilobyte, a count five hundred times as much.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from attrs import define, field

from mix2api.wire.turn import Message

ENTRY_BYTES: Final = 170
"""About what an entry takes: the digest 36, the number 28, its place in the table 100 (CPython 3.11, measured)."""
_encode = msgspec.msgpack.Encoder().encode


def message_digests(messages: Iterable[Message], counter: str) -> list[int]:
    """What names each message's count: all that is counted is in it.

    Python's own hash: SipHash under a key that each process draws, so that nobody can make two texts meet. It has 64 bits.
    Among the 32,768 texts of a full memory two meet once in 2**35 processes; one of them would have the other's count.
    SHA-256 takes three times as long.

    Args:
        messages: a history; 200 messages of 400 kB take a quarter of a millisecond.
        counter: `MessageCounter.name`: another vocabulary counts otherwise.
    """
    return [
        hash((counter, message.content)) if _is_plain(message) else hash((counter, True, _form(message)))
        for message in messages
    ]


def _is_plain(message: Message) -> bool:
    """Whether a message is counted by its text alone, whoever wrote it."""
    return type(message.content) is str and not (
        message.tool_calls
        or message.tool_call_id
        or message.name
        or message.refusal
        or message.function_call is not None
    )


def _form(message: Message) -> bytes:
    try:
        return _encode(message)
    except UnicodeEncodeError:  # half a surrogate pair, as models write them now and then
        return repr(message).encode("utf-8", "backslashreplace")


@define(eq=False)
class CountCache:
    """Digest -> tokens. The entry that was not asked for longest goes first."""

    entries: int = 32_768
    """At most; 6 MB. About 160 histories of 200 messages."""
    _counts: dict[int, int] = field(factory=dict, init=False)
    hits: int = field(default=0, init=False)
    misses: int = field(default=0, init=False)

    def get(self, digest: int) -> int | None:
        """The count, if it is kept."""
        count = self._counts.pop(digest, None)
        if count is None:
            self.misses += 1
            return None
        self._counts[digest] = count
        self.hits += 1
        return count

    def keep(self, digest: int, tokens: int) -> None:
        """Keeps a count; may forget another."""
        self._counts.pop(digest, None)
        self._counts[digest] = tokens
        if len(self._counts) > self.entries:
            del self._counts[next(iter(self._counts))]

    def __len__(self) -> int:
        """Entries."""
        return len(self._counts)

"""Counts of messages that were counted before, by digest. Bounded; nothing of a message can be read from it.

A history comes again with every turn, so that all but its end was counted already. A digest costs about
a microsecond a kilobyte, a count a hundred times as much.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec
from attrs import define, field

from mix2api.wire.turn import Message

ENTRY_BYTES: Final = 180
"""About what an entry takes: the digest 49, the number 28, its place in the table 100 (CPython 3.11, measured)."""
_DIGEST_BYTES: Final = 16
"""Two messages of one digest would have one count: of 2**64 messages a pair may."""
_sha256 = hashlib.sha256
_encode = msgspec.msgpack.Encoder().encode


def message_digests(messages: Iterable[Message], counter: str) -> list[bytes]:
    """What names each message's count: all that is counted is in it.

    Args:
        messages: a history; 200 messages of 400 kB take half a millisecond.
        counter: `MessageCounter.name`: another vocabulary counts otherwise.
    """
    salt = counter.encode()
    return [_sha256(salt + _form(message)).digest()[:_DIGEST_BYTES] for message in messages]


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
    _counts: dict[bytes, int] = field(factory=dict, init=False)
    hits: int = field(default=0, init=False)
    misses: int = field(default=0, init=False)

    def get(self, digest: bytes) -> int | None:
        """The count, if it is kept."""
        count = self._counts.pop(digest, None)
        if count is None:
            self.misses += 1
            return None
        self._counts[digest] = count
        self.hits += 1
        return count

    def keep(self, digest: bytes, tokens: int) -> None:
        """Keeps a count; may forget another."""
        self._counts.pop(digest, None)
        self._counts[digest] = tokens
        if len(self._counts) > self.entries:
            del self._counts[next(iter(self._counts))]

    def __len__(self) -> int:
        """Entries."""
        return len(self._counts)

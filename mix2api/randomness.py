"""Random bytes from the operating system, some kilobytes a read: a run needs six to twenty small pieces of them.

A read costs a system call whatever its length. What was read and not given yet lies in memory; it is of no more use to
whoever can read that than the keys that lie there too.
"""

import os
from collections.abc import Callable
from typing import Final

_READ_BYTES: Final = 2048
"""Bytes a read: some fifteen whole answers, or five streams between two processes."""


class Randomness:
    """Bytes that nobody can guess, each given once. For one process: a forked child would give the same ones.

    Args:
        source: gives so many random bytes. Only simulations have another one than the operating system: what they draw
            has to come again.
    """

    def __init__(self, source: Callable[[int], bytes] = os.urandom) -> None:
        self._source = source
        self._read = b""
        self._place = 0

    def take(self, count: int) -> bytes:
        """So many bytes that were never given before."""
        start = self._place
        self._place = end = start + count
        if end > len(self._read):
            self._read, self._place, start, end = self._source(max(_READ_BYTES, count)), count, 0, count
        return self._read[start:end]

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1, each as likely as the others up to one part in 2^64."""
        return int.from_bytes(self.take(16)) * bound >> 128

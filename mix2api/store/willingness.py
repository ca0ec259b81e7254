"""Whether Redis takes writes, and the word for why it does not: only the word, for the rest of its message may quote anything.

Three parts of a process hear refusals: the log's writer, the heartbeat and the leases. Each tells of its own writes, for an access
list may let one write and not the other.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import trio
from attrs import define, field
from redis.exceptions import BusyLoadingError, RedisError


class Unwilling(StrEnum):
    """Why a server that answers does no work: states that pass, or that an operator can end. Nothing was written then."""

    OOM = "OOM"
    """`maxmemory` is reached, and nothing may be evicted."""
    READONLY = "READONLY"
    """It is a replica."""
    MISCONF = "MISCONF"
    """It cannot save to disk, and `stop-writes-on-bgsave-error` is set."""
    NOREPLICAS = "NOREPLICAS"
    """Fewer replicas than `min-replicas-to-write`."""
    NOPERM = "NOPERM"
    """The access list forbids the command or the key."""
    MASTERDOWN = "MASTERDOWN"
    """A replica that has lost its master and must not serve."""
    BUSY = "BUSY"
    """A script of somebody's runs and does not end."""
    LOADING = "LOADING"
    """It reads its data from disk after a start."""


MARKS: Final[dict[Unwilling, tuple[str, ...]]] = {
    Unwilling.OOM: ("OOM ", "maxmemory"),
    Unwilling.READONLY: ("READONLY", "read only"),
    Unwilling.MISCONF: ("MISCONF", "persist on disk", "RDB snapshots"),
    Unwilling.NOREPLICAS: ("NOREPLICAS", "enough good replicas"),
    Unwilling.NOPERM: ("NOPERM", "no permissions", "executing the script can't run"),
    Unwilling.MASTERDOWN: ("MASTERDOWN", "Link with MASTER is down"),
    Unwilling.BUSY: ("BUSY ", "busy running a script"),
    Unwilling.LOADING: ("LOADING", "loading the dataset"),
}
"""What stands in the messages. redis-py takes the leading word away where it has a class for it, and a script's error has it
somewhere in the middle (Redis 6.2) or at the start (7)."""


def unwilling(fault: BaseException) -> Unwilling | None:
    """The word for a refusal that says nothing of the command itself; None for all else, which is a fault of ours.

    Args:
        fault: what redis-py made of the reply, or an exception that came of it.
    """
    for one in _chain(fault):
        if isinstance(one, BusyLoadingError):
            return Unwilling.LOADING
        if isinstance(one, RedisError):
            # The mark that stands first decides: a message may go on with the text of a script.
            text = str(one)
            found = {text.find(mark): word for word, marks in MARKS.items() for mark in marks if mark in text}
            if found:
                return found[min(found)]
    return None


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__


@define(eq=False)
class Willingness:
    """What the last write of each part was told."""

    _told: dict[str, Unwilling] = field(factory=dict, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)

    @property
    def word(self) -> Unwilling | None:
        """Why writes are refused now; None if they are taken, as far as anything has shown."""
        return next(iter(self._told.values()), None)

    def refused(self, part: str, word: Unwilling) -> None:
        """A write of that part was refused."""
        self._told[part] = word
        self._changed.set()

    def taken(self, part: str) -> None:
        """A write of that part was taken."""
        if self._told.pop(part, None) is not None:
            self._changed.set()

    async def wait_other(self, known: Unwilling | None) -> Unwilling | None:
        """Waits until the word is another than the one that is known, and gives it."""
        while self.word is known:
            self._changed = trio.Event()
            await self._changed.wait()
        return self.word

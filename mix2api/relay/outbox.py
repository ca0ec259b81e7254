"""Sends mail for code that must not wait: messages are queued here and one task posts them, in order.

While Redis is away they wait. What may have arrived is sent again: replies are numbered, and the other messages say
the same when they are said twice.
"""

from typing import Final, Protocol

import trio

from mix2api.errors import StoreUnavailable
from mix2api.relay.messages import Mail, encode_mail
from mix2api.vocabulary import ProcessId

_QUEUED: Final = 20_000
"""Messages that may wait while Redis is away: as many as a full house of runs sends in a second. More are dropped;
the edge notices a missing number and ends that stream as failed."""
SPACING_S: Final = 0.004
"""Between two posts: a post costs some 200 us in both processes, whether it brings one message or twenty. What comes alone
does not wait; with 16 streams of 50 chunks a second a post brings three."""
_COMPANY_S: Final = 0.005
"""So long waits what need not leave at once: a site that is quick has begun to answer by then."""
_PAUSE_S: Final = 0.2
"""Between attempts while Redis is away: a failed one costs little, and the reader has long been waiting."""


class Postman(Protocol):
    """The store's post, as far as it is needed here."""

    async def mail(self, process: ProcessId, *payloads: bytes) -> None:
        """Puts sealed messages into a process's mail, in order.

        Raises:
            mix2api.errors.StoreUnavailable: they may or may not be there.
        """
        ...


class Outbox:
    """One process's outgoing mail.

    Args:
        post: the store's.
        spacing_s: seconds between two posts; 0: everything leaves at once.
    """

    def __init__(self, post: Postman, spacing_s: float = SPACING_S) -> None:
        self._post = post
        self._spacing_s = spacing_s
        self._queued: dict[ProcessId, list[Mail]] = {}
        self._waiting = 0
        self._again_at: dict[ProcessId, float] = {}
        """When mail is tried again that could not be posted. In a Redis Cluster the mail of some processes can, of others not."""
        self._ready = trio.Event()
        self._urgent = trio.Event()
        self._posted = trio.Event()
        self._posted.set()
        self.dropped = 0
        """Messages that found no room."""

    def put(self, process: ProcessId, message: Mail, *, may_wait: bool = False) -> None:
        """Queues a message; never waits.

        Args:
            process: whose mail it is.
            message: in order with all others to that process.
            may_wait: it may wait a little longer for others, which nobody would notice.
        """
        if self._waiting >= _QUEUED:
            self.dropped += 1
            return
        self._queued.setdefault(process, []).append(message)
        self._waiting += 1
        self._ready.set()
        if not may_wait:
            self._urgent.set()
        if self._posted.is_set():
            self._posted = trio.Event()

    async def wait_sent(self) -> None:
        """Waits until nothing is queued. The caller brings the deadline."""
        while self._waiting:
            await self._posted.wait()

    async def run(self) -> None:
        """Posts what is queued, all that is pending at once, until cancelled."""
        free_at = 0.0
        while True:
            await self._ready.wait()
            if self._spacing_s:
                if not self._urgent.is_set():
                    with trio.move_on_after(_COMPANY_S):
                        await self._urgent.wait()
                if trio.current_time() < free_at:
                    await trio.sleep_until(free_at)
                free_at = trio.current_time() + self._spacing_s
            self._ready, self._urgent = trio.Event(), trio.Event()
            for process in list(self._queued):
                await self._post_to(process)
            if not self._waiting:
                self._posted.set()
            elif self._again_at:
                await self._pause()

    async def _pause(self) -> None:
        """Waits until what could not be posted may be tried again, or there is something else."""
        with trio.move_on_at(min(self._again_at.get(process, 0.0) for process in self._queued)):
            await self._ready.wait()
        self._ready.set()
        self._urgent.set()

    async def _post_to(self, process: ProcessId) -> None:
        if self._again_at and trio.current_time() < self._again_at.get(process, 0.0):
            return
        messages = self._queued.pop(process)
        try:
            await self._post.mail(process, *(encode_mail(message) for message in messages))
        except StoreUnavailable:
            self._queued[process] = messages + self._queued.get(process, [])
            self._again_at[process] = trio.current_time() + _PAUSE_S
            return
        self._again_at.pop(process, None)
        self._waiting -= len(messages)

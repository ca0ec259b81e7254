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
    """One process's outgoing mail."""

    def __init__(self, post: Postman) -> None:
        self._post = post
        self._queued: dict[ProcessId, list[Mail]] = {}
        self._waiting = 0
        self._ready = trio.Event()
        self._posted = trio.Event()
        self._posted.set()
        self.dropped = 0
        """Messages that found no room."""

    def put(self, process: ProcessId, message: Mail) -> None:
        """Queues a message; never waits."""
        if self._waiting >= _QUEUED:
            self.dropped += 1
            return
        self._queued.setdefault(process, []).append(message)
        self._waiting += 1
        self._ready.set()
        if self._posted.is_set():
            self._posted = trio.Event()

    async def wait_sent(self) -> None:
        """Waits until nothing is queued. The caller brings the deadline."""
        while self._waiting:
            await self._posted.wait()

    async def run(self) -> None:
        """Posts what is queued, all that is pending at once, until cancelled."""
        while True:
            await self._ready.wait()
            self._ready = trio.Event()
            for process in list(self._queued):
                if not await self._post_to(process):
                    await trio.sleep(_PAUSE_S)
                    self._ready.set()
                    break
            if not self._waiting:
                self._posted.set()

    async def _post_to(self, process: ProcessId) -> bool:
        messages = self._queued.pop(process)
        try:
            await self._post.mail(process, *(encode_mail(message) for message in messages))
        except StoreUnavailable:
            self._queued[process] = messages + self._queued.get(process, [])
            return False
        self._waiting -= len(messages)
        return True

"""Sends mail for code that must not wait: messages are queued here and one task posts them, in order."""

from collections import defaultdict
from typing import Final, Protocol

import trio

from mix2api.errors import StoreUnavailable
from mix2api.relay.messages import Mail, encode
from mix2api.vocabulary import ProcessId

_QUEUED: Final = 20_000
"""Messages that may wait while Redis is away: as many as a full house of runs sends in a second. More are dropped;
the edge notices a missing number and ends that stream as failed."""


class Postman(Protocol):
    """The store's post, as far as it is needed here."""

    async def mail(self, process: ProcessId, *payloads: bytes) -> None:
        """Puts sealed messages into a process's mail, in order."""
        ...


class Outbox:
    """One process's outgoing mail."""

    def __init__(self, post: Postman) -> None:
        self._post = post
        self._queued: list[tuple[ProcessId, Mail]] = []
        self._ready = trio.Event()
        self.dropped = 0
        """Messages that could not be sent."""

    def put(self, process: ProcessId, message: Mail) -> None:
        """Queues a message; never waits."""
        if len(self._queued) >= _QUEUED:
            self.dropped += 1
            return
        self._queued.append((process, message))
        self._ready.set()

    async def run(self) -> None:
        """Posts what is queued, all that is pending at once, until cancelled."""
        while True:
            await self._ready.wait()
            queued, self._queued = self._queued, []
            self._ready = trio.Event()
            by_process: dict[ProcessId, list[bytes]] = defaultdict(list)
            for process, message in queued:
                by_process[process].append(encode(message))
            for process, payloads in by_process.items():
                try:
                    await self._post.mail(process, *payloads)
                except StoreUnavailable:
                    self.dropped += len(payloads)

"""Sends mail for code that must not wait: messages are queued here and one task posts them, in order."""

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

    async def mail(self, process: ProcessId, payload: bytes) -> None:
        """Puts a sealed message into a process's mail."""
        ...


class Outbox:
    """One process's outgoing mail."""

    def __init__(self, post: Postman) -> None:
        self._post = post
        self._send, self._receive = trio.open_memory_channel[tuple[ProcessId, Mail]](_QUEUED)
        self.dropped = 0
        """Messages that could not be sent."""

    def put(self, process: ProcessId, message: Mail) -> None:
        """Queues a message; never waits."""
        try:
            self._send.send_nowait((process, message))
        except trio.WouldBlock:
            self.dropped += 1

    async def run(self) -> None:
        """Posts what is queued, until cancelled."""
        async for process, message in self._receive:
            try:
                await self._post.mail(process, encode(message))
            except StoreUnavailable:
                self.dropped += 1

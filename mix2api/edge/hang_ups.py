"""Tells connections what their clients do while an answer is under way: they leave, or send the next request ahead.

Whoever answers waits for the site, and a task waits for one thing at a time. So one task here waits for the sockets of all
connections that are answering: a second task for each of them would cost 5 kB of every held stream, and a turn of the loop
and some 20 µs of every request.
"""

import selectors
import socket
from collections.abc import Callable

import trio


class HangUps:
    """The sockets of one server that are listened to."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        """A poll of its own: its file is readable for trio's poll as soon as one of the sockets is."""

    def listen(self, to: socket.socket, on_readable: Callable[[], None]) -> None:
        """Begins to listen to a socket.

        Args:
            to: a socket that nobody else reads meanwhile.
            on_readable: called whenever there is something to read, an end among it. It reads, or stops listening.
        """
        self._selector.register(to, selectors.EVENT_READ, on_readable)

    def ignore(self, socket: socket.socket) -> None:
        """Stops listening to it. To be called before it is closed."""
        self._selector.unregister(socket)

    async def run(self) -> None:
        """Listens until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._selector.fileno())
            self._tell()

    def _tell(self) -> None:
        """A function of its own: a loop variable of `run` would refer to the last connection until the next one."""
        for key, _ in self._selector.select(0):
            key.data()

    def close(self) -> None:
        """Lets go of the poll. Nobody listens any more."""
        self._selector.close()

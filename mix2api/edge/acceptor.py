"""Takes connections from a listening socket: a few at every turn of the loop, and none without a descriptor.

trio's own loop takes one connection a turn. In a burst a turn is long, so clients waited in the kernel's queue until it
overflowed; and without a descriptor it logs a traceback ten times a second.
"""

import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import trio

_AT_ONCE: Final = 8
"""Connections taken in one turn of the loop. In a burst a turn then has the work of about eight whole requests, some 20 ms.
With all of 2,000 taken at once, each step of all of them came before the next step of any, and running streams waited."""
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""What `accept` fails with while the process, or the machine, has nothing left for one more connection."""
_GONE: Final = frozenset(
    {errno.ECONNABORTED, errno.ECONNRESET, errno.EPERM, errno.EPROTO, errno.ETIMEDOUT}
    | {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOPROTOOPT}
)
"""What it fails with for a connection that was lost before it was taken (accept(2), "Error handling"): the next is tried."""
_PAUSE_S: Final = 0.1
"""Between two attempts without room: clients wait in the kernel's queue, and an attempt costs nothing."""
Handler = Callable[[socket.socket], Awaitable[object]]


class Acceptor:
    """One listening socket.

    Args:
        listening: the socket; it is made non-blocking, and closed when `run` ends.
        handler: has each connection to its end; its socket does not block, and is closed afterwards.
        on_exhausted: told once for each time that there is no descriptor left; may free one.
    """

    def __init__(self, listening: socket.socket, handler: Handler, on_exhausted: Callable[[], None]) -> None:
        listening.setblocking(False)  # noqa: FBT003 - the standard library's shape
        self._listening = listening
        self._handler = handler
        self._on_exhausted = on_exhausted
        self._is_exhausted = False

    async def run(self, nursery: trio.Nursery) -> None:
        """Takes connections until it is cancelled; each is a task of the nursery.

        Raises:
            OSError: the socket is of no use any more.
        """
        with self._listening:
            while True:
                await trio.lowlevel.wait_readable(self._listening)
                if not self._take_some(nursery):
                    await trio.sleep(_PAUSE_S)

    def _take_some(self, nursery: trio.Nursery) -> bool:
        """Takes some of what waits; False: there was no room for it."""
        for _ in range(_AT_ONCE):
            try:
                taken, _address = self._listening.accept()
            except BlockingIOError:
                break
            except OSError as fault:
                if fault.errno in _NO_ROOM:
                    self._tell_exhausted()
                    return False
                if fault.errno not in _GONE:
                    raise
            else:
                self._is_exhausted = False
                taken.setblocking(False)  # noqa: FBT003 - as above
                nursery.start_soon(self._handle, taken)
        return True

    def _tell_exhausted(self) -> None:
        if not self._is_exhausted:
            self._is_exhausted = True
            self._on_exhausted()

    async def _handle(self, taken: socket.socket) -> None:
        with taken:
            await self._handler(taken)

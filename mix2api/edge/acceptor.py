"""Takes connections from a listening socket, also when the process has no file descriptor left."""

import errno
from collections.abc import Callable
from typing import Final

import trio

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""What `accept` fails with while the process, or the machine, has nothing left for one more connection."""
_PAUSE_S: Final = 0.1
"""Between two attempts then: clients wait in the kernel's queue, and one attempt costs nothing."""


class Acceptor(trio.abc.Listener[trio.SocketStream]):
    """A listener that waits where trio's own would log a traceback ten times a second.

    Args:
        listener: the socket.
        on_exhausted: told once for each time that there is no descriptor left; may free one.
    """

    def __init__(
        self, listener: trio.abc.Listener[trio.SocketStream], on_exhausted: Callable[[], None]
    ) -> None:
        self._listener = listener
        self._on_exhausted = on_exhausted
        self._is_exhausted = False

    async def accept(self) -> trio.SocketStream:
        """The next connection.

        Raises:
            trio.ClosedResourceError: the socket is closed.
        """
        while True:
            try:
                stream = await self._listener.accept()
            except OSError as fault:
                if fault.errno not in _NO_ROOM:
                    raise
                if not self._is_exhausted:
                    self._is_exhausted = True
                    self._on_exhausted()
                await trio.sleep(_PAUSE_S)
            else:
                self._is_exhausted = False
                return stream

    async def aclose(self) -> None:
        """Closes the socket."""
        await self._listener.aclose()

"""What ties a process to the supervisor that started it: the shared socket, and a line that tells both of each other.

The line is a socket pair. The process says on it that it takes requests, and reads its end from it: a supervisor that is gone,
killed or not, leaves no process behind that nobody would replace or stop.
"""

import socket
from contextlib import suppress

import trio
from attrs import frozen

_READY = b"r"


@frozen
class Supervised:
    """The two descriptors that a supervised process was given."""

    listen_fd: int
    control_fd: int | None = None
    """None: the socket is another program's, such as systemd's, and nobody listens to us."""

    @property
    def bind(self) -> str:
        """Where to listen, as `mix2api.edge.server` takes it."""
        return f"fd://{self.listen_fd}"

    async def watch(self, stopping: trio.Event, ready: trio.Event) -> None:
        """Says when this process is ready, and has it stop once the supervisor is gone."""
        if self.control_fd is None:
            return
        control = trio.socket.from_stdlib_socket(socket.socket(fileno=self.control_fd))
        with control:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_say_ready, control, ready)
                with suppress(OSError):  # as an end: nobody is there
                    await control.recv(1)
                nursery.cancel_scope.cancel()
        stopping.set()


async def _say_ready(control: trio.socket.SocketType, ready: trio.Event) -> None:
    await ready.wait()
    try:
        await control.send(_READY)
    except OSError:
        return  # the reader sees it, too

"""The socket of one client: what comes, what goes, and how it is noticed that the client has left.

There are three ways in which a client leaves, and all end the same: `why` has the cause, and `scope` is cancelled, whatever
its task is waiting for.

- It closes. While nobody reads, `mix2api.edge.hang_ups` sees that.
- A write meets a reset.
- It takes nothing for `MIX2API_CLIENT_STALL_S`.

The socket is used without trio's own stream: that tries every read before it waits for one, and turns the loop once more
after every write.
"""

import socket
from contextlib import suppress
from typing import Final, NoReturn

import trio

from mix2api.edge.hang_ups import HangUps
from mix2api.edge.stopwatch import Stopwatch
from mix2api.replies import PIECE_BYTES
from mix2api.vocabulary import Detail

READ_BYTES: Final = 2**16
"""Read at a time. Of the next requests as much is read ahead while one is answered: of more, and of the client's leaving
after more, is heard only once the answer is out."""
_LINGER_BYTES: Final = 4 * 1024 * 1024
"""Thrown away at most of what is refused unread: the usual largest body."""


class ClientSocket:
    """One client's. All methods that wait cancel their caller once the client has left.

    Args:
        taken: the socket, which does not block.
        hang_ups: of the server.
        stall_limit_s: how long a piece may wait to be taken by the client.
    """

    __slots__ = (
        "_hang_ups",
        "_is_listening",
        "_socket",
        "_stall_limit_s",
        "ahead",
        "ignores_more",
        "scope",
        "watch",
        "why",
    )

    def __init__(self, taken: socket.socket, hang_ups: HangUps, stall_limit_s: float) -> None:
        self._socket = taken
        self._hang_ups = hang_ups
        self._stall_limit_s = stall_limit_s
        self._is_listening = False
        self.scope = trio.CancelScope()
        """Of all that is done for the client."""
        self.why: Detail | None = None
        """Why it was given up: the client left, or takes nothing."""
        self.ahead = b""
        """What came and is not taken yet."""
        self.ignores_more = False
        """What comes behind the request under way is thrown away: it is the last (RFC 9112, 9.6)."""
        self.watch: Stopwatch | None = None
        """Of the request under way: told of the writes that the client holds up. All others take microseconds."""

    # --- what comes

    async def read(self) -> bytes:
        """Waits for what comes next; nothing once the client has left, which is no cause to give it up by itself."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    async def receive(self) -> bytes:
        """The next bytes of a body, never none."""
        return await self.read() or await self._give_up(Detail.HUNG_UP)

    def take_ahead(self) -> bytes:
        """What has been read already."""
        data, self.ahead = self.ahead, b""
        return data

    def unread(self, data: bytes) -> None:
        """Takes back the beginning of the next request."""
        self.ahead = data

    def listen(self) -> None:
        """From here on the client's leaving is noticed while its task waits for something else."""
        if len(self.ahead) < READ_BYTES:
            self._hang_ups.listen(self._socket, self._on_readable)
            self._is_listening = True

    def stop_listening(self) -> None:
        """From here on its task reads."""
        if self._is_listening:
            self._is_listening = False
            self._hang_ups.ignore(self._socket)

    def _on_readable(self) -> None:
        """Something came while an answer is under way. A half-closed connection looks the same as a closed one."""
        try:
            data = self._socket.recv(READ_BYTES - len(self.ahead))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.stop_listening()
            self.why = self.why or Detail.HUNG_UP
            self.scope.cancel()
        elif not self.ignores_more:
            self.ahead += data
            if len(self.ahead) >= READ_BYTES:
                self.stop_listening()

    # --- what goes

    async def write(self, data: bytes) -> None:
        """Hands data to the kernel; waits, and turns the loop, only where its buffer is full."""
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            await self._give_up(Detail.HUNG_UP)
        if taken < len(data):
            await self._write_rest(memoryview(data)[taken:])

    def write_now(self, data: bytes) -> bytes:
        """Hands the kernel what it takes, and gives the rest: all of it if the client has left, which the next `write` finds."""
        try:
            taken = self._socket.send(data)
        except OSError:
            return data
        return data[taken:]

    async def _write_rest(self, rest: memoryview) -> None:
        """A client that takes one piece in time has not stalled."""
        if self.watch is not None:
            self.watch.write_begins()
        while rest:
            piece, rest = rest[:PIECE_BYTES], rest[PIECE_BYTES:]
            with trio.move_on_after(self._stall_limit_s) as patience:
                while piece:
                    await trio.lowlevel.wait_writable(self._socket)
                    try:
                        piece = piece[self._socket.send(piece) :]
                    except BlockingIOError:
                        continue
                    except OSError:
                        await self._give_up(Detail.HUNG_UP)
            if patience.cancelled_caught:
                await self._give_up(Detail.STALLED)
        if self.watch is not None:
            self.watch.write_done()

    def say(self, data: bytes) -> None:
        """Hands a few bytes to the kernel, which has room for them; it does not matter if the client has left."""
        with suppress(OSError):
            self._socket.send(data)

    async def _give_up(self, cause: Detail) -> NoReturn:
        """Ends all that is done for the client. The first cause wins."""
        self.why = self.why or cause
        self.scope.cancel()
        await trio.sleep_forever()

    # --- the end

    async def linger(self, limit_s: float) -> None:
        """Says that nothing more comes, and throws away what still does, for so many seconds.

        Closed with unread bytes, a socket sends a reset, and the client may never read what it was told.
        """
        self._say_end()
        with trio.move_on_after(limit_s):
            left = _LINGER_BYTES
            while left > 0 and (data := await self.read()):
                left -= len(data)

    def close(self) -> None:
        """Says that nothing more comes, and lets go."""
        self.stop_listening()
        self._say_end()
        self._socket.close()

    def _say_end(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

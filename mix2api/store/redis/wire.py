"""One round trip on a connected Redis connection, from trio: on the socket itself, or in a thread where TLS is in between.

redis-py connects, authenticates and selects (`mix2api.store.redis.location`); what is sent and read afterwards goes through
here. Every reply of what was sent is read, or the connection is given up.
"""

import socket
from typing import Any, Final, Protocol

import hiredis
import trio
from redis.exceptions import RedisError, ResponseError

from mix2api.store.redis.location import BlockingConnection

Reply = Any
"""What Redis said: bytes, int, None, a list of these, or a `ResponseError`."""

_READ: Final = 65536


class BrokenWire(Exception):
    """The connection is of no use any more; what was sent may or may not have been run."""


class Wire(Protocol):
    """A connected connection."""

    async def round_trip(self, packed: bytes, count: int) -> list[Reply]:
        """Sends commands and reads their replies.

        Raises:
            BrokenWire: cut, silent for longer than the reply timeout, or out of step.
        """
        ...

    def is_stale(self) -> bool:
        """Whether something came unasked: the server's goodbye, or a reply that is nobody's."""
        ...

    def silence_s(self) -> float:
        """For how many seconds the server has left what was sent unanswered. Means nothing between two round trips.

        A reply that this process has not read yet is an answer: a process that is busy, or was paused, must not take the
        server for dead.
        """
        ...

    def close(self) -> None:
        """Closes it. Nothing may be under way."""
        ...


class SocketWire:
    """A plain socket (TCP or unix), driven by trio's own loop.

    No thread has to wake up for a reply: a hand-over of the interpreter lock costs more than Redis itself (ADR 0012).

    Args:
        connection: connected by redis-py, which keeps owning the descriptor.
        reply_s: the longest silence while replies are due.
    """

    def __init__(self, connection: BlockingConnection, reply_s: float) -> None:
        self._connection = connection
        self._reply_s = reply_s
        inside: Any = connection  # socket and error classes have no public names
        self._socket: socket.socket = inside._sock  # noqa: SLF001
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's shape
        self._heard_at = trio.current_time()
        """When commands left or something was read last."""
        self._reader = hiredis.Reader(
            replyError=inside._parser.parse_error,  # noqa: SLF001
            protocolError=BrokenWire,
        )

    async def round_trip(self, packed: bytes, count: int) -> list[Reply]:
        """Sends commands and reads their replies."""
        self._heard_at = trio.current_time()
        try:
            await self._send(packed)
            return [await self._next() for _ in range(count)]
        except OSError as fault:
            raise BrokenWire from fault

    def is_stale(self) -> bool:
        """Whether there is something to read, or the end of it, though nothing was asked."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def silence_s(self) -> float:
        """For how many seconds the server has left what was sent unanswered."""
        return 0.0 if self.is_stale() else trio.current_time() - self._heard_at

    def close(self) -> None:
        """Closes the socket."""
        self._connection.disconnect()

    async def _send(self, packed: bytes) -> None:
        rest = memoryview(packed)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                with trio.move_on_after(self._reply_s) as limit:
                    await trio.lowlevel.wait_writable(self._socket)
                if limit.cancelled_caught:
                    raise BrokenWire from None  # it takes nothing

    async def _next(self) -> Reply:
        reply = self._reader.gets()
        while reply is False:
            self._reader.feed(await self._read())
            self._heard_at = trio.current_time()
            reply = self._reader.gets()
        if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
            raise BrokenWire from reply  # it is loading, or wants nobody: of no use now
        return reply

    async def _read(self) -> bytes:
        """What has come. Silence is only what the socket shows: in a process that is busy, or was paused, time passes as well."""
        with trio.move_on_after(self._reply_s):
            await trio.lowlevel.wait_readable(self._socket)
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            raise BrokenWire from None  # silent for too long
        if not data:
            raise BrokenWire
        return data


class ThreadWire:
    """A connection that only redis-py can drive (TLS): one hand-over to a thread per round trip."""

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._sent_at = trio.current_time()

    async def round_trip(self, packed: bytes, count: int) -> list[Reply]:
        """Sends commands and reads their replies."""
        self._sent_at = trio.current_time()
        return await trio.to_thread.run_sync(self._blocking, packed, count)

    def is_stale(self) -> bool:
        """Whether redis-py finds something to read, or the end of it."""
        try:
            return self._connection.can_read(0)
        except RedisError:
            return True

    def silence_s(self) -> float:
        """Seconds since commands left: the socket is the thread's alone while it waits."""
        return trio.current_time() - self._sent_at

    def close(self) -> None:
        """Closes the connection."""
        self._connection.disconnect()

    def _blocking(self, packed: bytes, count: int) -> list[Reply]:
        try:
            self._connection.send_packed_command([packed], check_health=False)
            return [self._read() for _ in range(count)]
        except (RedisError, OSError) as fault:
            raise BrokenWire from fault

    def _read(self) -> Reply:
        try:
            return self._connection.read_response(disable_decoding=True)
        except ResponseError as refusal:
            return refusal

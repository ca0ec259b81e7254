"""A connected Redis connection as trio uses it: on the socket itself, or in a thread where TLS is in between.

redis-py connects, authenticates and selects (`mix2api.store.redis.location`); what is sent and read afterwards goes through
here. Commands leave in `begin`, which never waits. One task stays in `receive`, also while nothing is asked: so a reply
wakes that task alone, and the server's goodbye is seen when it comes. Every reply of what was sent is read, or the
connection is given up.
"""

import socket
from collections.abc import Iterable
from typing import Any, Final, Protocol, Self

import hiredis
import trio
from redis.exceptions import RedisError, ResponseError

from mix2api.store.redis.location import BlockingConnection
from mix2api.store_watch import LateLooks

Reply = Any
"""What Redis said: bytes, int, None, a list of these, or a `ResponseError`."""
Command = tuple[str | bytes | int, ...]
"""Its name and arguments."""

_READ: Final = 65536


class Packed(tuple[str | bytes | int, ...]):  # noqa: SLOT001 - a tuple has no room for slots
    """A command whose maker packs the parts that stay the same once. As a tuple it has the words up to its first key.

    These suffice to find the server of the key in a cluster.
    """

    data: bytes

    def __new__(cls, words: Iterable[str | bytes | int], data: bytes) -> Self:
        """The command.

        Args:
            words: its first words, up to the first key.
            data: all of it, in Redis's protocol.
        """
        command = super().__new__(cls, words)
        command.data = data
        return command


def packed(command: Command) -> bytes:
    """A command in Redis's protocol.

    Raises:
        TypeError: what cannot be sent.
    """
    if isinstance(command, Packed):
        return command.data
    pack: Any = hiredis.pack_command  # its stub knows only tuples of one
    data: bytes = pack(command)
    return data


class BrokenWire(Exception):
    """The connection is of no use any more; what was sent may or may not have been run."""


class StaleWire(Exception):
    """The connection ended, or something came unasked, while nothing was under way: nothing was sent in vain."""


class Wire(Protocol):
    """A connected connection: one round trip at a time."""

    def begin(self, packed: bytes, count: int) -> bool:
        """Sends commands whose replies `receive` gives. Only while nothing is under way.

        Args:
            packed: the commands in Redis's protocol.
            count: how many there are.

        Returns:
            False if the connection is stale: nothing was sent, and `receive` raises `StaleWire`.
        """
        ...

    async def receive(self) -> list[Reply]:
        """Waits for something to be begun, and for all its replies. One task at a time.

        Raises:
            StaleWire: the connection ended while nothing was under way.
            BrokenWire: cut, silent for longer than the reply timeout, or out of step.
        """
        ...

    def silence_s(self) -> float:
        """For how many seconds the server has left what was sent unanswered. Means nothing between two round trips.

        A reply that this process has not read yet is an answer: a process that is busy, or was paused, must not take the
        server for dead.
        """
        ...

    def close(self) -> None:
        """Closes it. Nobody may be in `receive`."""
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
        self._due = 0
        """Replies that were not read yet."""
        self._rest = b""
        """Of what was begun, as far as the socket did not take it."""
        self._waiting = trio.CancelScope()
        """Around the wait of `receive`: `begin` sets its deadline."""
        self._reader = hiredis.Reader(
            replyError=inside._parser.parse_error,  # noqa: SLF001
            protocolError=BrokenWire,
        )

    def begin(self, packed: bytes, count: int) -> bool:
        """Sends commands, as much of them as the socket takes now."""
        if self._is_readable():
            return False
        try:
            sent = self._socket.send(packed)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        self._due = count
        self._heard_at = trio.current_time()
        if sent < len(packed):
            self._rest = packed[sent:]
            self._waiting.cancel()
        else:
            self._waiting.deadline = self._heard_at + self._reply_s
        return True

    async def receive(self) -> list[Reply]:
        """Waits for the replies to what is begun, or for the end.

        A limit that this process notices late proves nothing: its loop was held, and perhaps the whole machine. The server
        then gets the limit once more.
        """
        replies: list[Reply] = []
        late = LateLooks()
        while True:
            if self._rest:
                await self._send_rest()
            with trio.CancelScope() as self._waiting:
                if self._due:
                    self._waiting.deadline = trio.current_time() + self._reply_s
                await trio.lowlevel.wait_readable(self._socket)
            if self._rest or (self._waiting.cancelled_caught and late.doubts(self._waiting.deadline)):
                continue
            self._reader.feed(self._read())
            while self._due and (reply := self._reader.gets()) is not False:
                if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
                    raise BrokenWire from reply  # it is loading, or wants nobody: of no use now
                replies.append(reply)
                self._due -= 1
            if not self._due:
                return replies

    def silence_s(self) -> float:
        """For how many seconds the server has left what was sent unanswered."""
        return 0.0 if self._is_readable() else trio.current_time() - self._heard_at

    def close(self) -> None:
        """Closes the socket."""
        self._connection.disconnect()

    def _is_readable(self) -> bool:
        """Whether there is something to read, or the end of it."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    async def _send_rest(self) -> None:
        rest, self._rest = memoryview(self._rest), b""
        while rest:
            with trio.move_on_after(self._reply_s) as limit:
                await trio.lowlevel.wait_writable(self._socket)
            if limit.cancelled_caught:
                raise BrokenWire  # it takes nothing
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                continue
            except OSError as fault:
                raise BrokenWire from fault

    def _read(self) -> bytes:
        """What has come. Silence is only what the socket shows: in a process that is busy, or was paused, time passes as well."""
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            raise BrokenWire from None  # silent for too long
        except OSError as fault:
            raise (BrokenWire if self._due else StaleWire) from fault
        if not self._due:
            raise StaleWire
        if not data:
            raise BrokenWire
        self._heard_at = trio.current_time()
        return data


class ThreadWire:
    """A connection that only redis-py can drive (TLS): one hand-over to a thread per round trip.

    Its thread is its own. Of trio's common limit, 40 threads, the blocking reads of a cluster would hold one for each master.
    """

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._sent_at = trio.current_time()
        self._begun: tuple[bytes, int] | None = None
        self._stale = False
        self._stirred = trio.Event()
        self._thread = trio.CapacityLimiter(1)

    def begin(self, packed: bytes, count: int) -> bool:
        """Has `receive` send commands."""
        self._stale = self._is_stale()
        if not self._stale:
            self._begun = (packed, count)
            self._sent_at = trio.current_time()
        self._stirred.set()
        return not self._stale

    async def receive(self) -> list[Reply]:
        """Waits until something is begun, then sends and reads in a thread."""
        await self._stirred.wait()
        self._stirred = trio.Event()
        if self._begun is None or self._stale:
            raise StaleWire
        packed, count = self._begun
        self._begun = None
        return await trio.to_thread.run_sync(self._blocking, packed, count, limiter=self._thread)

    def silence_s(self) -> float:
        """Seconds since commands left: the socket is the thread's alone while it waits."""
        return trio.current_time() - self._sent_at

    def close(self) -> None:
        """Closes the connection."""
        self._connection.disconnect()

    def _is_stale(self) -> bool:
        """Whether redis-py finds something to read, or the end of it."""
        try:
            return self._connection.can_read(0)
        except RedisError:
            return True

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

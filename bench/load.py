"""The load generator: a process of its own that asks one target for streams and reads them as cheaply as it can.

    python bench/load.py '<LoadOrder as JSON>'

It prints one `LoadResult` as JSON. All connections stand before the first request. Only a burst with `connects` opens
them without waiting for any, and each sends its request as soon as it stands.

Answers are not parsed: chunks are counted by their mark, frames by `data: `, the end is seen from HTTP's framing, and
every stream is checked for its number of chunks and its `[DONE]`; what falls short is a failure with a sample of its
bytes. Arrival times are read off the stamps (`frames.py`) if asked for.
"""

import re
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress

import msgspec
from frames import MARK
from tally import LoadResult, Tally

_MARK = MARK.encode()
_STAMP = re.compile(rb"@(\d{20})")
_STAMP_BYTES = 21
_FRAME = b"data: "
_DONE = b"[DONE]"
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# HTTP chunk borders may stand inside `[DONE]` if a proxy cuts its reads there.
_BORDER = re.compile(rb"\r\n(?:[0-9a-fA-F]+\r\n)?")
_TAIL_BYTES = 192
_OK = b"HTTP/1.1 200"
# How long a single connect or send may block.
_SOCKET_LIMIT_S = 10.0


class LoadOrder(msgspec.Struct, frozen=True):
    """What to do: one load on one target."""

    port: int
    request: bytes
    connections: int
    streams: int
    chunks: int
    stream: bool
    times: bool
    stagger_us: int
    """Connections start this far apart, so that paced streams neither begin nor speak all at the same moment."""
    limit_s: float
    connects: bool = False
    """Whether the connections are opened at the moment of their first requests, all at once."""


class Lane:
    """One connection: a request at a time, the next when the answer has ended."""

    def __init__(self, order: LoadOrder, tally: Tally, sock: socket.socket) -> None:
        self._order = order
        self._tally = tally
        self.sock = sock
        self.answering = False
        self._reset()

    def _reset(self) -> None:
        self._begun_ns = 0
        self._chunks = 0
        self._head = b""
        self._length: int | None = None
        self._body_bytes = 0
        self._tail = b""

    def begin(self) -> None:
        """Begins the next stream: its clock runs from here."""
        self._reset()
        self.answering = True
        self._tally.requests += 1
        self._tally.under_way += 1
        self._begun_ns = time.monotonic_ns()

    def send(self) -> None:
        """Sends the request of the stream that has begun."""
        self.sock.sendall(self._order.request)

    def take(self, data: bytes, now_ns: int) -> bool:
        """Reads a piece; True if the answer has ended with it."""
        tally, tail = self._tally, self._tail
        tally.reads += 1
        if not self._head and data.startswith(_OK):
            tally.byte_us.append((now_ns - self._begun_ns) / 1000)
        marks = data.count(_MARK)
        if marks and not self._chunks:
            tally.first_us.append((now_ns - self._begun_ns) / 1000)
        self._chunks += marks
        joined = tail + data
        tally.frames += joined.count(_FRAME) - tail.count(_FRAME)
        if self._order.times:
            fresh = _STAMP.finditer(joined, max(0, len(tail) - _STAMP_BYTES))
            tally.chunk_us.extend((now_ns - int(m[1])) / 1000 for m in fresh if m.end() > len(tail))
        self._tail = joined[-_TAIL_BYTES:]
        return self._ended(data)

    def _ended(self, data: bytes) -> bool:
        if self._length is None:
            self._head += data
            end = self._head.find(_HEAD_END)
            if end < 0:
                return False
            length = _LENGTH.search(self._head, 0, end + 2)
            self._length = int(length[1]) if length else -1
            self._body_bytes = len(self._head) - end - len(_HEAD_END)
        else:
            self._body_bytes += len(data)
        if self._length >= 0:
            return self._body_bytes >= self._length
        return self._tail.endswith(_LAST_CHUNK)

    def close_answer(self, *, given_up: bool = False) -> None:
        """Counts the answer as whole or failed; `given_up` if the load ends before it."""
        self.answering = False
        self._tally.under_way -= 1
        self._tally.chunks += self._chunks
        whole = self._chunks == self._order.chunks and self._head.startswith(_OK)
        if whole and self._order.stream:
            whole = _DONE in _BORDER.sub(b"", self._tail)
        if not whole:
            why = b"no byte in time" if given_up else b"closed without a byte"
            self._tally.fail(self._head, why, given_up=given_up)

    def reconnect(self) -> None:
        """A new connection in the place of one that the target closed."""
        self.sock.close()
        self.sock = _connect(self._order.port)


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=_SOCKET_LIMIT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _connecting(port: int) -> socket.socket:
    """A socket whose connect is under way; it is writable when it stands or has failed."""
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(0)
    sock.connect_ex(("127.0.0.1", port))
    return sock


class Generator:
    """All lanes of a load in one epoll loop, until the streams are done or the time is up."""

    def __init__(self, order: LoadOrder) -> None:
        self._order = order
        self._tally = Tally()
        self._lanes: list[Lane] = []
        self._left = order.streams
        self._epoll = select.epoll()
        self._by_fd: dict[int, Lane] = {}

    def _register(self, lane: Lane, mask: int = select.EPOLLIN) -> None:
        self._by_fd[lane.sock.fileno()] = lane
        self._epoll.register(lane.sock.fileno(), mask)

    def _forget(self, lane: Lane) -> None:
        self._epoll.unregister(lane.sock.fileno())
        del self._by_fd[lane.sock.fileno()]

    def _open(self) -> None:
        """Connects all lanes; a target that nobody answers for gets no stream, and all of them count as failed."""
        with suppress(OSError):
            for _ in range(min(self._order.connections, self._order.streams)):
                lane = Lane(self._order, self._tally, _connect(self._order.port))
                self._lanes.append(lane)
                self._register(lane)

    def _burst(self) -> None:
        """Begins one stream on every lane, without waiting for any connection."""
        while self._left and len(self._lanes) < self._order.connections:
            self._left -= 1
            lane = Lane(self._order, self._tally, _connecting(self._order.port))
            lane.begin()
            self._lanes.append(lane)
            self._register(lane, select.EPOLLOUT)

    def run(self) -> LoadResult:
        """The load from the first request to the last byte."""
        if not self._order.connects:
            self._open()
        begun = time.monotonic_ns()
        deadline = begun + int(self._order.limit_s * 1e9)
        starts = self._starts(begun)
        while (starts or self._tally.under_way) and time.monotonic_ns() < deadline:
            self._pass(starts)
        self._give_up()
        return self._tally.result((time.monotonic_ns() - begun) / 1e9)

    def _starts(self, begun_ns: int) -> deque[tuple[int, Lane]]:
        """When each lane begins its first stream; those of a burst with `connects` have begun already."""
        if self._order.connects:
            self._burst()
            return deque()
        stagger_ns = self._order.stagger_us * 1000
        return deque((begun_ns + index * stagger_ns, lane) for index, lane in enumerate(self._lanes))

    def _pass(self, starts: deque[tuple[int, Lane]]) -> None:
        """Begins what is due, and takes what has come."""
        while starts and starts[0][0] <= time.monotonic_ns():
            self._next(starts.popleft()[1])
        patience = max(0, starts[0][0] - time.monotonic_ns()) / 1e9 if starts else 0.5
        for fd, mask in self._epoll.poll(patience):
            if mask & select.EPOLLOUT:
                self._on_connected(self._by_fd[fd])
            else:
                self._on_ready(self._by_fd[fd])

    def _give_up(self) -> None:
        """Counts what has not ended in time, and what never began, as failed."""
        for lane in self._lanes:
            if lane.answering:
                lane.close_answer(given_up=True)
        for _ in range(self._left):
            self._tally.requests += 1
            self._tally.fail(b"", b"never begun: no time left, or nobody listens", given_up=True)

    def _next(self, lane: Lane) -> None:
        if self._left:
            self._left -= 1
            lane.begin()
            lane.send()

    def _on_connected(self, lane: Lane) -> None:
        """Sends the request of a new connection; a connect that failed is told by the send."""
        lane.sock.settimeout(_SOCKET_LIMIT_S)
        try:
            lane.send()
        except OSError:
            self._forget(lane)
            lane.close_answer()
        else:
            self._epoll.modify(lane.sock.fileno(), select.EPOLLIN)

    def _on_ready(self, lane: Lane) -> None:
        try:
            data = lane.sock.recv(262_144)
        except OSError:
            data = b""
        if data and not lane.take(data, time.monotonic_ns()):
            return
        if lane.answering:
            lane.close_answer()
        if not data:
            self._forget(lane)
            if not self._left:
                return
            try:
                lane.reconnect()
            except OSError:
                return
            self._register(lane)
        self._next(lane)


def main() -> None:
    """Runs the load named on the command line."""
    order = msgspec.json.decode(sys.argv[1], type=LoadOrder)
    sys.stdout.buffer.write(msgspec.json.encode(Generator(order).run()))


if __name__ == "__main__":
    main()

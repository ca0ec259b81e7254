"""The load generator: a process of its own that asks one target for streams and reads them as cheaply as it can.

    python bench/load.py '<LoadOrder as JSON>'

It prints one `LoadResult` as JSON. Answers are not parsed: chunks are counted by their mark, frames by `data: `, the
end is seen from HTTP's framing, and every stream is checked for its number of chunks and its `[DONE]`; what falls
short is a failure with a sample of its bytes. Arrival times are read off the stamps (`frames.py`) if asked for.
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
_SAMPLE_BYTES = 300
_SAMPLES = 3


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


class LoadResult(msgspec.Struct, frozen=True):
    """What came back; times in microseconds."""

    requests: int
    failed: int
    chunks: int
    frames: int
    reads: int
    """Socket reads with data: chunks / reads tells how many chunks a target puts into one write."""
    wall_s: float
    first_us: list[float]
    """From the request's send to the first chunk, one per stream that had one."""
    chunk_us: list[float]
    """From the mock's send to the arrival, one per chunk; empty without `times`."""
    samples: list[str]
    """Bytes of the first failures."""


class Tally:
    """What the lanes of a load have counted together."""

    def __init__(self) -> None:
        self.requests = self.failed = self.chunks = self.frames = self.reads = 0
        self.first_us: list[float] = []
        self.chunk_us: list[float] = []
        self.samples: list[str] = []

    def fail(self, sample: bytes) -> None:
        """Counts a stream that did not come whole."""
        self.failed += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(sample[:_SAMPLE_BYTES].decode("latin-1"))


class Lane:
    """One connection: a request at a time, the next when the answer has ended."""

    def __init__(self, order: LoadOrder, tally: Tally) -> None:
        self._order = order
        self._tally = tally
        self.sock = _connect(order.port)
        self.answering = False
        self._reset()

    def _reset(self) -> None:
        self._sent_ns = 0
        self._chunks = 0
        self._head = b""
        self._length: int | None = None
        self._body_bytes = 0
        self._tail = b""

    def begin(self) -> None:
        """Sends the next request."""
        self._reset()
        self.answering = True
        self._tally.requests += 1
        self._sent_ns = time.monotonic_ns()
        self.sock.sendall(self._order.request)

    def take(self, data: bytes, now_ns: int) -> bool:
        """Reads a piece; True if the answer has ended with it."""
        tally, tail = self._tally, self._tail
        tally.reads += 1
        marks = data.count(_MARK)
        if marks and not self._chunks:
            tally.first_us.append((now_ns - self._sent_ns) / 1000)
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

    def close_answer(self) -> None:
        """Counts the answer as whole or failed."""
        self.answering = False
        self._tally.chunks += self._chunks
        whole = self._chunks == self._order.chunks and self._head.startswith(b"HTTP/1.1 200")
        if whole and self._order.stream:
            whole = _DONE in _BORDER.sub(b"", self._tail)
        if not whole:
            self._tally.fail(self._head or b"closed without a byte")

    def reconnect(self) -> None:
        """A new connection in the place of one that the target closed."""
        self.sock.close()
        self.sock = _connect(self._order.port)


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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

    def _register(self, lane: Lane) -> None:
        self._by_fd[lane.sock.fileno()] = lane
        self._epoll.register(lane.sock.fileno(), select.EPOLLIN)

    def _open(self) -> None:
        """Connects all lanes; a target that nobody answers for gets no stream, and all of them count as failed."""
        with suppress(OSError):
            for _ in range(min(self._order.connections, self._order.streams)):
                lane = Lane(self._order, self._tally)
                self._lanes.append(lane)
                self._register(lane)

    def run(self) -> LoadResult:
        """The load from the first request to the last byte."""
        self._open()
        begun = time.monotonic_ns()
        deadline = begun + int(self._order.limit_s * 1e9)
        stagger_ns = self._order.stagger_us * 1000
        starts = deque((begun + index * stagger_ns, lane) for index, lane in enumerate(self._lanes))
        while (starts or any(lane.answering for lane in self._lanes)) and time.monotonic_ns() < deadline:
            while starts and starts[0][0] <= time.monotonic_ns():
                self._next(starts.popleft()[1])
            patience = max(0, starts[0][0] - time.monotonic_ns()) / 1e9 if starts else 0.5
            for fd, _ in self._epoll.poll(patience):
                self._on_ready(self._by_fd[fd])
        for lane in self._lanes:
            if lane.answering:
                lane.close_answer()
        for _ in range(self._left):
            self._tally.requests += 1
            self._tally.fail(b"never begun: no time left, or nobody listens")
        return self._result((time.monotonic_ns() - begun) / 1e9)

    def _next(self, lane: Lane) -> None:
        if self._left:
            self._left -= 1
            lane.begin()

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
            del self._by_fd[lane.sock.fileno()]
            try:
                lane.reconnect()
            except OSError:
                return
            self._register(lane)
        self._next(lane)

    def _result(self, wall_s: float) -> LoadResult:
        tally = self._tally
        return LoadResult(
            requests=tally.requests,
            failed=tally.failed,
            chunks=tally.chunks,
            frames=tally.frames,
            reads=tally.reads,
            wall_s=wall_s,
            first_us=tally.first_us,
            chunk_us=tally.chunk_us,
            samples=tally.samples,
        )


def main() -> None:
    """Runs the load named on the command line."""
    order = msgspec.json.decode(sys.argv[1], type=LoadOrder)
    sys.stdout.buffer.write(msgspec.json.encode(Generator(order).run()))


if __name__ == "__main__":
    main()

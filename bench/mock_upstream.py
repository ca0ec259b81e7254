"""The upstream behind every target: one process, one epoll loop, no framework, so that it is never the bottleneck.

    python bench/mock_upstream.py PORT

`POST /v2/chats` answers in the `mix` site's dialect, always as a stream; `POST /v1/chat/completions` in OpenAI's,
as a stream if the body says `"stream": true`. `POST /padded/chat/completions` streams the same as OpenAI writes it today, and
`POST /v1/responses` streams the events of the Responses API. The prompt says what to send, wherever it stands in the body:
`bench:<chunks>:<pause in microseconds>`, and with `:hold` behind it the stream is never ended by this side. With `:uneven` each
pause is drawn, from half of it to one and a half: with even ones, streams that happen to meet meet again at each chunk, and
the delays of a load depend on how its streams began.

Every frame is one `send` on a TCP_NODELAY socket. Streams without a pause take turns, one frame each: as a site does
that serves many at once, and harder on a target than one stream after the other, whose frames arrive in bursts.
The process ends when its parent does.
"""

import heapq
import os
import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from itertools import repeat
from random import Random

from frames import STREAM_HEAD, Wire, mix_wire, openai_answer, openai_wire, padded_wire, responses_wire

_ORDER = re.compile(rb"bench:(\d{1,6}):(\d{1,9})(:hold|:uneven)?")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})", re.IGNORECASE)
_STREAMS = re.compile(rb'"stream": *true')
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_HEALTHY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_LENGTH_REQUIRED = b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n"
# How often a process without work looks whether its parent still lives.
_IDLE_S = 0.5
# More than one stream's frames: a target that stalls shows up as a full socket, not as memory of the mock.
_BACKLOG = 4096


class Stream:
    """An answer under way on one connection: which frame is next and not before when."""

    def __init__(
        self, frames: Iterator[bytes], first_paced: int, last_paced: int, pauses_ns: Iterator[int]
    ) -> None:
        self._frames = frames
        self._sent = 0
        self._first_paced = first_paced
        self._last_paced = last_paced
        self._pauses_ns = pauses_ns
        self._pause_ns = next(pauses_ns)
        self.due_ns = 0

    def next_frame(self) -> bytes | None:
        """The next frame; None after the last."""
        self._sent += 1
        return next(self._frames, None)

    def pauses(self) -> bool:
        """Whether a pause follows the frame sent last: only between two texts."""
        return self._pause_ns > 0 and self._first_paced <= self._sent < self._last_paced

    def next_pause_ns(self) -> int:
        """How long the pause is that begins now."""
        pause_ns, self._pause_ns = self._pause_ns, next(self._pauses_ns)
        return pause_ns


class Peer:
    """One connection of a target: bytes of a request on their way in, an answer on its way out."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = bytearray()
        self.rest = b""
        self.stream: Stream | None = None
        self.closed = False

    def take_request(self) -> tuple[bytes, bytes] | None:
        """Head and body of a request that has come in whole, else None."""
        end = self.inbox.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.inbox[:end])
        length = _LENGTH.search(head)
        if length is None:
            self.inbox.clear()
            return head, b""
        whole = end + 4 + int(length[1])
        if len(self.inbox) < whole:
            return None
        body = bytes(self.inbox[end + 4 : whole])
        del self.inbox[:whole]
        return head, body

    def send(self, data: bytes) -> bool:
        """Sends at once what the socket takes; False if some of it has to wait."""
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        self.rest = data[sent:]
        return not self.rest


class Mock:
    """The loop: who is connected, whose turn it is, who waits until when."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._epoll = select.epoll()
        self._epoll.register(listener.fileno(), select.EPOLLIN)
        self._peers: dict[int, Peer] = {}
        self._busy: list[Peer] = []
        self._waiting: list[tuple[int, int, Peer]] = []
        self._served = 0
        self._draws = Random(0)  # noqa: S311 - the same draws in every run
        self._openai = openai_wire()
        self._padded = padded_wire()
        self._responses: dict[int, Wire] = {}

    def run(self, parent: int) -> None:
        """Serves until the parent process is gone."""
        while self._busy or os.getppid() == parent:
            for fd, mask in self._epoll.poll(self._patience()):
                self._on_ready(fd, mask)
            self._wake()
            if self._busy:
                self._busy = [peer for peer in self._busy if self._turn(peer)]

    def _patience(self) -> float:
        if self._busy:
            return 0
        if not self._waiting:
            return _IDLE_S
        return min(_IDLE_S, max(0, self._waiting[0][0] - time.monotonic_ns()) / 1e9)

    def _on_ready(self, fd: int, mask: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
            return
        peer = self._peers[fd]
        try:
            if mask & select.EPOLLOUT and peer.send(peer.rest):
                self._epoll.modify(fd, select.EPOLLIN)
                self._busy.append(peer)
            if mask & ~select.EPOLLOUT:
                self._read(peer)
        except OSError:
            self._drop(peer)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[sock.fileno()] = Peer(sock)
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _drop(self, peer: Peer) -> None:
        if not peer.closed:
            peer.closed = True
            del self._peers[peer.sock.fileno()]
            peer.sock.close()

    def _read(self, peer: Peer) -> None:
        data = peer.sock.recv(65536)
        if not data:
            self._drop(peer)
            return
        peer.inbox += data
        request = peer.take_request()
        if request is not None:
            self._answer(peer, *request)

    def _answer(self, peer: Peer, head: bytes, body: bytes) -> None:
        order = _ORDER.search(body)
        if head.startswith(b"GET /health "):
            peer.send(_HEALTHY)
            return
        if order is None:
            peer.send(_NOT_FOUND if b"content-length" in head.lower() else _LENGTH_REQUIRED)
            return
        texts, pause_ns = int(order[1]), int(order[2]) * 1000
        wire: Wire
        if head.startswith(b"POST /v2/chats"):
            self._served += 1
            wire = mix_wire(self._served)
        elif head.startswith(b"POST /v1/responses"):
            if texts not in self._responses:
                self._responses[texts] = responses_wire(texts)
            wire = self._responses[texts]
        elif head.startswith(b"POST /padded/"):
            wire = self._padded
        elif _STREAMS.search(body) is None:
            peer.send(openai_answer(texts))
            return
        else:
            wire = self._openai
        opening = len(wire.opening)
        # A held stream is one whose pause after the first text never ends.
        pauses_ns = (
            self._uneven(pause_ns) if order[3] == b":uneven" else repeat(10**15 if order[3] else pause_ns)
        )
        peer.stream = Stream(wire.frames(texts), opening + 1, opening + texts, pauses_ns)
        peer.send(STREAM_HEAD)
        self._busy.append(peer)

    def _uneven(self, pause_ns: int) -> Iterator[int]:
        while True:
            yield self._draws.randrange(pause_ns // 2, pause_ns * 3 // 2)

    def _wake(self) -> None:
        now = time.monotonic_ns()
        while self._waiting and self._waiting[0][0] <= now:
            self._busy.append(heapq.heappop(self._waiting)[2])

    def _turn(self, peer: Peer) -> bool:
        """Sends one frame; False if the stream is over or has to wait."""
        stream = peer.stream
        if peer.closed or stream is None:
            return False
        frame = stream.next_frame()
        if frame is None:
            peer.stream = None
            return False
        try:
            if not peer.send(frame):
                self._epoll.modify(peer.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
                return False
        except OSError:
            self._drop(peer)
            return False
        if stream.pauses():
            # From the due time, not from now: a late frame does not move those after it.
            stream.due_ns = (stream.due_ns or time.monotonic_ns()) + stream.next_pause_ns()
            heapq.heappush(self._waiting, (stream.due_ns, id(peer), peer))
            return False
        return True


def main() -> None:
    """Serves on the loopback port named on the command line."""
    parent = os.getppid()
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=_BACKLOG) as listener:
        Mock(listener).run(parent)


if __name__ == "__main__":
    main()

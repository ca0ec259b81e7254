"""Memory with held streams: each target is started anew, measured idle, with 200 and with 2,000 streams open."""

import resource
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from frames import MARK
from loads import SATURATED, order, request_bytes
from measure import pss_kb
from results import Held
from rounds import warm_up
from targets import Starter, Target

COUNTS = (200, 2000)
# Streams asked for but not yet answered: fewer than any listen queue, so that none waits for a lost SYN.
_UNDER_WAY = 64
_OPEN_LIMIT_S = 120.0
_SETTLE_S = 1.5
_FILES = 16_384


def raise_file_limit() -> None:
    """Raises the soft limit of open files; targets inherit it (a held stream costs an adapter two)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class NotHeld(Exception):
    """The target did not bring all streams up to their first chunk."""


def _first_chunk_of(sock: socket.socket) -> bool:
    data = sock.recv(65536)
    if not data or (data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200")):
        raise NotHeld(f"answered {data[:12].decode()} … {data[-200:].decode(errors='replace')}")
    return MARK.encode() in data


@contextmanager
def held(target: Target, count: int) -> Iterator[None]:
    """Streams that have shown their first chunk and then stay silent, until the block ends."""
    asked = request_bytes(
        target.dialect, target.key, order(1, 0, hold=True), stream=True, headers=target.headers
    )
    deadline = time.monotonic() + _OPEN_LIMIT_S
    sockets: dict[int, socket.socket] = {}
    waiting = select.epoll()
    under_way = 0
    try:
        while len(sockets) < count or under_way:
            if time.monotonic() > deadline:
                raise NotHeld(f"{len(sockets) - under_way} of {count} streams in {_OPEN_LIMIT_S:.0f} s")
            while len(sockets) < count and under_way < _UNDER_WAY:
                sock = socket.create_connection(("127.0.0.1", target.port), timeout=10)
                sockets[sock.fileno()] = sock
                waiting.register(sock.fileno(), select.EPOLLIN)
                sock.sendall(asked)
                under_way += 1
            for fd, _ in waiting.poll(1.0):
                if _first_chunk_of(sockets[fd]):
                    waiting.unregister(fd)
                    under_way -= 1
        yield
    finally:
        waiting.close()
        for sock in sockets.values():
            sock.close()


def measure_held(
    name: str,
    starter: Starter,
    mock_port: int,
    work: Path,
    repetition: int,
    counts: Sequence[int] = COUNTS,
) -> Held:
    """One repetition on one target, on a process of its own."""
    found: dict[int, int] = {}
    problem = ""
    with starter(mock_port, work) as target:
        warm_up([SATURATED], [target])
        time.sleep(_SETTLE_S)
        idle = pss_kb(target.pids())
        try:
            for count in counts:
                with held(target, count):
                    time.sleep(_SETTLE_S)
                    found[count] = pss_kb(target.pids())
                # The clients' leaving is noticed before the next streams come, or they meet a limit of runs at once.
                time.sleep(_SETTLE_S)
        except (NotHeld, OSError) as error:
            problem = str(error)
    return Held(target=name, repetition=repetition, idle_kb=idle, held_kb=found, problem=problem)

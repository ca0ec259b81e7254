"""Whether people who watch the console slow the streams down: the delay of chunks with and without watchers, in pairs.

    python bench/watchers.py [--watchers 50] [--pairs 8]

The product serves paced streams over the mock while the console stands over the same store. Watchers hold live pages of four
kinds, and read all they are sent. A pair is one load without watchers and one with them, one right after the other. A load with
watchers begins once each of their pages has been sent whole: to open fifty pages at once takes 0.3 to 0.4 s of CPU, a tenth of a
load's time, and is not what is measured. The figure is the median ratio of the median delays, with its interval.

A load's share of one core that the console took stands beside its delay.
"""

import argparse
import hashlib
import http.client
import select
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from loads import PACED
from measure import cpu_ns
from pairs import Pair, median_interval
from peers.product import INSTALLED, product
from processes import free_port, running
from rounds import generate
from targets import Target, mock_upstream

TOKEN = "a token of the bench"  # noqa: S105 - opens nothing but the bench's own console
PAGES = ("/live/overview", "/live/overview?range=15m", "/live/overview?range=6h", "/live/processes")
_LOAD = replace(PACED, uneven=True)
"""With even pauses, the delays of two loads without watchers differed by up to 2.4 times: each met its own phases."""
_OPENING_S = 30.0
"""In which all pages have been sent once, also on a busy machine."""
GOAL = 1.05
"""The ratio that watchers may make at most."""


@dataclass(frozen=True, slots=True)
class Console:
    """A running console."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """CPU that it has taken so far."""
        return sum(cpu_ns([self.pid]).values()) / 1e9


@contextmanager
def console(target: Target, work: Path) -> Iterator[Console]:
    """A console over the store of the product."""
    if target.store is None:
        raise RuntimeError("the product has no store of its own")
    port, tokens = free_port(), work / "tokens.toml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    tokens.write_text(f'[[tokens]]\nid = "bench"\nrole = "view"\nsha256 = "{digest}"\n', encoding="utf-8")
    env = INSTALLED.environment(
        target.store, MIX2API_CONSOLE_TOKENS_FILE=str(tokens), MIX2API_CONSOLE_PORT=str(port)
    )
    with running(INSTALLED.command("console"), work / "console.log", port=port, env=env) as process:
        yield Console(port, process.pid)


def signed_in(port: int) -> str:
    """The cookie of a sign-in."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    head: Mapping[str, str] = {"content-type": "application/x-www-form-urlencoded"}
    asking.request("POST", "/sign-in", urlencode({"token": TOKEN, "target": "/"}), head)
    cookie = asking.getresponse().getheader("set-cookie", "")
    asking.close()
    return str(cookie).partition(";")[0]


class Watchers:
    """Open live pages, read by a thread."""

    def __init__(self, port: int, count: int) -> None:
        cookie, self.bytes, self.ended = signed_in(port), 0, 0
        self._sockets: list[socket.socket] = []
        for number in range(count):
            page = socket.create_connection(("127.0.0.1", port), timeout=10)
            head = f"GET {PAGES[number % len(PAGES)]} HTTP/1.1\r\nhost: bench\r\ncookie: {cookie}\r\n\r\n"
            page.sendall(head.encode())
            self._sockets.append(page)
        self._waiting = set(self._sockets)
        self._stops, self._all_seen = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._stops.is_set():
            for page in select.select(self._sockets, (), (), 0.2)[0]:
                said = page.recv(262_144)
                self.bytes += len(said)
                if b"event: parts" in said:
                    self._waiting.discard(page)
                    if not self._waiting:
                        self._all_seen.set()
                if not said:
                    self.ended += 1
                    self._sockets.remove(page)

    def wait_seen(self) -> None:
        """Waits until each page has been sent.

        Raises:
            RuntimeError: that takes too long.
        """
        if not self._all_seen.wait(_OPENING_S):
            raise RuntimeError(f"{len(self._waiting)} live pages were sent nothing")

    def close(self) -> None:
        """Ends all of them."""
        self._stops.set()
        self._thread.join()
        for page in self._sockets:
            page.close()


def delay_us(target: Target) -> float:
    """The median delay of the chunks of one load.

    Raises:
        RuntimeError: a stream failed.
    """
    result = generate(_LOAD, target, _LOAD.streams)
    if result.failed:
        raise RuntimeError(f"{result.failed} streams failed: {result.samples}")
    return median(result.chunk_us)


def measured(count: int, pairs: int) -> list[Pair]:
    """The delays of each pair, without watchers and with them."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        work = Path(folder)
        target = stack.enter_context(product(stack.enter_context(mock_upstream(work)), work))
        watched_console = stack.enter_context(console(target, work))
        delay_us(target)  # warm
        found = []
        for _ in range(pairs):
            alone = delay_us(target)
            watchers = Watchers(watched_console.port, count)
            try:
                watchers.wait_seen()
                began, spent_s = time.monotonic(), watched_console.cpu_s()
                watched = delay_us(target)
                share = (watched_console.cpu_s() - spent_s) / (time.monotonic() - began)
            finally:
                watchers.close()
            if watchers.ended or not watchers.bytes:
                raise RuntimeError(f"{watchers.ended} live pages ended; {watchers.bytes} bytes were sent")
            found.append(Pair(alone, watched))
            print(
                f"alone {alone:.0f} us, watched {watched:.0f} us, {watchers.bytes} bytes sent, "
                f"console {share:.1%} of a core",
                flush=True,
            )
        return found


def main() -> None:
    """Measures, prints, and fails where the goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=8)
    chosen = parser.parse_args()
    ratios = [
        ratio for pair in measured(chosen.watchers, chosen.pairs) if (ratio := pair.ratio()) is not None
    ]
    within = median_interval(ratios)
    print(
        f"{chosen.watchers} watchers: chunk delay p50 times {median(ratios):.3f} "
        f"({within.low:.3f} to {within.high:.3f} with {within.coverage:.0%}), goal {GOAL}"
    )
    raise SystemExit(median(ratios) > GOAL)


if __name__ == "__main__":
    main()

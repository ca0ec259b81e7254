"""What is measured, as the loads see it: an address, a dialect, and the processes whose cost counts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loads import Dialect, Load
from processes import free_port, running

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"

DIRECT, PRODUCT, NGINX, LITELLM, PORTKEY = "direct", "mix2api", "nginx", "litellm", "portkey"
APART, TWO, VLLM = "edge+worker", "2 processes", "vllm-router"


@dataclass(frozen=True, slots=True)
class Target:
    """A running system under load."""

    name: str
    port: int
    dialect: Dialect
    pids: Callable[[], frozenset[int]]
    """Its processes as they are now, with its store and its children, without the mock."""
    key: str = "bench"
    """What it takes as a bearer token."""
    headers: str = ""
    """Lines of a request's head that it needs besides, each with its line end."""
    streams: bool = True
    """Whether it can be asked for streams; else only for whole answers."""
    store: Path | None = None
    """Its data directory, if it has a store."""

    def can(self, load: Load) -> bool:
        """Whether it can be asked for this load."""
        return self.streams or not load.stream


Starter = Callable[[int, Path], AbstractContextManager[Target]]
"""Starts a target over the mock on this port, with a work directory of its own."""


@contextmanager
def mock_upstream(work: Path) -> Iterator[int]:
    """The mock in its own process; gives its port."""
    port = free_port()
    with running([sys.executable, str(HERE / "mock_upstream.py"), str(port)], work / "mock.log", port=port):
        yield port


@contextmanager
def direct(mock_port: int, _work: Path) -> Iterator[Target]:
    """The mock itself: what times are like with nothing in between."""
    yield Target(name=DIRECT, port=mock_port, dialect=Dialect.MIX, pids=frozenset)

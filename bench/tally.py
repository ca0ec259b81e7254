"""What the load generator counts, and what it tells in the end."""

import re
from collections import Counter

import msgspec

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_SAMPLE_BYTES = 300
_SAMPLES = 3


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
    byte_us: list[float]
    """From a stream's begin to the first byte of an answer of status 200, one per stream that had one. A stream begins
    with the send of its request, or, in a burst with `connects`, before the connect: a full listen queue counts."""
    failed_by: dict[str, int]
    """The failed streams by their status; see `failed_with`. `not in time` are those given up under way."""


def failed_with(head: bytes) -> str:
    """The kind of a failure, from the first bytes of the answer.

    Returns:
        The HTTP status of a refusal, `broken off` for a stream that began with 200, `no answer` without any byte.
    """
    status = _STATUS.match(head)
    if status is None:
        return "no answer"
    return "broken off" if status[1] == b"200" else status[1].decode()


class Tally:
    """What the lanes of a load have counted together."""

    def __init__(self) -> None:
        self.requests = self.failed = self.chunks = self.frames = self.reads = 0
        self.first_us: list[float] = []
        self.chunk_us: list[float] = []
        self.byte_us: list[float] = []
        self.samples: list[str] = []
        self.failed_by: Counter[str] = Counter()
        self.under_way = 0

    def fail(self, head: bytes, why: bytes, *, given_up: bool = False) -> None:
        """Counts a stream that did not come whole.

        Args:
            head: the first bytes of its answer.
            why: the sample if there is no such byte.
            given_up: whether it was still under way when the load's time was up.
        """
        self.failed += 1
        self.failed_by["not in time" if given_up else failed_with(head)] += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append((head or why)[:_SAMPLE_BYTES].decode("latin-1"))

    def result(self, wall_s: float) -> LoadResult:
        """All of it, after so many seconds."""
        return LoadResult(
            requests=self.requests,
            failed=self.failed,
            chunks=self.chunks,
            frames=self.frames,
            reads=self.reads,
            wall_s=wall_s,
            first_us=self.first_us,
            chunk_us=self.chunk_us,
            samples=self.samples,
            byte_us=self.byte_us,
            failed_by=dict(self.failed_by),
        )

"""Measures one request at the edge, for its receipt: the time of each step, and the writes that the client delayed."""

from typing import Final

from mix2api.clock import Clock
from mix2api.events.edge_times import EdgeTimes

LONG_MS: Final = 250
"""A write that waited longer is listed by itself (`mix2api explain` names the owner of every such gap)."""
_WAITS: Final = 16
"""Waits that a receipt lists one by one: a client that stalls all the time would let receipts grow without bound."""


class Stopwatch:
    """One request's.

    Args:
        clock: measures.
        started_ms: monotonic, when the request's head was whole.
    """

    __slots__ = (
        "_clock",
        "_is_writing",
        "_marks",
        "_more_waits",
        "_started_ms",
        "_waits",
        "_write_began",
    )

    def __init__(self, clock: Clock, started_ms: float) -> None:
        self._clock = clock
        self._started_ms = started_ms
        self._marks: dict[str, float] = {}
        """When each step was done, monotonic, by the field of `EdgeTimes`."""
        self._write_began = 0
        self._is_writing = False
        self._waits: list[tuple[int, int]] = []
        self._more_waits = 0

    def body_read(self) -> None:
        """The body is there."""
        self._marks["body"] = self._clock.monotonic_ms()

    def understood(self) -> None:
        """The body was validated."""
        self._marks["understood"] = self._clock.monotonic_ms()

    def found(self) -> None:
        """The session was found."""
        self._marks["found"] = self._clock.monotonic_ms()

    def submitted(self) -> None:
        """The turn was handed over."""
        self._marks["submitted"] = self._clock.monotonic_ms()

    def accepted(self) -> None:
        """The run is in the log. The last one before output counts: a turn may run twice."""
        self._marks["accepted"] = self._clock.monotonic_ms()

    def write_begins(self) -> None:
        """A piece waits for the client, or the last piece is written. Other pieces take no time and are not recorded."""
        self._write_began, self._is_writing = self._now(), True

    def write_done(self) -> None:
        """The kernel has taken that piece. If it took long, the client held it up."""
        began, self._is_writing = self._write_began, False
        waited = self._now() - began
        if waited <= LONG_MS:
            return
        if len(self._waits) < _WAITS:
            self._waits.append((began, waited))
        else:
            self._more_waits += waited

    def times(self, *, is_written: bool) -> EdgeTimes:
        """All of it, at the moment at which the ending is written or the answer is given up.

        Args:
            is_written: the last write was that of the ending.
        """
        if self._is_writing:
            self.write_done()
        began = self._started_ms
        return EdgeTimes(
            **{step: int(at_ms - began) for step, at_ms in self._marks.items()},
            ended=self._write_began if is_written else None,
            over=self._now(),
            waits=tuple(self._waits),
            more_waits=self._more_waits,
        )

    def _now(self) -> int:
        return int(self._clock.monotonic_ms() - self._started_ms)

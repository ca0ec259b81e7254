"""How long a call may take, how often it is tried, how many connections are kept: frozen groups of numbers."""

import math
from typing import Final

from attrs import field, frozen

ANSWER_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of one answer. The longest output of any model is some 128,000 tokens; a frame for each of them, at 90 bytes,
makes 12 MB. What a run holds of an answer is of the order of its bytes."""


@frozen(kw_only=True)
class Timeouts:
    """Limits of one call, in seconds; the passing of all but `drain` is an `UpstreamFault` `timeout/<name>`."""

    connect: float = 10.0
    """Name resolution, TCP and TLS, together, per attempt."""
    first_byte: float = 180.0
    """From the first byte sent to the end of the answer's head."""
    idle: float = 180.0
    """Between two pieces of the body, and from the head to its first piece."""
    silent: float = 600.0
    """From one content to the next, whatever else the site sends; waits for a slow reader are not counted. 0 is none."""
    total: float = 1800.0
    """From the call's begin to the answer's last byte, waits between attempts included, those for a slow reader not; 0 is
    none."""

    drain: float = 0.05
    """How long a body's end may come after the answer's last word, before the connection is given up instead: a new one
    costs about as much at a distance."""

    total_or_inf: float = field(init=False, repr=False, eq=False)
    """`total` as a number that can be added to a clock."""
    silent_or_inf: float = field(init=False, repr=False, eq=False)
    """`silent`, likewise."""

    @total_or_inf.default
    def _total_or_inf(self) -> float:
        return self.total or math.inf

    @silent_or_inf.default
    def _silent_or_inf(self) -> float:
        return self.silent or math.inf


@frozen(kw_only=True)
class Retries:
    """Further attempts after a connect failure or an answer 429, 502, 503 or 504."""

    count: int = 0
    """0: none, which is the default because the gateway in front usually tries again itself."""
    base_s: float = 0.25
    """The n-th wait is drawn from 0 to `base_s * 2**n`, so that a crowd does not come back together."""
    longest_wait_s: float = 10.0
    """A `retry-after` above it is not waited for: the answer is given as it is."""


@frozen(kw_only=True)
class KeepAlive:
    """How unused connections are kept for the next call."""

    enabled: bool = True
    max_idle_per_origin: int = 64
    """The connections of 64 streams that ended together are all kept; beyond that the oldest is closed."""
    idle_expiry_s: float = 60.0
    """Below the 75 s after which nginx closes an idle connection, which spares a stale attempt."""

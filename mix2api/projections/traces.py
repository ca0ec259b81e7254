"""Sampled traces: one run as facts, and the rule by which runs are chosen.

A trace holds what the canonical log line holds, so that an operator without the log can look at single runs for a while. What
was said stands in it only where the operator asked for that (`MIX2API_TRACE_MODE=content`).
"""

from typing import Final

import msgspec
from attrs import frozen
from msgspec import Struct

from mix2api.projections.traced_content import TracedContent
from mix2api.vocabulary import SUCCESSES, Channel, ClientName, EndReason

SLOW_MS: Final = 30_000
"""A run that took longer is slow. Agents' own idle timeouts begin at 15 s, and most answers end before the half minute."""
_PARTS: Final = 1 << 32


class Trace(Struct, frozen=True, kw_only=True):
    """What is kept of one run. Fields may be added, with a default."""

    at_ms: int
    """Unix milliseconds at which the run began."""
    run_id: str
    request_id: str
    session_id: str
    client: str
    channel: Channel
    model: str
    stream: bool
    tools_present: bool
    resolution: str
    """How its session was found (`request.resolution`)."""
    end_reason: EndReason
    detail: str | None
    http_status: int
    upstream_status: int | None
    first_token_ms: int | None
    total_ms: int
    chunks: int
    """Deltas given to the client."""
    content: TracedContent | None = None
    """None: the trace was made without."""


@frozen(kw_only=True)
class TraceRule:
    """Which runs are traced."""

    rate: float
    """Share of all runs, 0 to 1 (`TRACE_SAMPLING_RATE`)."""
    failed: bool = False
    """All that did not succeed."""
    slow: bool = False
    """All that took longer than `SLOW_MS`."""
    clients: frozenset[ClientName] = frozenset()
    """All of these clients."""

    def chooses(self, trace: Trace, draw: int) -> bool:
        """Whether the run is kept.

        Args:
            trace: of the run.
            draw: 0 to 2^32 - 1; the same for the same run, so that a repeated look chooses alike.
        """
        return (
            draw < self.rate * _PARTS
            or (self.failed and trace.end_reason not in SUCCESSES)
            or (self.slow and trace.total_ms > SLOW_MS)
            or trace.client in self.clients
        )


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Trace)


def trace_bytes(trace: Trace) -> bytes:
    """The trace as it is sealed."""
    return _encoder.encode(trace)


def read_trace(data: bytes) -> Trace | None:
    """The trace again; None if it is damaged or of a version that this one cannot read."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None

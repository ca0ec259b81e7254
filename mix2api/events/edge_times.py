"""What the edge measured of one request, as it stands at the end of a receipt. Never any content.

The worker's events tell of the run alone. These times tell of the request around it: the body, the search for a session, the
wait for a slot, and how long the client held writes up. All are milliseconds since the request's head was whole.
"""

from typing import Final

import msgspec
from msgspec import Struct

TIMES_VERSION: Final = 1
"""Raised only when a field changes its place or its meaning."""


class EdgeTimes(Struct, frozen=True, array_like=True, kw_only=True):
    """One request's."""

    version: int = TIMES_VERSION
    body: int | None = None
    """The body was read. None, here and below: the request ended before that."""
    understood: int | None = None
    """The body was validated, and a chosen upstream was looked up."""
    found: int | None = None
    """Its session was found."""
    submitted: int | None = None
    """The worker, or the store on the way to it, had taken the turn."""
    accepted: int | None = None
    """The edge heard that the run is in the log."""
    ended: int | None = None
    """The edge heard how the run ended, and began to write the ending."""
    over: int
    """The ending was written, or the request was refused or given up."""
    waits: tuple[tuple[int, int], ...] = ()
    """Writes that the client held up for long: when each began, and how long it waited. The first few."""
    more_waits: int = 0
    """How long further such writes waited, together."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(EdgeTimes)

# RecursionError: a field that this version does not know may be nested as deep as somebody likes.
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def times_bytes(times: EdgeTimes) -> bytes:
    """As a receipt carries it."""
    return _encoder.encode(times)


def read_times(data: bytes) -> EdgeTimes | None:
    """The times again; None if there are none, or they are damaged or of a newer version. Never raises."""
    try:
        times = _decoder.decode(data)
    except _UNREADABLE:
        return None
    return times if times.version == TIMES_VERSION else None

"""The audit entries of requests that were refused before a run began, as compact JSON arrays. Never any content.

One entry tells of one request (`RefusalEntry`). Under a flood, further requests are only counted, one entry for each reason and
second (`RefusalCount`). The version stands first, as in `mix2api.events.audit_entry`; fields may be added at the end.
"""

from typing import Final

import msgspec
from msgspec import Struct

from mix2api.events.edge_times import EdgeTimes
from mix2api.vocabulary import Channel, EndReason

REFUSAL_VERSION: Final = 1
"""Raised only when a field changes its place or its meaning."""


class RefusalEntry(Struct, frozen=True, array_like=True, kw_only=True):
    """One request, as the edge knew it when it was refused."""

    version: int = REFUSAL_VERSION
    at_ms: int
    """Unix milliseconds of the refusal, the edge's wall clock."""
    request_id: str
    run_id: str | None
    """The id under which the turn was handed to a worker. None: it did not get so far."""
    client: str
    """A `ClientName`."""
    stream: bool | None
    """None, here and with `tools_present`: refused before the body was understood."""
    tools_present: bool | None
    model: str | None
    """A configured name; None where it is another one or not known."""
    method: str
    route: str
    """One of our routes, or `none`."""
    end_reason: EndReason
    detail: str | None
    http_status: int
    code: str | None
    """The error's `code`."""
    param: str | None
    """A path in the request's shape, never a value."""
    body_bytes: int
    duration_ms: int
    """From the request's head to the refusal."""
    channel: Channel
    """Of the process that reports it."""
    times: EdgeTimes | None = None
    """What the edge measured; None where the request was no chat request."""
    worker_channel: Channel | None = None
    """Of the worker in another process that refused the turn, or that left it unbegun. None: the reporting process refused the
    request itself, or a version wrote it that does not say."""

    @property
    def refused_by(self) -> Channel:
        """The channel against which it counts."""
        return self.worker_channel or self.channel


class CountedRefusals(Struct, frozen=True, array_like=True, kw_only=True):
    """So many requests of one kind of client."""

    client: str
    stream: bool | None
    tools_present: bool | None
    count: int


class RefusalCount(Struct, frozen=True, array_like=True, kw_only=True):
    """Requests that a process refused for one reason within one second, beyond those that have entries of their own."""

    version: int = REFUSAL_VERSION
    at_ms: int
    """When that second began, Unix milliseconds. While the store is away several seconds share one entry."""
    end_reason: EndReason
    detail: str | None
    http_status: int
    channel: Channel
    """Of the process that reports them."""
    by_client: tuple[CountedRefusals, ...]
    worker_channel: Channel | None = None
    """As in `RefusalEntry`."""

    @property
    def refused_by(self) -> Channel:
        """As in `RefusalEntry`."""
        return self.worker_channel or self.channel


_encoder = msgspec.json.Encoder()
_refusal_decoder = msgspec.json.Decoder(RefusalEntry)
_count_decoder = msgspec.json.Decoder(RefusalCount)

# RecursionError: a field that this version does not know may be nested as deep as somebody likes.
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def refusal_bytes(entry: RefusalEntry | RefusalCount) -> bytes:
    """An entry as it stands in the audit stream."""
    return _encoder.encode(entry)


def read_refusal(data: bytes) -> RefusalEntry | None:
    """The entry again; None if it is damaged or of a newer version. Never raises."""
    try:
        entry = _refusal_decoder.decode(data)
    except _UNREADABLE:
        return None
    return entry if entry.version == REFUSAL_VERSION else None


def read_refusal_count(data: bytes) -> RefusalCount | None:
    """Likewise for a count."""
    try:
        entry = _count_decoder.decode(data)
    except _UNREADABLE:
        return None
    return entry if entry.version == REFUSAL_VERSION else None

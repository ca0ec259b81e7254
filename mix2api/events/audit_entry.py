"""The two halves of a run's audit entry, as compact JSON arrays: what was asked, and how it ended. Never any content.

The `request` half is made when a run is accepted and rests in `open`; the store puts it beside the `end` half when
the run ends. Arrays, because an audit reads millions: a third of the bytes of objects and half of the time. The
version stands first; fields may be added at the end, with a default, and old readers skip them.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from mix2api.events.kinds import End, Request, ToolResult, Usage
from mix2api.vocabulary import Channel, EndReason, FinishReason

ROLLED_OVER: Final = "rolled_over"
"""`request.resolution_reason` of a turn whose session was too full (`mix2api.sessions.resolution.Reason`)."""
COMPACTED: Final = "compacted"
"""`request.resolution_reason` of a turn whose client has replaced its history by a summary."""
_WHO_DIGITS: Final = 16
"""Hex digits: callers are counted by these, and looked up nowhere. An entry has half of the bytes."""
SUMMARY_VERSION: Final = 1
"""Raised only when a field changes its place or its meaning."""


class BudgetSummary(Struct, frozen=True, array_like=True):
    """What a turn took of its model. Tokens."""

    counted: int
    """Of all that the session held with the turn, by our own count."""
    used: int
    """The same as the site would count it."""
    available: int
    withheld: int
    """Messages that trimming changed."""
    rolled_over: bool
    """The session that the turn would have continued was too full."""
    compacted: bool = False
    """Its client had replaced the history by a summary."""


class RequestSummary(Struct, frozen=True, array_like=True):
    """What was asked, by whom, and when."""

    version: int
    at_ms: int
    """Unix milliseconds, the wall clock of the process that runs it."""
    request_id: str
    client: str
    """A `ClientName`; a plain string here, so that an older reader still counts a newer client."""
    stream: bool
    tools_present: bool
    model: str
    """The configured name, else `#<digest>/<length>`."""
    attempt: int
    channel: Channel
    results: tuple[tuple[str, str], ...] = ()
    """Tool results that came with it: digests of the call's id and of the result."""
    budget: BudgetSummary | None = None
    """None: the turn was not counted."""
    turn: str | None = None
    """Equal where a client resends a failed turn. None, here and below: an older process wrote it."""
    session_age_ms: int | None = None
    """How long before this run its session was opened; 0 where the run opened it."""
    edge_channel: Channel | None = None
    """Of the edge that took the request, where it is another than `channel`."""
    again_of: str | None = None
    """The run that this one repeats. Its client was told of this one, with or without a receipt that says so."""
    caller: str | None = None
    """Whose credential it was: the first 16 digits of its digest. None, here and below: an older process wrote it."""
    isolation: str | None = None
    """Likewise, of who may share sessions: tells the sessions of one caller apart."""


class TokenCounts(Struct, frozen=True, array_like=True):
    """The upstream's own token counts."""

    prompt: int
    completion: int
    total: int
    reasoning: int
    cached: int

    @classmethod
    def of(cls, usage: Usage) -> "TokenCounts":
        """An event's usage as it stands in a summary."""
        return cls(
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens,
            usage.reasoning_tokens,
            usage.cached_tokens,
        )


class EndSummary(Struct, frozen=True, array_like=True):
    """How it ended."""

    version: int
    end_reason: EndReason
    detail: str | None
    http_status: int
    upstream_status: int | None
    finish_reason: FinishReason | None
    first_token_ms: int | None
    total_ms: int
    frames: int
    usage: TokenCounts | None
    calls: tuple[str, ...] = ()
    """Of a run that ended in `tool_calls`: digests of the ids of its calls."""
    longest_gap_ms: int | None = None
    """The longest time between two pieces of the answer. None: there were no two, or an older version wrote it."""
    usage_source: str | None = None
    """Whose figures `usage` has; a word of `mix2api.budget.usage.UsageSource`. None: the site's, or an older process wrote it."""
    account: str | None = None
    """The operator's id of the account that served the run. None: the upstream is no pool, or an older process wrote it."""

    runtime_tools: int | None = None
    """Tools of its own that a runtime ran. None: none, or an older process wrote it."""


_encoder = msgspec.json.Encoder()
_request_decoder = msgspec.json.Decoder(RequestSummary)
_end_decoder = msgspec.json.Decoder(EndSummary)

# RecursionError: a field that this version does not know may be nested as deep as somebody likes.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What the decoders raise for a half that is damaged."""


def request_summary(request: Request, results: Iterable[ToolResult] = ()) -> bytes:
    """The first half of a run's audit entry."""
    return _encoded(
        RequestSummary(
            version=SUMMARY_VERSION,
            at_ms=request.at_ms,
            request_id=request.request_id,
            client=request.client,
            stream=request.stream,
            tools_present=request.tools_present,
            model=request.model,
            attempt=request.attempt,
            channel=request.channel,
            results=tuple((result.tool_call_id, str(result.digest)) for result in results),
            budget=_budget(request),
            turn=request.turn,
            session_age_ms=request.session_age_ms,
            edge_channel=request.edge_channel,
            again_of=request.again_of,
            caller=None if request.caller is None else request.caller[:_WHO_DIGITS],
            isolation=_isolation(request),
        )
    )


def _budget(request: Request) -> BudgetSummary | None:
    counted, used, available = request.counted_tokens, request.input_tokens, request.input_budget
    if counted is None or used is None or available is None:
        return None
    return BudgetSummary(
        counted=counted,
        used=used,
        available=available,
        withheld=sum((request.withheld_by or {}).values()),
        rolled_over=request.resolution_reason == ROLLED_OVER,
        compacted=request.resolution_reason == COMPACTED,
    )


def _isolation(request: Request) -> str | None:
    """Of requests whose caller is known only: an older process's entries stay as they were."""
    if request.caller is None or request.isolation is None:
        return None
    return request.isolation[:_WHO_DIGITS]


def end_summary(
    end: End, calls: Iterable[str] = (), longest_gap_ms: int | None = None, account: str | None = None
) -> bytes:
    """The second half of a run's audit entry.

    Args:
        end: the event.
        calls: `tool_call_id` of the run's `tool_call` events; they count if it ended in `tool_calls`.
        longest_gap_ms: between two pieces of the answer.
        account: that served the run.
    """
    return _encoded(
        EndSummary(
            version=SUMMARY_VERSION,
            end_reason=end.end_reason,
            detail=end.detail,
            http_status=end.http_status,
            upstream_status=end.upstream_status,
            finish_reason=end.finish_reason,
            first_token_ms=end.first_token_ms,
            total_ms=end.total_ms,
            frames=end.frames,
            usage=None if end.usage is None else TokenCounts.of(end.usage),
            calls=tuple(calls) if end.end_reason is EndReason.TOOL_CALLS else (),
            longest_gap_ms=longest_gap_ms,
            usage_source=end.usage_source,
            account=account,
            runtime_tools=end.runtime_tools or None,
        )
    )


_ALWAYS: Final = {RequestSummary: 9, EndSummary: 10}
"""Fields that every version writes."""


def _encoded(summary: RequestSummary | EndSummary) -> bytes:
    """The array; without its last fields where they say nothing, as with most runs."""
    fields = msgspec.structs.astuple(summary)
    said = len(fields)
    while fields[said - 1] is None or fields[said - 1] == ():
        said -= 1
    return _encoder.encode(fields[: max(said, _ALWAYS[type(summary)])])


def read_request_summary(data: bytes) -> RequestSummary | None:
    """The first half again; None if it is damaged or of a newer version. Never raises."""
    try:
        summary = _request_decoder.decode(data)
    except UNREADABLE:
        return None
    return summary if summary.version == SUMMARY_VERSION else None


def read_end_summary(data: bytes) -> EndSummary | None:
    """The second half again; None if it is damaged or of a newer version. Never raises."""
    try:
        summary = _end_decoder.decode(data)
    except UNREADABLE:
        return None
    return summary if summary.version == SUMMARY_VERSION else None

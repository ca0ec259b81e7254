"""The kinds of events, as frozen structs, and the explicit table of their names. Never any content.

The names and fields are a public contract: `KINDS` is what stands in the log, golden bytes of every schema version
stay in the tests, a field may be added with a default and never changes its meaning (`mix2api.events.codec`).
Every event of a run carries `seq`, 1 for `request` and one more for each event after it, without gaps.

Structs, not attrs: an event is made, copied with its number and encoded for every step of every run, and each of the three
costs a twentieth as a struct (ADR 0023). Fields are written in the order of the class, required ones first.
"""

from typing import Final

from msgspec import Struct

from mix2api.vocabulary import (
    Channel,
    ChunkKind,
    Context,
    Digest,
    EndReason,
    FinishReason,
    ProcessId,
    RequestId,
    RunId,
    Sealed,
    SessionWord,
)

SCHEMA_VERSION: Final = 1
"""The highest version that this code writes and reads."""
RUNTIME: Final = "runtime"
"""The resolution of a turn that runs in a session of a runtime (ADR 72)."""
UNNUMBERED: Final = 0
"""The `seq` of an event that stands in a command: `mix2api.sessions.decide` gives it its number. None such is in a log."""


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts (OpenAI's `usage`), all ≥ 0: in an event as the upstream gave them, for a client perhaps estimated."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run was accepted. Written before the upstream is called."""

    run_id: RunId
    seq: int
    request_id: RequestId
    at_ms: int
    """Wall clock, Unix milliseconds, of the process that runs it."""
    model: str
    """The configured name, else `#<digest>/<length>`."""
    stream: bool
    messages_all: int
    messages_new: int
    body_bytes: int
    edge: ProcessId
    worker: ProcessId
    attempt: int = 1
    client: str = "other"
    """A `ClientName`."""
    tools_present: bool = False
    messages_withheld: int = 0
    """Messages that the site is not given, or not whole, by limits that an operator set."""
    tools_withheld: int = 0
    """Tools likewise."""
    input_tokens: int | None = None
    """Of all that the session holds when the turn is sent, as the site would count them."""
    input_budget: int | None = None
    """Tokens that those may be at most."""
    output_budget: int | None = None
    """Tokens that are kept for the answer."""
    isolation: Digest | None = None
    realm: Digest | None = None
    taken: Digest | None = None
    """The lineage digest at which the session waited, if it was continued by history."""
    resolution: str = "fresh"
    """`fresh`, `continued`, `stateless` where the upstream keeps no conversation, or `RUNTIME`."""
    resolution_reason: str = "no_history"
    channel: Channel = Channel.STABLE
    """Of the process that runs it."""
    counted_tokens: int | None = None
    """Tokens that the session holds when the turn is sent, by our own count; `input_tokens` is that as the site would count it."""
    withheld_by: dict[str, int] | None = None
    """Of `messages_withheld`: what trimming changed, by its reason (`mix2api.budget.fates.TrimReason`)."""
    summary: str | None = None
    """Whose summary stands for what trimming took away (`mix2api.budget.summary.SummaryOutcome`). None: there is none."""
    summary_ms: int | None = None
    """How long the turn waited for a model's summary."""
    turn: Digest | None = None
    """What was asked, of whom: equal where a client resends a failed turn (`mix2api.release.independence`)."""
    session_age_ms: int | None = None
    """Since the session's first request; 0 for that request. None, here and with `turn`: an older process wrote it."""
    edge_channel: Channel | None = None
    """Of the edge that took the request, where it is another than `channel`. Logs of before 2026-12 never say it."""
    again_of: RunId | None = None
    """The run that this one repeats: the request is answered by this one (ADR 103). Older processes write only `attempt` 2."""
    caller: Digest | None = None
    """Of the caller's credential. Logs of before 2026-12 lack it."""


class ToolResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The client returned a tool's result with the request."""

    run_id: RunId
    seq: int
    tool_call_id: str
    size_bytes: int
    digest: Digest
    channel: Channel = Channel.STABLE
    """Of the process that wrote it; set by the store."""


class UpstreamChunk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The upstream said something, or a cause of ending became known. Deltas are coalesced.

    `first_frame`/`last_frame` number the upstream's frames within the run, from 1; both 0 where the entry tells
    of no frame (`open`, `cause`).
    """

    run_id: RunId
    seq: int
    kind: ChunkKind
    at_ms: int
    """Milliseconds since the run began, on the actor's own monotonic clock."""
    first_frame: int = 0
    last_frame: int = 0
    frames: int = 0
    size_bytes: int = 0
    """UTF-8 bytes of the content that these frames carried."""
    upstream_status: int | None = None
    upstream_session: Sealed | None = None
    upstream_exchange: Sealed | None = None
    finish_reason: FinishReason | None = None
    """`finish` only: already mapped to OpenAI's word."""
    cause: EndReason | None = None
    """`error` and `cause` only: what the run would end with if no earlier cause stands."""
    detail: str | None = None
    perhaps_taken: bool = False
    """`error` only: the site may have read the turn, if only in an earlier attempt of the same call."""
    usage: Usage | None = None
    skipped: int = 0
    """Frames of unknown or ignored types among these."""
    account: str | None = None
    """The operator's id of the account that serves the run; on the first entry after it was chosen."""
    account_why: str | None = None
    """Why that account (`mix2api.accounts.port.Why`); on the same entry. Logs of before 2026-12 lack it."""
    channel: Channel = Channel.STABLE
    """Of the process that wrote it; set by the store."""


class ToolCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The upstream asked for a tool of the client's."""

    run_id: RunId
    seq: int
    tool_call_id: str
    name: Digest
    index: int
    argument_bytes: int
    digest: Digest
    upstream_call_id: Sealed | None = None
    channel: Channel = Channel.STABLE
    """Of the process that wrote it; set by the store."""


class End(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run ended: exactly once per run."""

    run_id: RunId
    seq: int
    end_reason: EndReason
    http_status: int
    total_ms: int
    detail: str | None = None
    upstream_status: int | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    first_token_ms: int | None = None
    frames: int = 0
    context: Context = Context.UNKNOWN
    waits_at: tuple[Digest, ...] = ()
    channel: Channel = Channel.STABLE
    """Of the process that wrote it; set by the store."""
    usage_source: str | None = None
    """Whose figures `usage` has (`mix2api.budget.usage.UsageSource`). None: the site's, of an older process."""
    runtime_tools: int = 0
    """Tools of its own that a runtime ran for this run. Tools that we run ourselves are in no event: there are none."""


class SessionNote(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something about the session itself. Belongs to no run; `run_id` says which run caused it, if one did."""

    word: SessionWord
    why: str
    """A word of a closed list, never content."""
    count: int = 0
    run_id: RunId | None = None
    process: ProcessId | None = None
    channel: Channel = Channel.STABLE
    """Of the process that wrote it; set by the store."""


RunEvent = Request | ToolResult | UpstreamChunk | ToolCall | End
Event = RunEvent | SessionNote

KINDS: Final[dict[str, type[Event]]] = {
    "request": Request,
    "tool_result": ToolResult,
    "upstream_chunk": UpstreamChunk,
    "tool_call": ToolCall,
    "end": End,
    "session": SessionNote,
}
KIND_OF: Final[dict[type[Event], str]] = {cls: name for name, cls in KINDS.items()}

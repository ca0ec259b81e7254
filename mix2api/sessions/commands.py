"""What a session can be told. Times, ids, digests and counts come in with the command: the core makes none.

Commands that record what somebody else said hold the event as it will stand, `UNNUMBERED`; `decide` numbers it.
"""

from msgspec import Struct

from mix2api.events.kinds import Request, ToolCall, ToolResult, UpstreamChunk, Usage
from mix2api.vocabulary import Detail, Digest, EndReason, ProcessId, RunId


class AcceptTurn(Struct, frozen=True, kw_only=True):
    """Take a turn on."""

    request: Request
    results: tuple[ToolResult, ...] = ()


class RecordChunk(Struct, frozen=True):
    """The upstream said something, or failed."""

    chunk: UpstreamChunk


class RecordToolCall(Struct, frozen=True):
    """The upstream asked for a tool of the client's."""

    call: ToolCall


class StopRun(Struct, frozen=True, kw_only=True):
    """Something other than the upstream ends the run: the client, our limits, a fault of ours."""

    run_id: RunId
    at_ms: int
    end_reason: EndReason
    detail: str | None = None


class ConcludeRun(Struct, frozen=True, kw_only=True):
    """Write the end. A cause must stand."""

    run_id: RunId
    at_ms: int
    headers_sent: bool
    """Whether the client has been given status 200 already."""
    waits_at: tuple[Digest, ...] = ()
    """Where the session would wait for its next turn: the history that now ends with this answer."""
    usage: Usage | None = None
    """Tokens of the run; None: what the upstream reported."""
    usage_source: str | None = None
    """Whose figures they are (`mix2api.budget.usage.UsageSource`)."""
    runtime_tools: int = 0
    """Tools of its own that a runtime ran."""
    faithful: bool = True
    """Whether the client got exactly what the site said; if not, no history tells what the site holds."""


class RecoverRun(Struct, frozen=True, kw_only=True):
    """End the run that a lost process left, by what its events say."""

    run_id: RunId
    at_ms: int
    process: ProcessId
    """Who recovers it."""
    detail: Detail | None = None
    """`edge_lost` if it was not the worker that died; else derived."""


class RetireSession(Struct, frozen=True, kw_only=True):
    """Never continue it."""

    why: str


Command = AcceptTurn | RecordChunk | RecordToolCall | StopRun | ConcludeRun | RecoverRun | RetireSession

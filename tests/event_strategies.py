"""Any event at all, for property tests."""

from typing import Any

from hypothesis import strategies as st

from mix2api.events.kinds import (
    End,
    Event,
    Request,
    SessionNote,
    ToolCall,
    ToolResult,
    UpstreamChunk,
    Usage,
)
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

_words = st.text(st.characters(codec="utf-8"), max_size=12)
_counts = st.integers(0, 2**53)
_runs = _words.map(RunId)
_digests = _words.map(Digest)
_sealed = st.none() | _words.map(Sealed)
_processes = _words.map(ProcessId)
_some = st.none() | _counts
_usages = st.builds(
    Usage,
    prompt_tokens=_counts,
    completion_tokens=_counts,
    total_tokens=_counts,
    reasoning_tokens=_counts,
    cached_tokens=_counts,
)
_asked: dict[str, Any] = {
    "request_id": _words.map(RequestId),
    "at_ms": _counts,
    "attempt": _counts,
    "again_of": st.none() | _runs,
    "caller": st.none() | _digests,
    "client": _words,
    "model": _words,
    "stream": st.booleans(),
    "tools_present": st.booleans(),
    "messages_all": _counts,
    "messages_new": _counts,
    "messages_withheld": _counts,
    "body_bytes": _counts,
    "input_tokens": _some,
    "input_budget": _some,
    "output_budget": _some,
    "isolation": st.none() | _digests,
    "realm": st.none() | _digests,
    "taken": st.none() | _digests,
    "resolution": _words,
    "resolution_reason": _words,
    "edge": _processes,
    "worker": _processes,
    "channel": st.sampled_from(Channel),
}

requests = st.builds(Request, run_id=_runs, seq=_counts, **_asked)
tool_results = st.builds(
    ToolResult, run_id=_runs, seq=_counts, tool_call_id=_words, size_bytes=_counts, digest=_digests
)
chunks = st.builds(
    UpstreamChunk,
    run_id=_runs,
    seq=_counts,
    kind=st.sampled_from(ChunkKind),
    at_ms=_counts,
    first_frame=_counts,
    last_frame=_counts,
    frames=_counts,
    size_bytes=_counts,
    upstream_status=_some,
    upstream_session=_sealed,
    upstream_exchange=_sealed,
    finish_reason=st.none() | st.sampled_from(FinishReason),
    cause=st.none() | st.sampled_from(EndReason),
    detail=st.none() | _words,
    usage=st.none() | _usages,
    skipped=_counts,
)
tool_calls = st.builds(
    ToolCall,
    run_id=_runs,
    seq=_counts,
    tool_call_id=_words,
    upstream_call_id=_sealed,
    name=_digests,
    index=_counts,
    argument_bytes=_counts,
    digest=_digests,
)
ends = st.builds(
    End,
    run_id=_runs,
    seq=_counts,
    end_reason=st.sampled_from(EndReason),
    detail=st.none() | _words,
    http_status=_counts,
    upstream_status=_some,
    finish_reason=st.none() | st.sampled_from(FinishReason),
    usage=st.none() | _usages,
    first_token_ms=_some,
    total_ms=_counts,
    frames=_counts,
    context=st.sampled_from(Context),
    waits_at=st.lists(_digests, max_size=3).map(tuple),
)
notes = st.builds(
    SessionNote,
    word=st.sampled_from(SessionWord),
    why=_words,
    count=_counts,
    run_id=st.none() | _runs,
    process=st.none() | _processes,
)
events: st.SearchStrategy[Event] = st.one_of(requests, tool_results, chunks, tool_calls, ends, notes)

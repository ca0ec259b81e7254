"""From causes to the verdict of a run: pure, used alike by the live actor, replay, recovery and audit.

The first cause wins. A cause is an `upstream_chunk` of kind `finish`, `error` or `cause`; its place in the run's
sequence is its time. Silence is never a cause.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from mix2api.endings import status_of
from mix2api.events.kinds import UpstreamChunk
from mix2api.vocabulary import (
    SUCCESSES,
    ChunkKind,
    Context,
    Detail,
    EndReason,
    FinishReason,
)


class Cause(Struct, frozen=True, omit_defaults=True):
    """Why a run is to end."""

    end_reason: EndReason
    detail: str | None = None
    finish_reason: FinishReason | None = None


UNATTRIBUTED: Final = Cause(EndReason.UNKNOWN)
"""What a run without any cause would end with: an audit finding."""


def cause_of(chunk: UpstreamChunk) -> Cause | None:
    """The cause that a chunk states, None if it states none."""
    if chunk.kind is ChunkKind.FINISH and chunk.finish_reason is not None:
        return Cause(EndReason(chunk.finish_reason.value), chunk.detail, chunk.finish_reason)
    if chunk.kind in {ChunkKind.ERROR, ChunkKind.CAUSE} and chunk.cause is not None:
        return Cause(chunk.cause, chunk.detail)
    return None


def attribute(chunks: Iterable[UpstreamChunk]) -> Cause:
    """The verdict over a run's chunks, in their order."""
    for chunk in chunks:
        cause = cause_of(chunk)
        if cause is not None:
            return cause
    return UNATTRIBUTED


_PASSED_ON: Final = frozenset({400, 404, 413, 422, 429, 503, 504})
"""Upstream statuses that tell the client what to do; every other one is a bad gateway."""
_BY_MEANING: Final = {
    Detail.CONTEXT_LENGTH.value: 400,
    Detail.FILTERED.value: 400,
    Detail.RATE_LIMIT.value: 429,
    Detail.QUOTA.value: 429,
    Detail.OWNER_GONE.value: 503,
}
"""Details of `upstream_error` for which OpenAI has a status, whatever the site's own was (API guide, "Error codes")."""


def http_status(cause: Cause, upstream_status: int | None, *, headers_sent: bool) -> int:
    """The status that the client gets: 200 once headers have left, else by cause."""
    is_gone = cause.end_reason is EndReason.CLIENT_ABORT and cause.detail != Detail.ASKED
    if headers_sent and not is_gone:
        return 200
    if cause.end_reason is EndReason.UPSTREAM_ERROR:
        return _upstream_error_status(cause.detail, upstream_status)
    return status_of(cause.end_reason, cause.detail)


def _upstream_error_status(detail: str | None, upstream_status: int | None) -> int:
    """By what the site's words mean, else the site's own where it tells the client what to do."""
    meant = _BY_MEANING.get(detail or "")
    if meant is None and detail == Detail.STATUS and upstream_status in _PASSED_ON:
        meant = upstream_status
    return meant or status_of(EndReason.UPSTREAM_ERROR)


_NEVER_ASKED: Final = frozenset(
    {
        Detail.CONNECT,
        Detail.CONNECT_FAILED,
        Detail.DESCRIPTORS,
        Detail.LOGIN,
        Detail.DEADLINE,
        Detail.OWNER_GONE,
        Detail.NO_HISTORY,
    }
)
_STATUS_WORDS: Final = frozenset({Detail.STATUS, Detail.RATE_LIMIT, Detail.QUOTA})
"""Details of a refusal before any work, where the status says so too."""
_REFUSED_BY_SITE: Final = frozenset({401, 403, 429, 503})


def context_after(cause: Cause, upstream_status: int | None, *, perhaps_read: bool, called: bool) -> Context:
    """What the upstream session's context is after a run with that cause.

    Args:
        cause: the run's.
        upstream_status: the last attempt's, None where it got none.
        perhaps_read: the answer began, or an attempt of the call left that the site may have read.
        called: whether the upstream was called at all.
    """
    if cause.end_reason in SUCCESSES and cause.end_reason is not EndReason.CONTENT_FILTER:
        return Context.EXTENDED
    if not called:
        return Context.UNCHANGED
    refused = cause.detail in _NEVER_ASKED or (
        cause.detail in _STATUS_WORDS and upstream_status in _REFUSED_BY_SITE
    )
    return Context.UNCHANGED if refused and not perhaps_read else Context.UNKNOWN

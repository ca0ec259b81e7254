"""An answer with an HTTP status that is no success, as the fault that it is. Pure."""

from typing import Any, Final

import msgspec

from mix2api.upstreams.http.head import AnswerHead
from mix2api.upstreams.http.retrying import retry_after_s
from mix2api.upstreams.mix.damage import NOT_JSON
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

REFUSAL_BODY_LIMIT: Final = 65536
"""Bytes of such a body that are read: a sentence is looked for, not a page."""
_MESSAGE_LIMIT: Final = 500
"""Characters of the site's own words that a client may see (the architecture)."""
_UNAUTHORISED: Final = frozenset({401, 403})
_NOT_TAKEN: Final = frozenset({429, 503})
"""Refused before any work, by their definition (RFC 6585, 4; RFC 9110, 15.6.4)."""


def refusal_fault(head: AnswerHead, body: bytes, now_ms: int) -> UpstreamFault:
    """The fault, with the site's own words if it has any.

    Args:
        head: status and header fields.
        body: as much of it as was read.
        now_ms: Unix time, for a `retry-after` that is a date.
    """
    unauthorised = head.status in _UNAUTHORISED
    message = _message(head, body) or f"the upstream answered with status {head.status}"
    return UpstreamFault(
        EndReason.UPSTREAM_AUTH_ERROR if unauthorised else EndReason.UPSTREAM_ERROR,
        Detail.STATUS,
        message[:_MESSAGE_LIMIT],
        status=head.status,
        retry_after_s=retry_after_s(head.headers, now_ms),
        taken=not unauthorised and head.status not in _NOT_TAKEN,
    )


def _message(head: AnswerHead, body: bytes) -> str:
    if head.media_type == "text/html":
        return ""  # a gateway's page; its tags tell a client nothing
    try:
        return _sentence(msgspec.json.decode(body))
    except NOT_JSON:
        return body.decode("utf-8", "replace").strip()


def _sentence(said: Any) -> str:
    """The first text under the keys that sites use; `error` may be a text or hold one."""
    if isinstance(said, str):
        return said
    if not isinstance(said, dict):
        return ""
    return next((text for key in ("error", "message", "detail") if (text := _sentence(said.get(key)))), "")

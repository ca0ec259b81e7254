"""An answer with an HTTP status that is no success, as the fault that it is. Pure."""

from typing import Final

import msgspec
from attrs import evolve

from mix2api.accounts.hints import reset_hint
from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.faults import Unanswered
from mix2api.upstreams.http.head import AnswerHead
from mix2api.upstreams.http.packed_body import is_unreadable
from mix2api.upstreams.http.retrying import retry_after_s
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.site_errors import MESSAGE_LIMIT, SiteError, failed, refusal, words_of
from mix2api.vocabulary import Detail, EndReason

REFUSAL_BODY_LIMIT: Final = 65536
"""Bytes of such a body that are read: a sentence is looked for, not a page."""
_UNKNOWN_SESSION: Final = frozenset({404, 410})
"""What this kind of site answers to a session id that it does not know."""


def refusal_fault(head: AnswerHead, body: bytes, now_ms: int) -> UpstreamFault:
    """The fault, with the site's own words if it has any.

    Args:
        head: status and header fields. The status counts, whatever the body says of one.
        body: as much of it as was read.
        now_ms: Unix time, for a `retry-after` that is a date.
    """
    error = _error(head, body)
    if not error.message:
        error = evolve(error, message=f"the upstream answered with status {head.status}")
    failure = failed(evolve(error, status=head.status))
    fault = refusal(failure, head.status, started=False, retry_after_s=retry_after_s(head.headers, now_ms))
    fault.reset = reset_hint(head.headers, _said(body), now_ms)
    return fault


def _said(body: bytes) -> object:
    """The JSON value that a refusal is; None if it is none."""
    try:
        return msgspec.json.decode(body)
    except NOT_JSON:
        return None


def words_fault(body: bytes, status: int) -> UpstreamFault:
    """The fault that an answer under a successful status is that is a text: most are a gateway's or a framework's apology.

    Args:
        body: its beginning.
        status: of the answer.
    """
    failure = failed(SiteError(_words_in(body)))
    if failure.detail is not Detail.ERROR_FRAME:
        return refusal(failure, status, started=False)
    what = "the upstream's answer is neither a stream of events nor JSON"
    return faults.protocol(f"{what}: {failure.message[:MESSAGE_LIMIT]}" if failure.message else what, status)


def _words_in(body: bytes) -> str:
    """The text that these bytes are; empty if they are none."""
    try:
        text = body.decode().strip()
    except UnicodeDecodeError:
        return ""
    return text if all(char.isprintable() or char.isspace() for char in text[:MESSAGE_LIMIT]) else ""


def in_session(fault: UpstreamFault, *, session_known: bool) -> UpstreamFault:
    """The fault; where the turn's session is to be given up, it says so.

    The site does not know the session, or nobody knows whether the session holds the turn.
    """
    unknown = fault.detail is Detail.STATUS and fault.status in _UNKNOWN_SESSION
    if not session_known or not (unknown or isinstance(fault, Unanswered)):
        return fault
    return UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, fault.message, status=fault.status)


def _error(head: AnswerHead, body: bytes) -> SiteError:
    if head.media_type == "text/html" or is_unreadable(head):
        return SiteError("")  # a gateway's page, whose tags tell a client nothing; or bytes that are no words
    try:
        return words_of(msgspec.json.decode(body))
    except NOT_JSON:
        return SiteError(body.decode("utf-8", "replace").strip())

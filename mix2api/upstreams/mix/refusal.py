"""An answer with an HTTP status that is no success, as the fault that it is. Pure."""

from typing import Final

import msgspec
from attrs import evolve

from mix2api.upstreams.http.head import AnswerHead
from mix2api.upstreams.http.retrying import retry_after_s
from mix2api.upstreams.mix.damage import NOT_JSON
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.site_errors import SiteError, failed, refusal, words_of

REFUSAL_BODY_LIMIT: Final = 65536
"""Bytes of such a body that are read: a sentence is looked for, not a page."""


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
    return refusal(failure, head.status, started=False, retry_after_s=retry_after_s(head.headers, now_ms))


def _error(head: AnswerHead, body: bytes) -> SiteError:
    if head.media_type == "text/html":
        return SiteError("")  # a gateway's page; its tags tell a client nothing
    try:
        return words_of(msgspec.json.decode(body))
    except NOT_JSON:
        return SiteError(body.decode("utf-8", "replace").strip())

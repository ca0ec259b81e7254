"""What a client is told when a run fails: OpenAI's `type`, a `code`, and a sentence, per `end_reason`.

An upstream's own words come behind the sentence, redacted; they go to the client and nowhere else.
"""

from typing import Final

from attrs import frozen

from mix2api.events.kinds import End
from mix2api.redaction import redact_text
from mix2api.sessions.worker_port import Ended, EndedUsage
from mix2api.vocabulary import SUCCESSES, EndReason


@frozen
class Words:
    """One reason's words."""

    type: str
    code: str
    message: str
    retry_after_s: int | None = None


_WORDS: Final[dict[EndReason, Words]] = {
    EndReason.CLIENT_ABORT: Words("invalid_request_error", "client_abort", "the client went away"),
    EndReason.SUPERSEDED: Words(
        "invalid_request_error", "superseded", "a newer request took this one's place"
    ),
    EndReason.TIMEOUT: Words("upstream_error", "upstream_timeout", "the upstream took too long"),
    EndReason.UPSTREAM_ERROR: Words("upstream_error", "upstream_error", "the upstream failed"),
    EndReason.UPSTREAM_AUTH_ERROR: Words(
        "upstream_error", "upstream_auth_error", "the upstream refused our credential"
    ),
    EndReason.OVERLOADED: Words(
        "overloaded_error", "overloaded", "this server is at its limit; try again", 1
    ),
    EndReason.UNAVAILABLE: Words(
        "service_unavailable_error", "store_unavailable", "the event log cannot be reached", 1
    ),
    EndReason.WORKER_LOST: Words(
        "server_error", "worker_lost", "the process that ran this request was lost; try again", 1
    ),
    EndReason.ADAPTER_ERROR: Words("server_error", "adapter_error", "this server made a mistake"),
}
_OTHER: Final = Words("server_error", "unknown", "the request ended without a known reason")


def ended_reply(
    end: End, *, upstream_says: str = "", retry_after_s: int | None = None, acked: bool = True
) -> Ended:
    """The last reply of a run whose `end` stands.

    Args:
        end: the event.
        upstream_says: the site's own text, unredacted; shown after our sentence.
        retry_after_s: the site's `Retry-After`, if it gave one; else the reason's own.
        acked: whether the event is known to be durable.
    """
    if end.end_reason in SUCCESSES:
        return Ended(
            end_reason=end.end_reason,
            http_status=end.http_status,
            upstream_status=end.upstream_status,
            finish_reason=end.finish_reason,
            usage=EndedUsage.of(end.usage),
            acked=acked,
        )
    words = _WORDS.get(end.end_reason, _OTHER)
    place = f" ({end.detail})" if end.detail else ""
    said = f": {redact_text(upstream_says)}" if upstream_says else ""
    return Ended(
        end_reason=end.end_reason,
        detail=end.detail,
        http_status=end.http_status,
        upstream_status=end.upstream_status,
        usage=EndedUsage.of(end.usage),
        message=f"{words.message}{place}{said}",
        error_type=words.type,
        error_code=words.code,
        retry_after_s=retry_after_s if retry_after_s is not None else words.retry_after_s,
        acked=acked,
    )

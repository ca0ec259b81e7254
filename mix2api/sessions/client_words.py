"""The last reply of a turn, by the table of endings: after its `end`, or where no `end` tells of it.

An upstream's own words come behind the sentence, redacted; they go to the client and nowhere else. Our own words for causes
(`status`, `error_frame`) stay in the log: they mean nothing to whoever reads the message.
"""

from http import HTTPStatus
from typing import Final

from mix2api.endings import ENDINGS, Words, status_of
from mix2api.events.kinds import End
from mix2api.redaction import redact_text
from mix2api.sessions.attribution import Cause, http_status
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import SUCCESSES, Detail, EndReason

_BY_DETAIL: Final[dict[str, Words]] = {
    Detail.CONTEXT_LENGTH.value: Words(
        "invalid_request_error", "context_length_exceeded", "the conversation is too long for the model"
    ),
    Detail.FILTERED.value: Words(
        "invalid_request_error", "content_filter", "the upstream's content filter refused the request"
    ),
    Detail.RATE_LIMIT.value: Words(
        "upstream_error", "rate_limit_exceeded", "the upstream takes no more requests for now"
    ),
    Detail.QUOTA.value: Words("insufficient_quota", "insufficient_quota", "the upstream's quota is used up"),
    Detail.OWNER_GONE.value: Words(
        "upstream_error", "owner_unavailable", "the account that alone can serve this request cannot serve it"
    ),
    Detail.NO_HISTORY.value: Words(
        "invalid_request_error",
        "history_required",
        "the request brings no history, and its client session has had turns",
    ),
    Detail.CONNECT_FAILED.value: Words("upstream_error", "upstream_error", "the upstream cannot be reached"),
    Detail.TRUNCATED.value: Words("upstream_error", "upstream_error", "the upstream's answer was cut off"),
    Detail.ABORTED.value: Words("upstream_error", "upstream_error", "the upstream gave up"),
    Detail.CONNECT.value: Words(
        "upstream_error", "upstream_timeout", "the upstream could not be reached in time"
    ),
    Detail.FIRST_BYTE.value: Words(
        "upstream_error", "upstream_timeout", "the upstream did not begin its answer in time"
    ),
    Detail.IDLE.value: Words("upstream_error", "upstream_timeout", "the upstream was silent for too long"),
    Detail.SILENT.value: Words("upstream_error", "upstream_timeout", "the upstream was silent for too long"),
}
"""What an ending of `_DETAILED` is where its detail says more than the reason does. Source of the codes: OpenAI's
guide, "Error codes"."""
_DETAILED: Final = frozenset({EndReason.UPSTREAM_ERROR, EndReason.TIMEOUT, EndReason.INVALID_REQUEST})
_BY_STATUS: Final[dict[int, Words]] = {
    429: _BY_DETAIL[Detail.RATE_LIMIT.value],
    503: Words("upstream_error", "upstream_error", "the upstream is overloaded"),
    504: Words("upstream_error", "upstream_timeout", "the upstream took too long"),
}
LONGEST_RETRY_S: Final = 120
"""What a `retry-after` header asks for at most. The OpenAI SDKs stop retrying where it asks for more; the true figure stands
in the message."""


def _words_for(end: End) -> Words:
    words = ENDINGS[end.end_reason].words
    if end.end_reason not in _DETAILED:
        return words
    if end.detail == Detail.STATUS:
        return _BY_STATUS.get(end.upstream_status or 0, words)
    return _BY_DETAIL.get(end.detail or "", words)


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
            usage=end.usage,
            acked=acked,
        )
    words = _words_for(end)
    asked_s = retry_after_s if retry_after_s is not None else words.retry_after_s
    return Ended(
        end_reason=end.end_reason,
        detail=end.detail,
        http_status=end.http_status,
        upstream_status=end.upstream_status,
        usage=end.usage,
        message=_message(words.message, redact_text(upstream_says), asked_s),
        error_type=words.type,
        error_code=words.code,
        param="messages" if end.detail == Detail.CONTEXT_LENGTH else None,
        retry_after_s=None if asked_s is None else min(asked_s, LONGEST_RETRY_S),
        acked=acked,
    )


def status_of_failure(ended: Ended) -> int:
    """For a client that has no head yet. The reply says 200 where the worker took a head for sent, which was lost with it."""
    if ended.http_status != HTTPStatus.OK:
        return ended.http_status
    return http_status(Cause(ended.end_reason, ended.detail), ended.upstream_status, headers_sent=False)


def _message(ours: str, theirs: str, asked_s: int | None) -> str:
    """The site's own words where it has any: a client's user, and its retry logic, know them from the model's maker."""
    # Faults of the connection come with a sentence of ours already, which may be the same.
    said = f"{ours}: {theirs}" if theirs and theirs != ours else ours
    return f"{said} (retry after {asked_s} seconds)" if asked_s and asked_s > LONGEST_RETRY_S else said


def refused(
    end_reason: EndReason,
    detail: str | None = None,
    message: str | None = None,
    retry_after_s: int | None = None,
) -> Ended:
    """The last reply of a turn of which no `end` tells: it never began, or somebody else has ended it.

    Args:
        end_reason: gives status, type, code, and what is not said here.
        detail: a `Detail`, or the class of a fault of ours.
        message: for the client; None: the reason's own.
        retry_after_s: None: the reason's own.
    """
    words = ENDINGS[end_reason].words
    asked_s = words.retry_after_s if retry_after_s is None else retry_after_s
    return Ended(
        end_reason=end_reason,
        detail=None if detail is None else str(detail),
        http_status=status_of(end_reason, detail),
        message=words.message if message is None else message,
        error_type=words.type,
        error_code=words.code,
        retry_after_s=None if asked_s is None else min(asked_s, LONGEST_RETRY_S),
    )

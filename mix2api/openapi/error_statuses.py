"""Which status a chat request can fail with, and the codes that stand in its envelope: taken from the code that answers.

A run's own endings are asked of `mix2api.sessions.client_words`, for every reason, every detail and every status of the site.
What is refused before a run begins are the classes of `mix2api.errors`.
"""

from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from attrs import frozen

from mix2api.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    ClientVisibleError,
    InvalidRequest,
    PreviousResponseNotFound,
    RequestTimeout,
    StoreUnavailable,
    UnsupportedMediaType,
)
from mix2api.events.kinds import End
from mix2api.sessions.attribution import Cause, http_status
from mix2api.sessions.client_words import ended_reply
from mix2api.vocabulary import SUCCESSES, Detail, EndReason, RunId

_NOT_TOLD: Final = frozenset({EndReason.CLIENT_ABORT, EndReason.UNKNOWN})
"""No client reads the answer of the first, and the second should not exist."""
_BY_DETAIL: Final[dict[EndReason, tuple[Detail, ...]]] = {
    EndReason.UPSTREAM_ERROR: tuple(detail for detail in Detail if detail is not Detail.NO_HISTORY),
    EndReason.OVERLOADED: tuple(Detail),
    EndReason.INVALID_REQUEST: (Detail.NO_HISTORY,),
}
"""Reasons whose status or code depends on the detail. A call without its history is refused before the site is asked."""
_BEFORE_A_RUN: Final[tuple[type[ClientVisibleError], ...]] = (
    InvalidRequest,
    PreviousResponseNotFound,
    AuthenticationFailed,
    RequestTimeout,
    BodyTooLarge,
    UnsupportedMediaType,
    StoreUnavailable,
)
BEFORE_A_RUN_CODES: Final[dict[int, frozenset[str]]] = {
    400: frozenset(
        {
            "conflicting_owners",
            "invalid_encoding",
            "invalid_json",
            "invalid_value",
            "malformed_http",
            "missing_required_parameter",
            "owner_unknown",
            "repeated_header",
            "tool_call_id_mismatch",
            "unsupported_value",
            "upstream_base_refused",
        }
    ),
    401: frozenset({"missing_api_key"}),
    404: frozenset({"model_not_found", "response_not_found"}),
    431: frozenset({"malformed_http"}),
    501: frozenset({"malformed_http"}),
    505: frozenset({"malformed_http"}),
}
"""Codes that a refusal gives instead of its class's own; a test finds every `code=` of the source here."""


@frozen
class Failure:
    """One way in which a chat request fails."""

    status: int
    code: str
    type: str
    message: str


def chat_failures() -> dict[int, tuple[Failure, ...]]:
    """Status -> the failures that have it, one for each code, in the codes' order."""
    found: defaultdict[int, dict[str, Failure]] = defaultdict(dict)
    for failure in (*_refusals(), *_endings()):
        found[failure.status].setdefault(failure.code, failure)
    return {status: tuple(found[status][code] for code in sorted(found[status])) for status in sorted(found)}


def _refusals() -> Iterator[Failure]:
    for kind in _BEFORE_A_RUN:
        error = kind("")
        yield Failure(error.status, kind.code or "", kind.type, "")
    for status, codes in BEFORE_A_RUN_CODES.items():
        kind = AuthenticationFailed if status == HTTPStatus.UNAUTHORIZED else InvalidRequest
        for code in codes:
            yield Failure(status, code, kind.type, "")


def _endings() -> Iterator[Failure]:
    """Every ending of a run that a client can be told."""
    for reason in EndReason:
        if reason in SUCCESSES | _NOT_TOLD:
            continue
        for detail in (None, *_BY_DETAIL.get(reason, ())):
            for site in (None, *(HTTPStatus if detail is Detail.STATUS else ())):
                status = http_status(Cause(reason, detail), site, headers_sent=False)
                end = End(
                    run_id=RunId(""),
                    seq=0,
                    end_reason=reason,
                    detail=detail,
                    http_status=status,
                    upstream_status=site,
                    total_ms=0,
                )
                told = ended_reply(end)
                yield Failure(status, told.error_code or "", told.error_type, told.message)

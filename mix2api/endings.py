"""One table of endings: what each `end_reason` means outside. Whoever answers, reports or counts one reads it here.

A run's own ending adds to it what it knows (`mix2api.sessions.client_words`), a refused request its own sentence
(`mix2api.errors`, `mix2api.actors.refusals`).
"""

from typing import Final

from attrs import frozen

from mix2api.vocabulary import Detail, EndReason, Fault


@frozen
class Words:
    """What a client is told of a failure: OpenAI's `type` and `code`, and a sentence."""

    type: str
    code: str
    message: str
    retry_after_s: int | None = None


@frozen
class Ending:
    """One reason's row."""

    status: int
    """HTTP, if nothing was sent yet. A site's own may go before it (`mix2api.sessions.attribution.http_status`)."""
    fault: Fault
    """Whose doing it is."""
    words: Words
    """Of a failure. What a site's fault means may go before them (`mix2api.sessions.client_words`)."""


_UNKNOWN: Final = Words("server_error", "unknown", "the request ended without a known reason")
_SUCCESS: Final = Ending(200, Fault.NOBODY, _UNKNOWN)

ENDINGS: Final[dict[EndReason, Ending]] = {
    EndReason.STOP: _SUCCESS,
    EndReason.TOOL_CALLS: _SUCCESS,
    EndReason.LENGTH: _SUCCESS,
    EndReason.CONTENT_FILTER: _SUCCESS,
    EndReason.CLIENT_ABORT: Ending(
        499,  # nginx's word for it; no client sees it, logs and metrics do
        Fault.CLIENT,
        Words("invalid_request_error", "client_abort", "the client went away"),
    ),
    EndReason.SUPERSEDED: Ending(
        409,
        Fault.CLIENT,
        Words("invalid_request_error", "superseded", "a newer request took this one's place"),
    ),
    EndReason.INVALID_REQUEST: Ending(
        400,
        Fault.CLIENT,
        Words("invalid_request_error", "invalid_request", "the request cannot be honoured as it is"),
    ),
    EndReason.AUTH_ERROR: Ending(
        401,
        Fault.CLIENT,
        Words("authentication_error", "invalid_api_key", "there is no credential, or not one of ours"),
    ),
    EndReason.BUDGET_REJECTED: Ending(
        400,
        Fault.CLIENT,
        Words("invalid_request_error", "context_length_exceeded", "the request is larger than its budget"),
    ),
    EndReason.TIMEOUT: Ending(
        504, Fault.UPSTREAM, Words("upstream_error", "upstream_timeout", "the upstream took too long")
    ),
    EndReason.UPSTREAM_ERROR: Ending(
        502, Fault.UPSTREAM, Words("upstream_error", "upstream_error", "the upstream failed")
    ),
    EndReason.UPSTREAM_AUTH_ERROR: Ending(
        502,
        Fault.UPSTREAM,
        Words("upstream_error", "upstream_auth_error", "the upstream refused our credential"),
    ),
    EndReason.OVERLOADED: Ending(
        503,
        Fault.MIX2API,
        Words("overloaded_error", "overloaded", "this server is at its limit; try again", retry_after_s=1),
    ),
    EndReason.UNAVAILABLE: Ending(
        503,
        Fault.MIX2API,
        Words(
            "service_unavailable_error",
            "store_unavailable",
            "the event log cannot be reached",
            retry_after_s=1,
        ),
    ),
    EndReason.WORKER_LOST: Ending(
        503,
        Fault.MIX2API,
        Words(
            "server_error",
            "worker_lost",
            "the process that ran this request was lost; try again",
            retry_after_s=1,
        ),
    ),
    EndReason.ADAPTER_ERROR: Ending(
        500, Fault.MIX2API, Words("server_error", "adapter_error", "this server made a mistake")
    ),
    EndReason.UNKNOWN: Ending(500, Fault.MIX2API, _UNKNOWN),
}

_TOO_MUCH_AT_ONCE: Final = frozenset({Detail.QUEUE, Detail.DEADLINE})
"""Details of `overloaded` that are the caller's pace: a full queue, and one that did not move in time."""
_TOO_MUCH_STATUS: Final = 429
_GIVEN_UP: Final = {
    Detail.HUNG_UP: EndReason.CLIENT_ABORT,
    Detail.STALLED: EndReason.CLIENT_ABORT,
    Detail.DRAIN: EndReason.OVERLOADED,
}


def status_of(end_reason: EndReason, detail: str | None = None) -> int:
    """The HTTP status of an ending: 429 where the caller sent too much at once."""
    if end_reason is EndReason.OVERLOADED and detail in _TOO_MUCH_AT_ONCE:
        return _TOO_MUCH_STATUS
    return ENDINGS[end_reason].status


def given_up_for(cause: Detail) -> EndReason:
    """What a request ended with that its edge gave up. Only the client's own going away may be called an abort."""
    return _GIVEN_UP.get(cause, EndReason.WORKER_LOST)

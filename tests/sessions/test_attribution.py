"""From causes to the verdict, the status and what is known of the upstream's context."""

from typing import Any

import pytest
from session_scripts import chunk

from mix2api.events.kinds import UpstreamChunk
from mix2api.sessions.attribution import (
    UNATTRIBUTED,
    Cause,
    attribute,
    cause_of,
    context_after,
    http_status,
)
from mix2api.vocabulary import (
    SUCCESSES,
    ChunkKind,
    Context,
    Detail,
    EndReason,
    FinishReason,
)


def said(kind: ChunkKind, **fields: Any) -> UpstreamChunk:
    return chunk(kind, **fields).chunk


@pytest.mark.parametrize("finish", FinishReason)
def test_a_finish_is_a_success_of_the_same_name(finish: FinishReason) -> None:
    cause = cause_of(said(ChunkKind.FINISH, finish_reason=finish))
    assert cause == Cause(EndReason(finish.value), None, finish)
    assert cause.end_reason in SUCCESSES


@pytest.mark.parametrize("kind", [ChunkKind.ERROR, ChunkKind.CAUSE])
def test_errors_and_causes_say_what_they_are(kind: ChunkKind) -> None:
    stated = said(kind, cause=EndReason.TIMEOUT, detail="idle")
    assert cause_of(stated) == Cause(EndReason.TIMEOUT, "idle")


@pytest.mark.parametrize("kind", ChunkKind)
def test_what_states_no_cause_is_none(kind: ChunkKind) -> None:
    assert cause_of(said(kind)) is None


@pytest.mark.parametrize(
    "kind", [ChunkKind.OPEN, ChunkKind.START, ChunkKind.TEXT, ChunkKind.REASONING, ChunkKind.TOOL_INPUT]
)
def test_output_is_never_a_cause_whatever_its_fields_say(kind: ChunkKind) -> None:
    assert cause_of(said(kind, cause=EndReason.TIMEOUT, finish_reason=FinishReason.STOP)) is None


def test_the_first_cause_wins() -> None:
    chunks = [
        said(ChunkKind.TEXT),
        said(ChunkKind.CAUSE, cause=EndReason.CLIENT_ABORT, detail="hung_up"),
        said(ChunkKind.FINISH, finish_reason=FinishReason.STOP),
    ]
    assert attribute(chunks) == Cause(EndReason.CLIENT_ABORT, "hung_up")


def test_silence_is_no_evidence() -> None:
    assert attribute([said(ChunkKind.OPEN), said(ChunkKind.TEXT)]) == UNATTRIBUTED


STATUSES = {
    EndReason.STOP: 200,
    EndReason.TOOL_CALLS: 200,
    EndReason.LENGTH: 200,
    EndReason.CONTENT_FILTER: 200,
    EndReason.CLIENT_ABORT: 499,
    EndReason.SUPERSEDED: 409,
    EndReason.INVALID_REQUEST: 400,
    EndReason.AUTH_ERROR: 401,
    EndReason.BUDGET_REJECTED: 400,
    EndReason.TIMEOUT: 504,
    EndReason.UPSTREAM_ERROR: 502,
    EndReason.UPSTREAM_AUTH_ERROR: 502,
    EndReason.OVERLOADED: 503,
    EndReason.UNAVAILABLE: 503,
    EndReason.WORKER_LOST: 503,
    EndReason.ADAPTER_ERROR: 500,
    EndReason.UNKNOWN: 500,
}


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_has_its_status_before_headers_and_200_after(reason: EndReason) -> None:
    assert http_status(Cause(reason), None, headers_sent=False) == STATUSES[reason]
    after = 499 if reason is EndReason.CLIENT_ABORT else 200
    assert http_status(Cause(reason), None, headers_sent=True) == after


@pytest.mark.parametrize(
    ("reason", "detail", "upstream", "status"),
    [
        (EndReason.OVERLOADED, Detail.QUEUE, None, 429),
        (EndReason.OVERLOADED, Detail.DEADLINE, None, 429),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 400, 400),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 429, 429),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 503, 503),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 500, 502),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 302, 502),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, None, 502),
        (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, 429, 502),
        (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, 401, 502),
    ],
)
def test_some_details_have_a_status_of_their_own(
    reason: EndReason, detail: Detail, upstream: int | None, status: int
) -> None:
    assert http_status(Cause(reason, detail), upstream, headers_sent=False) == status


@pytest.mark.parametrize(
    ("reason", "detail", "upstream", "started", "called", "context"),
    [
        (EndReason.STOP, None, 200, True, True, Context.EXTENDED),
        (EndReason.TOOL_CALLS, None, 200, True, True, Context.EXTENDED),
        (EndReason.LENGTH, None, 200, True, True, Context.EXTENDED),
        (EndReason.CONTENT_FILTER, None, 200, True, True, Context.UNKNOWN),
        (EndReason.CLIENT_ABORT, Detail.HUNG_UP, None, False, False, Context.UNCHANGED),
        (EndReason.CLIENT_ABORT, Detail.HUNG_UP, 200, True, True, Context.UNKNOWN),
        (EndReason.TIMEOUT, Detail.CONNECT, None, False, True, Context.UNCHANGED),
        (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, None, False, True, Context.UNCHANGED),
        (EndReason.TIMEOUT, Detail.FIRST_BYTE, None, False, True, Context.UNKNOWN),
        (EndReason.TIMEOUT, Detail.IDLE, 200, True, True, Context.UNKNOWN),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 429, False, True, Context.UNCHANGED),
        (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, 401, False, True, Context.UNCHANGED),
        (EndReason.UPSTREAM_AUTH_ERROR, Detail.LOGIN, None, False, True, Context.UNCHANGED),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 429, True, True, Context.UNKNOWN),
        (EndReason.UPSTREAM_ERROR, Detail.STATUS, 500, False, True, Context.UNKNOWN),
        (EndReason.UPSTREAM_ERROR, Detail.ERROR_FRAME, 200, True, True, Context.UNKNOWN),
    ],
)
def test_the_context_is_claimed_only_where_it_is_certain(
    reason: EndReason,
    detail: Detail | None,
    upstream: int | None,
    *,
    started: bool,
    called: bool,
    context: Context,
) -> None:
    assert context_after(Cause(reason, detail), upstream, perhaps_read=started, called=called) is context

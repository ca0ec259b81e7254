"""What ends a run, and the `end` that comes of it: reason, detail, status before and after headers, context."""

from typing import Any

import pytest
from session_scripts import accept, carry_out, chunk, conclude, state_after, stop

from mix2api.events.kinds import End
from mix2api.sessions.commands import Command
from mix2api.vocabulary import ChunkKind, Context, Detail, EndReason, FinishReason


def finish(reason: FinishReason) -> Command:
    return chunk(ChunkKind.FINISH, finish_reason=reason)


def fault(reason: EndReason, detail: Detail | None, status: int | None = None) -> Command:
    return chunk(ChunkKind.ERROR, cause=reason, detail=detail, upstream_status=status)


_TIMEOUT, _ERROR = EndReason.TIMEOUT, EndReason.UPSTREAM_ERROR
_AUTH, _FULL = EndReason.UPSTREAM_AUTH_ERROR, EndReason.OVERLOADED
_INVALID = EndReason.INVALID_REQUEST
_SAME, _MORE, _LOST = Context.UNCHANGED, Context.EXTENDED, Context.UNKNOWN

TABLE: list[tuple[Command, EndReason, Detail | str | None, int, int, Context]] = [
    (finish(FinishReason.STOP), EndReason.STOP, None, 200, 200, _MORE),
    (finish(FinishReason.TOOL_CALLS), EndReason.TOOL_CALLS, None, 200, 200, _MORE),
    (finish(FinishReason.LENGTH), EndReason.LENGTH, None, 200, 200, _MORE),
    (finish(FinishReason.CONTENT_FILTER), EndReason.CONTENT_FILTER, None, 200, 200, _LOST),
    (fault(_TIMEOUT, Detail.CONNECT), _TIMEOUT, Detail.CONNECT, 504, 200, _SAME),
    (fault(_TIMEOUT, Detail.FIRST_BYTE), _TIMEOUT, Detail.FIRST_BYTE, 504, 200, _LOST),
    (fault(_TIMEOUT, Detail.IDLE), _TIMEOUT, Detail.IDLE, 504, 200, _LOST),
    (fault(_TIMEOUT, Detail.TOTAL), _TIMEOUT, Detail.TOTAL, 504, 200, _LOST),
    (fault(_TIMEOUT, Detail.SILENT, 200), _TIMEOUT, Detail.SILENT, 504, 200, _LOST),
    (fault(_ERROR, Detail.TOO_LARGE, 200), _ERROR, Detail.TOO_LARGE, 502, 200, _LOST),
    (fault(_ERROR, Detail.TOO_MANY, 200), _ERROR, Detail.TOO_MANY, 502, 200, _LOST),
    (fault(_ERROR, Detail.CONNECT_FAILED), _ERROR, Detail.CONNECT_FAILED, 502, 200, _SAME),
    (fault(_ERROR, Detail.SESSION_LOST), _ERROR, Detail.SESSION_LOST, 502, 200, _LOST),
    (fault(_ERROR, Detail.STATUS, 500), _ERROR, Detail.STATUS, 502, 200, _LOST),
    (fault(_ERROR, Detail.STATUS, 429), _ERROR, Detail.STATUS, 429, 200, _SAME),
    (fault(_ERROR, Detail.STATUS, 504), _ERROR, Detail.STATUS, 504, 200, _LOST),
    (fault(_ERROR, Detail.CONTEXT_LENGTH, 500), _ERROR, Detail.CONTEXT_LENGTH, 400, 200, _LOST),
    (fault(_ERROR, Detail.FILTERED, 400), _ERROR, Detail.FILTERED, 400, 200, _LOST),
    (fault(_ERROR, Detail.RATE_LIMIT, 503), _ERROR, Detail.RATE_LIMIT, 429, 200, _SAME),
    (fault(_ERROR, Detail.RATE_LIMIT, 200), _ERROR, Detail.RATE_LIMIT, 429, 200, _LOST),
    (fault(_ERROR, Detail.QUOTA, 429), _ERROR, Detail.QUOTA, 429, 200, _SAME),
    (fault(_ERROR, Detail.STATUS, 400), _ERROR, Detail.STATUS, 400, 200, _LOST),
    (fault(_ERROR, Detail.OWNER_GONE), _ERROR, Detail.OWNER_GONE, 503, 200, _SAME),
    (fault(_INVALID, Detail.NO_HISTORY), _INVALID, Detail.NO_HISTORY, 400, 200, _SAME),
    (fault(_ERROR, Detail.TRUNCATED, 200), _ERROR, Detail.TRUNCATED, 502, 200, _LOST),
    (fault(_ERROR, Detail.ERROR_FRAME, 200), _ERROR, Detail.ERROR_FRAME, 502, 200, _LOST),
    (fault(_ERROR, Detail.ABORTED, 200), _ERROR, Detail.ABORTED, 502, 200, _LOST),
    (fault(_ERROR, Detail.PROTOCOL, 200), _ERROR, Detail.PROTOCOL, 502, 200, _LOST),
    (fault(_AUTH, Detail.STATUS, 401), _AUTH, Detail.STATUS, 502, 200, _SAME),
    (fault(_AUTH, Detail.STATUS, 403), _AUTH, Detail.STATUS, 502, 200, _SAME),
    (fault(_AUTH, Detail.LOGIN), _AUTH, Detail.LOGIN, 502, 200, _SAME),
    (fault(_AUTH, Detail.ERROR_FRAME, 200), _AUTH, Detail.ERROR_FRAME, 502, 200, _LOST),
    (stop(EndReason.CLIENT_ABORT, Detail.HUNG_UP), EndReason.CLIENT_ABORT, Detail.HUNG_UP, 499, 499, _LOST),
    (stop(EndReason.CLIENT_ABORT, Detail.STALLED), EndReason.CLIENT_ABORT, Detail.STALLED, 499, 499, _LOST),
    (stop(EndReason.CLIENT_ABORT, Detail.ASKED), EndReason.CLIENT_ABORT, Detail.ASKED, 499, 200, _LOST),
    (stop(EndReason.SUPERSEDED, None), EndReason.SUPERSEDED, None, 409, 200, _LOST),
    (stop(_FULL, Detail.DEADLINE), _FULL, Detail.DEADLINE, 429, 200, _SAME),
    (fault(_FULL, Detail.DESCRIPTORS), _FULL, Detail.DESCRIPTORS, 503, 200, _SAME),
    (stop(_FULL, Detail.BUSY), _FULL, Detail.BUSY, 503, 200, _LOST),
    (stop(_FULL, Detail.DRAIN), _FULL, Detail.DRAIN, 503, 200, _LOST),
    (stop(EndReason.UNAVAILABLE, None), EndReason.UNAVAILABLE, None, 503, 200, _LOST),
    (stop(EndReason.WORKER_LOST, Detail.FENCED), EndReason.WORKER_LOST, Detail.FENCED, 503, 200, _LOST),
    (stop(EndReason.ADAPTER_ERROR, "KeyError"), EndReason.ADAPTER_ERROR, "KeyError", 500, 200, _LOST),
]


@pytest.mark.parametrize(("cause", "reason", "detail", "before", "after", "context"), TABLE)
def test_a_cause_gives_the_end_that_the_table_says(
    cause: Command, reason: EndReason, detail: Any, before: int, after: int, context: Context
) -> None:
    state = state_after([accept(), chunk(ChunkKind.OPEN)])
    for headers_sent, status in ((False, before), (True, after)):
        _, events = carry_out(state, [cause, conclude(headers_sent=headers_sent)])
        (end,) = [event for event in events if isinstance(event, End)]
        assert (end.end_reason, end.detail, end.http_status, end.context) == (reason, detail, status, context)


def test_every_detail_of_a_run_that_was_accepted_is_in_the_table() -> None:
    # The others are said where no upstream is called or by a recovery (`test_decide`).
    elsewhere = {
        Detail.QUEUE,
        Detail.NO_OWNER,
        Detail.EXPIRED,
        Detail.BEFORE_UPSTREAM,
        Detail.BEFORE_OUTPUT,
        Detail.MID_STREAM,
        Detail.EDGE_LOST,
        # Said before a request is accepted.
        Detail.CONNECTIONS,
        # Remarks of good endings, which the translation makes.
        Detail.BROKEN_CALL,
        Detail.DROPPED_CALL,
        Detail.UNKNOWN_FINISH,
    }
    assert {row[2] for row in TABLE if isinstance(row[2], Detail)} == set(Detail) - elsewhere

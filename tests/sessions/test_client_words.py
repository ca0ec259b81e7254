"""What a client is told when a run ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from session_scripts import RUN, USAGE

from mix2api.events.kinds import End, Usage
from mix2api.sessions.client_words import LONGEST_RETRY_S, ended_reply, refused, status_of_failure
from mix2api.vocabulary import SUCCESSES, Detail, EndReason, FinishReason

GOOD = End(
    run_id=RUN,
    seq=7,
    end_reason=EndReason.STOP,
    http_status=200,
    upstream_status=200,
    finish_reason=FinishReason.STOP,
    usage=USAGE,
    total_ms=90,
)
FAILED = replace(GOOD, end_reason=EndReason.TIMEOUT, detail="idle", http_status=504, finish_reason=None)


def test_a_success_has_finish_and_usage_and_no_words() -> None:
    reply = ended_reply(GOOD)
    assert (reply.finish_reason, reply.message, reply.error_code) == (FinishReason.STOP, "", None)
    assert reply.usage == Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12)


def test_without_usage_there_is_none() -> None:
    assert ended_reply(replace(GOOD, usage=None)).usage is None


def test_a_failure_says_what_and_where_and_then_what_the_upstream_said() -> None:
    reply = ended_reply(FAILED, upstream_says="busy", acked=False)
    assert reply.message == "the upstream was silent for too long: busy"
    assert (reply.error_type, reply.error_code) == ("upstream_error", "upstream_timeout")
    assert (reply.finish_reason, reply.http_status, reply.acked) == (None, 504, False)


def test_what_the_upstream_says_is_redacted() -> None:
    said = "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXBhcnQ"
    assert "eyJzdWIiOiIxIn0" not in ended_reply(FAILED, upstream_says=said).message


def test_the_upstream_s_own_retry_time_goes_before_ours() -> None:
    lost = replace(FAILED, end_reason=EndReason.WORKER_LOST, detail=None)
    assert ended_reply(lost).retry_after_s == 1
    assert ended_reply(lost, retry_after_s=30).retry_after_s == 30
    assert ended_reply(FAILED).retry_after_s is None


@pytest.mark.parametrize("reason", sorted(set(EndReason) - SUCCESSES))
def test_every_failure_has_words_and_a_code(reason: EndReason) -> None:
    reply = ended_reply(replace(FAILED, end_reason=reason, detail=None))
    assert reply.message
    assert reply.error_code
    assert reply.end_reason is reason


@pytest.mark.parametrize(
    ("detail", "upstream", "kind", "code", "param"),
    [
        (Detail.CONTEXT_LENGTH, 200, "invalid_request_error", "context_length_exceeded", "messages"),
        (Detail.FILTERED, 400, "invalid_request_error", "content_filter", None),
        (Detail.QUOTA, 429, "insufficient_quota", "insufficient_quota", None),
        (Detail.RATE_LIMIT, 200, "upstream_error", "rate_limit_exceeded", None),
        (Detail.STATUS, 429, "upstream_error", "rate_limit_exceeded", None),
        (Detail.STATUS, 504, "upstream_error", "upstream_timeout", None),
        (Detail.STATUS, 500, "upstream_error", "upstream_error", None),
        (Detail.ERROR_FRAME, 200, "upstream_error", "upstream_error", None),
    ],
)
def test_an_upstream_s_error_keeps_its_meaning_in_openai_s_words(
    detail: Detail, upstream: int, kind: str, code: str, param: str | None
) -> None:
    failed = replace(
        FAILED, end_reason=EndReason.UPSTREAM_ERROR, detail=detail.value, upstream_status=upstream
    )
    reply = ended_reply(failed, upstream_says="in the site's words")
    assert (reply.error_type, reply.error_code, reply.param) == (kind, code, param)
    assert reply.message.endswith(": in the site's words")
    assert f"({detail})" not in reply.message


def test_no_client_is_asked_to_wait_longer_than_sdks_do_and_the_true_figure_is_told() -> None:
    slow = replace(FAILED, end_reason=EndReason.UPSTREAM_ERROR, detail="status", upstream_status=429)
    reply = ended_reply(slow, upstream_says="slow down", retry_after_s=3600)
    assert reply.retry_after_s == LONGEST_RETRY_S == 120
    assert reply.message.endswith(": slow down (retry after 3600 seconds)")
    assert "retry after" not in ended_reply(slow, retry_after_s=120).message


def test_a_refusal_has_its_reason_s_words_unless_it_brings_its_own() -> None:
    lost = refused(EndReason.WORKER_LOST, Detail.MID_STREAM)
    assert (lost.http_status, lost.error_type, lost.error_code) == (503, "server_error", "worker_lost")
    assert (lost.detail, lost.retry_after_s) == ("mid_stream", 1)
    assert lost.message == "the process that ran this request was lost; try again"
    full = refused(EndReason.OVERLOADED, Detail.QUEUE, "no room", 7)
    assert (full.http_status, full.message, full.retry_after_s) == (429, "no room", 7)
    assert refused(EndReason.UNAVAILABLE).detail is None


@pytest.mark.parametrize(
    ("end_reason", "detail", "status"),
    [(EndReason.WORKER_LOST, "mid_stream", 503), (EndReason.UPSTREAM_ERROR, "status", 429)],
)
def test_a_failure_is_never_told_as_a_200_to_a_client_without_a_head(
    end_reason: EndReason, detail: str, status: int
) -> None:
    end = replace(FAILED, end_reason=end_reason, detail=detail, http_status=200, upstream_status=429)
    assert status_of_failure(ended_reply(end)) == status


@given(st.sampled_from(EndReason), st.none() | st.integers(min_value=0))
def test_no_last_reply_asks_for_a_pause_above_120_seconds(reason: EndReason, asked_s: int | None) -> None:
    replies = [refused(reason, retry_after_s=asked_s)]
    replies.append(ended_reply(replace(FAILED, end_reason=reason), retry_after_s=asked_s))
    assert all(reply.retry_after_s is None or reply.retry_after_s <= 120 for reply in replies)

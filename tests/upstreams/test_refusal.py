"""HTTP statuses as faults, and the site's own words in them."""

import pytest

from mix2api.upstreams.http.head import AnswerHead
from mix2api.upstreams.refusal import refusal_fault, words_fault
from mix2api.vocabulary import Detail, EndReason

NOW_MS = 784_111_777_000  # Sun, 06 Nov 1994 08:49:37 GMT


def head(status: int, **fields: str) -> AnswerHead:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return AnswerHead(status=status, headers=headers, reusable=True)


@pytest.mark.parametrize(
    ("status", "end_reason", "taken"),
    [
        (401, EndReason.UPSTREAM_AUTH_ERROR, False),
        (403, EndReason.UPSTREAM_AUTH_ERROR, False),
        (429, EndReason.UPSTREAM_ERROR, False),
        (503, EndReason.UPSTREAM_ERROR, False),
        (400, EndReason.UPSTREAM_ERROR, True),
        (404, EndReason.UPSTREAM_ERROR, True),
        (500, EndReason.UPSTREAM_ERROR, True),
        (502, EndReason.UPSTREAM_ERROR, True),
        (302, EndReason.UPSTREAM_ERROR, True),
    ],
)
def test_the_status_says_whose_doing_it_is_and_whether_the_turn_was_taken(
    status: int,
    end_reason: EndReason,
    taken: bool,  # noqa: FBT001
) -> None:
    fault = refusal_fault(head(status), b"", NOW_MS)
    assert (fault.end_reason, fault.detail, fault.status, fault.taken) == (
        end_reason,
        Detail.STATUS,
        status,
        taken,
    )
    assert fault.message == f"the upstream answered with status {status}"
    assert fault.retry_after_s is None


def test_retry_after_is_passed_on_as_seconds() -> None:
    assert refusal_fault(head(429, retry_after="7"), b"", NOW_MS).retry_after_s == 7
    date = "Sun, 06 Nov 1994 08:50:00 GMT"
    assert refusal_fault(head(503, retry_after=date), b"", NOW_MS).retry_after_s == 23


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"too many"}}', "too many"),
        (b'{"error":"too many"}', "too many"),
        (b'{"message":"too many"}', "too many"),
        (b'{"detail":"too many"}', "too many"),
        (b'{"error":{"code":5},"message":"too many"}', "too many"),
        (b'"too many"', "too many"),
        (b" too many\n", "too many"),
        (b"too \xff many", "too \ufffd many"),
        (b'{"code":5}', "the upstream answered with status 500"),
        (b"[1]", "the upstream answered with status 500"),
        (b"", "the upstream answered with status 500"),
        (b"x" * 600, "x" * 500),
    ],
)
def test_the_site_s_words_are_found(body: bytes, message: str) -> None:
    assert refusal_fault(head(500), body, NOW_MS).message == message


def test_a_page_is_not_quoted() -> None:
    fault = refusal_fault(head(502, content_type="text/html; charset=utf-8"), b"<html>Bad Gateway", NOW_MS)
    assert fault.message == "the upstream answered with status 502"


@pytest.mark.parametrize(
    ("body", "detail", "message"),
    [
        (b" closed at night ", Detail.PROTOCOL, "neither a stream of events nor JSON: closed at night"),
        (b"Too many requests", Detail.RATE_LIMIT, "Too many requests"),
        (b"\x00\x01", Detail.PROTOCOL, "neither a stream of events nor JSON"),
        (b"\xff", Detail.PROTOCOL, "neither a stream of events nor JSON"),
        (b"", Detail.PROTOCOL, "neither a stream of events nor JSON"),
        (b"x" * 900, Detail.PROTOCOL, "JSON: " + "x" * 500),
    ],
)
def test_a_text_in_place_of_an_answer_is_a_fault_with_its_words(
    body: bytes, detail: Detail, message: str
) -> None:
    fault = words_fault(body, 200)
    assert (fault.detail, fault.status) == (detail, 200)
    assert fault.message.endswith(message)

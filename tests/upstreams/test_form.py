"""What a body is, by its first bytes, whatever it is declared as."""

import pytest

from mix2api.upstreams.form import Form, declared_form, form_of
from mix2api.upstreams.http.head import AnswerHead


def head(media_type: str = "", **fields: str) -> AnswerHead:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return AnswerHead(status=200, headers={"content-type": media_type, **headers}, reusable=True)


@pytest.mark.parametrize("declared", ["", "text/plain", "text/event-stream", "application/json", "text/html"])
@pytest.mark.parametrize(
    ("begun", "form"),
    [
        (b'data: {"type":"start"}\n\n', Form.STREAM),
        (b"data", Form.STREAM),
        (b"event: ping\n", Form.STREAM),
        (b"id:1\n", Form.STREAM),
        (b"retry: 3\n", Form.STREAM),
        (b": hello\n", Form.STREAM),
        (b"\n\ndata: x", Form.STREAM),
        (b"\xef\xbb\xbfdata: x", Form.STREAM),
        (b'{"text":"hi"}', Form.JSON),
        (b' \r\n{"text":"hi"}', Form.JSON),
        (b"\xef\xbb\xbf[", Form.JSON),
        (b"<!doctype html>", Form.PAGE),
        (b"\n<html>", Form.PAGE),
        (b"\x1f\x8b\x08", Form.PACKED),
    ],
)
def test_the_first_bytes_decide(begun: bytes, form: Form, declared: str) -> None:
    assert form_of(begun, head(declared)) is form


@pytest.mark.parametrize("begun", [b"", b"\n", b"\xef\xbb\xbf", b"d", b"dat", b"ret", b"e"])
def test_too_few_bytes_decide_nothing_until_the_body_ends(begun: bytes) -> None:
    assert form_of(begun, head("text/event-stream")) is None
    assert form_of(begun, head("text/event-stream"), ended=True) is Form.STREAM


@pytest.mark.parametrize("begun", [b"well", b"database", b"data base", b"identity"])
def test_words_are_what_they_are_declared_as(begun: bytes) -> None:
    assert form_of(begun, head("text/plain")) is Form.UNKNOWN
    assert form_of(begun, head("text/event-stream")) is Form.STREAM


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        (head("text/event-stream; charset=utf-8"), Form.STREAM),
        (head("text/plain", x_vercel_ai_ui_message_stream="v1"), Form.STREAM),
        (head("application/json"), Form.JSON),
        (head("application/problem+json"), Form.JSON),
        (head("text/html"), Form.UNKNOWN),
        (head("text/plain"), Form.UNKNOWN),
    ],
)
def test_a_body_is_declared(answer: AnswerHead, form: Form) -> None:
    assert declared_form(answer) is form

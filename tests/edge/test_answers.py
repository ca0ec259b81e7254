"""Heads of answers as bytes."""

from pathlib import Path

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.edge import answers
from mix2api.edge.answers import error_headers, head_bytes, retry_after
from mix2api.errors import AuthenticationFailed, Overloaded, StoreUnavailable
from mix2api.vocabulary import Detail


def test_a_head_is_read_by_another_implementation() -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.receive_data(head_bytes(503, [("x-a", "b c"), ("content-length", "0")], 784111777.0))
    told = client.next_event()
    assert isinstance(told, h11.Response)
    assert told.status_code == 503
    assert dict(told.headers) == {
        b"x-a": b"b c",
        b"content-length": b"0",
        b"date": b"Sun, 06 Nov 1994 08:49:37 GMT",
    }


@pytest.mark.parametrize("value", ["a\nb", "a\r\nset-cookie: b", "a\r", "\u0100"])
def test_a_value_that_would_be_another_header_is_a_fault_of_ours(value: str) -> None:
    with pytest.raises(ValueError, match=r"line end|latin-1"):
        head_bytes(200, [("x-session-id", value)], 0)


def test_errors_say_when_to_try_again_and_by_which_scheme_to_authenticate() -> None:
    assert error_headers(Overloaded("", detail=Detail.QUEUE, retry_after_s=3)) == [("retry-after", "3")]
    assert error_headers(AuthenticationFailed("")) == [("www-authenticate", "Bearer")]


@given(st.integers(min_value=0))
def test_no_answer_asks_for_a_pause_above_120_seconds(seconds: int) -> None:
    shown = str(min(seconds, 120))
    assert retry_after(seconds) == [("retry-after", shown)]
    full = Overloaded("", detail=Detail.QUEUE, retry_after_s=seconds)
    assert error_headers(full) == error_headers(StoreUnavailable(retry_after_s=seconds))
    assert error_headers(full) == [("retry-after", shown)]


def test_an_answer_without_a_pause_has_no_such_header() -> None:
    assert retry_after(None) == []


def test_one_module_alone_writes_the_header() -> None:
    edge = Path(answers.__file__).parent
    writers = [path.name for path in edge.rglob("*.py") if '("retry-after"' in path.read_text()]
    assert writers == ["answers.py"]

"""When to try again, and the `retry-after` field."""

import pytest

from mix2api.upstreams.http.limits import Retries
from mix2api.upstreams.http.retrying import LONGEST_RETRY_AFTER_S, retry_after_s, wait_before_retry

NOW_MS = 784_111_777_000  # Sun, 06 Nov 1994 08:49:37 GMT, the RFC's example


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("99999999999999999999", LONGEST_RETRY_AFTER_S),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60),
        ("Sun, 06 Nov 1994 08:50:37 -0000", 60),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Sun, 06 Nov 2094 08:00:00 GMT", LONGEST_RETRY_AFTER_S),
        ("", None),
        ("-5", None),
        ("1.5", 2),
        ("0.2", 1),
        ("7.", 7),
        ("Sun, 06 Nov 1994 08:49:37.5 GMT", None),
        ("soon", None),
        ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
        ("\u00b2", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(value: str, seconds: int | None) -> None:
    assert retry_after_s({"retry-after": value}, NOW_MS) == seconds


@pytest.mark.parametrize(("value", "seconds"), [("1500", 2), ("1000", 1), ("0.5", 1), ("soon", 9), ("", 9)])
def test_milliseconds_are_rounded_up_and_win_where_they_can_be_read(value: str, seconds: int) -> None:
    assert retry_after_s({"retry-after-ms": value, "retry-after": "9"}, NOW_MS) == seconds


def test_without_the_field_there_is_no_figure() -> None:
    assert retry_after_s({}, NOW_MS) is None


def test_by_default_nothing_is_tried_again() -> None:
    assert wait_before_retry(Retries(), 1, 0.5, None) is None


def test_waits_double_and_are_drawn_from_zero_up() -> None:
    retries = Retries(count=3, base_s=0.25)
    assert [wait_before_retry(retries, attempt, 1.0, None) for attempt in (1, 2, 3, 4)] == [
        0.5,
        1.0,
        2.0,
        None,
    ]
    assert wait_before_retry(retries, 1, 0.0, None) == 0.0


def test_waits_are_bounded() -> None:
    assert wait_before_retry(Retries(count=99, longest_wait_s=10), 50, 1.0, None) == 10


def test_the_site_s_word_is_waited_for_up_to_the_bound() -> None:
    retries = Retries(count=1, longest_wait_s=10)
    assert wait_before_retry(retries, 1, 0.5, 3) == 3
    assert wait_before_retry(retries, 1, 0.5, 11) is None

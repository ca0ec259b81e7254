"""When a call is tried again, and how long it waits before. Pure: the draw and the wall clock come in."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from mix2api.upstreams.http.limits import Retries

RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""Refusals, and gateways that had no site behind them."""
LONGEST_RETRY_AFTER_S: Final = 86_400
"""What a client is told at most: beyond a day the value says nothing about when to come back."""


def retry_after_s(headers: Mapping[str, str], now_ms: int) -> int | None:
    """The answer's `retry-after` in whole seconds from now, 0 to a day; None if absent or unreadable.

    It is a number of seconds or an HTTP date (RFC 9110, 10.2.3).

    Args:
        headers: by lower-case name.
        now_ms: Unix time.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # "-0000" gives a naive time: HTTP dates are UTC whatever they say.
    seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_ms / 1000
    return min(max(0, round(seconds)), LONGEST_RETRY_AFTER_S)


def wait_before_retry(retries: Retries, attempt: int, draw: float, asked_s: int | None) -> float | None:
    """Seconds to wait before the next attempt, or None if there is none.

    Args:
        retries: what is allowed.
        attempt: attempts made so far, from 1.
        draw: uniform in 0 to 1.
        asked_s: what the site asked for by `retry-after`.
    """
    if attempt > retries.count or (asked_s or 0) > retries.longest_wait_s:
        return None
    jittered: float = draw * min(retries.base_s * 2**attempt, retries.longest_wait_s)
    return max(jittered, asked_s or 0)

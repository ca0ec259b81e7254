"""When a call is tried again, and how long it waits before. Pure: the draw and the wall clock come in."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from mix2api.upstreams.http.limits import Retries

REFUSALS: Final = frozenset({429, 503})
"""Answers of a site, or of what stands before it, that did not take the request."""
RETRYABLE: Final = REFUSALS | {502, 504}
"""Also gateways that heard nothing of use from the site: it may have read the request."""
LONGEST_RETRY_AFTER_S: Final = 86_400
"""Beyond a day the value says nothing about when to come back."""
_DECIMAL: Final = re.compile(r"[0-9]{1,30}(?:\.[0-9]{0,30})?")


def retry_after_s(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long the site asks to wait, in whole seconds from now, 0 to a day; None if it does not say, or unreadably.

    `retry-after-ms` (Azure OpenAI, and the OpenAI SDKs read it first) is exact. `retry-after` is a number of seconds, which
    some sites give with a fraction, or an HTTP date (RFC 9110, 10.2.3). Parts of a second are rounded up: a client that
    comes early is refused once more.

    Args:
        headers: by lower-case name.
        now_ms: Unix time.
    """
    asked_ms = _number(headers.get("retry-after-ms", ""))
    if asked_ms is not None:
        return _whole_seconds(asked_ms / 1000)
    value = headers.get("retry-after", "")
    asked_s = _number(value)
    if asked_s is not None:
        return _whole_seconds(asked_s)
    try:
        moment = parsedate_to_datetime(value.strip())
    except (ValueError, OverflowError):  # a part of the date may have any number of digits
        return None
    # "-0000" gives a naive time: HTTP dates are UTC whatever they say.
    return _whole_seconds(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_ms / 1000)


def _number(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text.strip()) else None


def _whole_seconds(seconds: float) -> int:
    return min(max(0, math.ceil(seconds)), LONGEST_RETRY_AFTER_S)


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

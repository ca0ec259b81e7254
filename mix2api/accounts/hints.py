"""When an account's limit ends, as the upstream's refusal says it. Pure: headers, body and the wall clock come in.

A hint is a guess: upstreams announce resets that are stale, or of another limit. `mix2api.accounts.state` therefore lets one
call try the account before the announced time.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from attrs import frozen

_LONGEST_MS: Final = 366 * 86_400_000
"""A reset further away than a year is an error of the upstream's."""
_QUOTA_MS: Final = 3_600_000
"""Limits a minute or a second long (bursts) reset within an hour; longer waits are of a quota."""
_BURST_MINUTES: Final = 60
_FULL_PERCENT: Final = 100
_EPOCH_S: Final = 1_000_000_000
"""A larger number of seconds is a Unix time (2001 and later), no duration."""
_EPOCH_MS: Final = 1_000_000_000_000
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?")
_PART: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?)(ms|s|m|h|d)")
_UNITS_MS: Final = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_OPENAI: Final = ("requests", "tokens")
_ANTHROPIC: Final = ("requests", "tokens", "input-tokens", "output-tokens")
_CODEX: Final = ("primary", "secondary")
_EMPTY: Final = frozenset({"0", "0.0"})


@frozen
class ResetHint:
    """A guess at the end of a limit."""

    at_ms: int
    """Unix time."""
    is_quota: bool
    """A limit over hours or more; else a burst limit."""
    is_of_account: bool = False
    """It is a limit of the account's plan, whatever the model. False: the refusal does not say whose limit it is."""


def reset_hint(headers: Mapping[str, str], body: object, now_ms: int) -> ResetHint | None:
    """When the upstream's limit ends; None if the refusal does not say, or names a time over 366 days away.

    The body's `usage_limit_reached` is the most exact, then the windows that are used up, then `retry-after`, then the
    other reset headers. Of several windows that are used up, the last reset counts.

    Args:
        headers: by lower-case name.
        body: the refusal's JSON value, if it is one.
        now_ms: Unix time.
    """
    guesses: Iterable[list[ResetHint]] = (
        _of_body(body, now_ms),
        _of_codex(headers, now_ms),
        _of_windows(headers, now_ms, used_up=True),
        _of_retry_after(headers, now_ms),
        _of_windows(headers, now_ms, used_up=False),
    )
    for found in guesses:
        near = [hint for hint in found if now_ms <= hint.at_ms <= now_ms + _LONGEST_MS]
        if near:
            return max(near, key=lambda hint: hint.at_ms)
    return None


def _of_body(body: object, now_ms: int) -> list[ResetHint]:
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict) or "usage_limit_reached" not in (error.get("type"), error.get("code")):
        return []
    at_ms = _moment(_text(error.get("resets_at")), now_ms)
    if at_ms is None:
        at_ms = _moment(_text(error.get("resets_in_seconds")), now_ms)
    return [] if at_ms is None else [ResetHint(at_ms, is_quota=True, is_of_account=True)]


def _of_codex(headers: Mapping[str, str], now_ms: int) -> list[ResetHint]:
    """Windows are told apart by their length: which is called primary differs from plan to plan."""
    found = []
    for name in _CODEX:
        stem = f"x-codex-{name}-"
        used = _number(headers.get(stem + "used-percent"))
        minutes = _number(headers.get(stem + "window-minutes"))
        if used is None or used < _FULL_PERCENT:
            continue
        at_ms = _moment(headers.get(stem + "reset-after-seconds"), now_ms)
        if at_ms is None:
            at_ms = _moment(headers.get(stem + "reset-at"), now_ms)
        if at_ms is not None:
            is_quota = minutes is None or minutes > _BURST_MINUTES
            found.append(ResetHint(at_ms, is_quota=is_quota, is_of_account=True))
    return found


def _of_windows(headers: Mapping[str, str], now_ms: int, *, used_up: bool) -> list[ResetHint]:
    """`x-ratelimit-reset-*`, `anthropic-ratelimit-*-reset`; only the windows with nothing remaining, or all."""
    pairs = [(f"x-ratelimit-remaining-{one}", f"x-ratelimit-reset-{one}") for one in _OPENAI]
    pairs += [
        (f"anthropic-ratelimit-{one}-remaining", f"anthropic-ratelimit-{one}-reset") for one in _ANTHROPIC
    ]
    pairs += [
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("anthropic-ratelimit-unified-remaining", "anthropic-ratelimit-unified-reset"),
    ]
    moments = [
        _moment(headers.get(reset), now_ms)
        for remaining, reset in pairs
        if not used_up or headers.get(remaining, "").strip() in _EMPTY
    ]
    return [_by_length(at_ms, now_ms) for at_ms in moments if at_ms is not None]


def _of_retry_after(headers: Mapping[str, str], now_ms: int) -> list[ResetHint]:
    asked_ms = _number(headers.get("retry-after-ms"))
    at_ms = _moment(headers.get("retry-after"), now_ms) if asked_ms is None else now_ms + math.ceil(asked_ms)
    return [] if at_ms is None else [_by_length(at_ms, now_ms)]


def _by_length(at_ms: int, now_ms: int) -> ResetHint:
    return ResetHint(at_ms, is_quota=at_ms - now_ms > _QUOTA_MS)


def _moment(said: str | None, now_ms: int) -> int | None:
    """Unix time in ms of seconds from now, a Unix time in s or ms, a duration (`6m0s`), an RFC 3339 or an HTTP date."""
    text = (said or "").strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_MS:
            return math.ceil(number)
        return math.ceil(number * 1000) if number >= _EPOCH_S else now_ms + math.ceil(number * 1000)
    parts = _PART.findall(text)
    if parts and "".join(amount + unit for amount, unit in parts) == text:
        return now_ms + math.ceil(sum(float(amount) * _UNITS_MS[unit] for amount, unit in parts))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, OverflowError):  # a part of the date may have any number of digits
            continue
        return math.ceil(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    return None


def _number(said: str | None) -> float | None:
    text = (said or "").strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _text(value: Any) -> str | None:
    """A JSON number or text as text; a truth value is neither."""
    return str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None

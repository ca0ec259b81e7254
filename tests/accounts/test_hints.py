"""Reset hints: every form that upstreams use, and none beyond 366 days."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.accounts.hints import ResetHint, reset_hint

NOW: Final = 1_800_000_000_000
MINUTE: Final = 60_000
HOUR: Final = 3_600_000
DAY: Final = 86_400_000
YEAR: Final = 366 * DAY


@pytest.mark.parametrize(
    ("headers", "after_ms", "is_quota"),
    [
        ({"retry-after": "20"}, 20_000, False),
        ({"retry-after": "0.5"}, 500, False),
        ({"retry-after": "7200"}, 2 * HOUR, True),
        ({"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}, MINUTE, False),
        ({"retry-after-ms": "1500", "retry-after": "20"}, 1500, False),
        ({"x-ratelimit-reset-requests": "6m0s"}, 6 * MINUTE, False),
        ({"x-ratelimit-reset-tokens": "17ms"}, 17, False),
        ({"x-ratelimit-reset": "1800000060"}, MINUTE, False),
        ({"x-ratelimit-reset": "1800000060000"}, MINUTE, False),
        (
            {
                "x-ratelimit-remaining-requests": "9",
                "x-ratelimit-reset-requests": "2h",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1m",
            },
            MINUTE,
            False,
        ),
        (
            {
                "x-codex-primary-used-percent": "100",
                "x-codex-primary-window-minutes": "10080",
                "x-codex-primary-reset-after-seconds": "86400",
            },
            DAY,
            True,
        ),
        (
            {
                "x-codex-primary-used-percent": "12",
                "x-codex-primary-reset-after-seconds": "86400",
                "x-codex-secondary-used-percent": "100",
                "x-codex-secondary-window-minutes": "5",
                "x-codex-secondary-reset-at": "1800000060",
            },
            MINUTE,
            False,
        ),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2027-01-15T08:01:00Z",
            },
            MINUTE,
            False,
        ),
        ({"anthropic-ratelimit-unified-reset": "1800090000"}, 90_000_000, True),
    ],
)
def test_each_form_is_read(headers: dict[str, str], after_ms: int, *, is_quota: bool) -> None:
    of_account = any(name.startswith("x-codex-") for name in headers)
    expected = ResetHint(NOW + after_ms, is_quota=is_quota, is_of_account=of_account)
    assert reset_hint(headers, None, NOW) == expected


@pytest.mark.parametrize(
    "said",
    [
        {"type": "usage_limit_reached", "resets_at": NOW // 1000 + 86_400},
        {"type": "usage_limit_reached", "resets_in_seconds": 86_400},
        {"code": "usage_limit_reached", "resets_in_seconds": "86400"},
        {"type": "usage_limit_reached", "resets_at": True, "resets_in_seconds": 86_400.0},
    ],
)
def test_the_body_of_a_used_up_quota_goes_before_the_headers(said: dict[str, object]) -> None:
    expected = ResetHint(NOW + DAY, is_quota=True, is_of_account=True)
    assert reset_hint({"retry-after": "5"}, {"error": said}, NOW) == expected
    assert reset_hint({}, said, NOW) == expected


@pytest.mark.parametrize(
    "body",
    [
        *(None, [], {"error": "x"}, {"error": {"type": "other"}}, {"type": "usage_limit_reached"}),
        {"error": {"type": ["usage_limit_reached"], "code": {}}},
    ],
)
def test_a_body_without_a_reset_says_nothing(body: object) -> None:
    assert reset_hint({}, body, NOW) is None


@pytest.mark.parametrize(
    "said",
    [
        *("", "soon", "-5", "1x", "5s!", "99999999999", "1e9", "2025-01-15T08:01:00Z", "9" * 16),
        "Fri, 15 Jan 99999999999999999999 08:01:00 GMT",
    ],
)
def test_what_is_unreadable_past_or_too_far_is_no_hint(said: str) -> None:
    assert reset_hint({"retry-after": said}, None, NOW) is None


def test_a_codex_window_that_is_full_but_names_no_reset_says_nothing() -> None:
    assert reset_hint({"x-codex-primary-used-percent": "100"}, None, NOW) is None


def test_a_time_without_a_zone_is_utc() -> None:
    found = reset_hint({"retry-after": "2027-01-15T08:01:00"}, None, NOW)
    assert found == ResetHint(NOW + MINUTE, is_quota=False)


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.text()), st.integers(0, NOW))
def test_no_headers_fail_and_no_hint_is_out_of_bounds(headers: dict[str, str], now_ms: int) -> None:
    found = reset_hint(headers, None, now_ms)
    assert found is None or now_ms <= found.at_ms <= now_ms + YEAR
